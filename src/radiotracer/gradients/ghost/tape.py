"""Watches a forward pass use the traced parameters, and meets their gradients on the way back.

While the network runs, every torch operation that is given a traced parameter is noted with the
data it was given. Its output is handed on through an identity that, in the backward pass, receives
the output's gradient; with that the operation's rule makes the form of the per-example gradients.
Forms are handed over as soon as they are complete and then forgotten, so memory stays at that of an
ordinary backward pass, and gradients of the weights themselves are never computed.

The network holds parameters that ask for gradients, and operations with a rule are given others
that do not. So whatever else uses a parameter, seen or unseen, leaves a trace: the losses' graph
reaches the parameter itself. Such a parameter has failed here, and nothing of it is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from radiotracer.gradients.ghost.composites import opened
from radiotracer.gradients.ghost.derived import pulled
from radiotracer.gradients.ghost.forms import Form, Full
from radiotracer.gradients.ghost.operations import (
    Step,
    Tap,
    Way,
    is_in_place,
    leaves_reached,
    precise,
    swapped,
    tapped,
    tensors,
    ways_along,
)
from radiotracer.gradients.ghost.rules import NoRule, find_rule
from radiotracer.gradients.ghost.spread import COPYING, PLACES, gathered, places_of_copies, spread
from radiotracer.gradients.ghost.sums import Sum
from radiotracer.gradients.ghost.uses import Call, Ruled, Source, Use


class Tape(TorchFunctionMode):
    """The uses of watched parameters in one forward pass of n examples.

    Args:
        parameters: What to watch, by name.
        plan: For each parameter the steps found for it.
        examples: n.
        consume: Called with each parameter's name and complete form during the backward pass.
        probe: While a plan is made, the inputs' tensors; uses beyond the plan then go by the
            likeliest way.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        plan: Mapping[str, Sequence[Step]],
        examples: int,
        consume: Callable[[str, Form], None],
        *,
        probe: Sequence[Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        self.uses: dict[str, list[Use]] = {name: [] for name in parameters}
        self.failed: dict[str, str] = {}
        self.overruled: set[str] = set()
        self.latest: Sequence[str] = ()
        device = next((leaf.device for leaf in self.leaves.values()), None)
        self._anchor = torch.zeros((), requires_grad=True, device=device)
        self._sources: dict[int, Source] = {}
        for name, leaf in self.leaves.items():
            self._watch((name,), leaf, partial(consume, name))
        self._reasons: dict[str, str] = {}
        self._plan = plan
        self._examples = examples
        self._probing = probe is not None
        # While probing: tensors that depend on the examples, by identity, kept so that it stays.
        self._varying = {id(tensor): tensor for tensor in probe or ()}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for every operation in the context."""
        kwargs = kwargs or {}
        given = {id(tensor): tensor for tensor in tensors(args) + tensors(kwargs)}
        met = given.keys() & self._sources.keys()
        # Without gradients a use adds nothing.
        if not met or not torch.is_grad_enabled():
            result = func(*args, **kwargs)
        else:
            rule = find_rule(func)
            parts = opened(func, args) if rule is None else None
            if parts is not None:
                with self:
                    result = parts(*args, **kwargs)
            else:
                sources = [self._sources[key] for key in given if key in met]
                others = [tensor for key, tensor in given.items() if key not in met]
                named: dict[str, Any] = {}
                if rule is not None:
                    try:
                        named = rule.bind(args, kwargs)
                    except NoRule:
                        rule = None
                result = self._meet(Call(func, args, kwargs, sources, others, rule, named))
        if self._varying.keys() & given.keys():
            self._varying.update((id(tensor), tensor) for tensor in tensors(result))
        return result

    def backward(self, losses: Tensor) -> None:
        """Differentiate the sum of the losses; forms are consumed on the way."""
        reached = leaves_reached(losses)
        for source in self._sources.values():
            if id(source.tensor) in reached:
                self._miss(source, "used where no torch operation shows it")
        if id(self._anchor) in reached:
            torch.autograd.grad(losses.sum(), self._anchor, allow_unused=True)
        # An output that the losses do not depend on gets no gradient: that use adds nothing.
        for source in reversed(list(self._sources.values())):
            if source.forms:
                self._complete(source)

    def close(self) -> None:
        """Forget everything; derived tensors and the tape hold each other."""
        self._sources.clear()
        self._varying.clear()

    def _watch(
        self, roots: tuple[str, ...], tensor: Tensor, hand_over: Callable[[Form], None]
    ) -> None:
        self._sources[id(tensor)] = Source(roots, tensor, hand_over)

    def _meet(self, call: Call) -> Any:
        self.latest = call.roots
        candidates = self._candidates(call)
        way = self._way(call, candidates)
        if way in PLACES:
            return self._copy(call, way, candidates)
        if way is not None and way is not Way.DERIVED:
            return self._apply(call, way, candidates)
        if Way.DERIVED in candidates:
            return self._derive(call, candidates, planned=way is not None)
        return call.plain()

    def _candidates(self, call: Call) -> tuple[Way, ...]:
        along = partial(ways_along, examples=self._examples, probing=self._probing)
        found = [way for data in [*call.data.values()][:1] for way in along(data.shape)]
        copies = places_of_copies(call, along)
        if call.func in COPYING:
            found += copies
        if not any(each.requires_grad or id(each) in self._varying for each in call.others):
            found.append(Way.DERIVED)
        if call.func not in COPYING:
            found += copies
        return tuple(found)

    def _way(self, call: Call, candidates: tuple[Way, ...]) -> Way | None:
        """The planned way of this use; while probing, a new one where nothing is planned yet."""
        if not candidates:
            self._excuse(call, f"{call.name} has no rule")
            return None
        wishes: dict[str, Way | None] = {}
        for root in call.roots:
            planned, number = self._plan.get(root, ()), len(self.uses[root])
            # A loop may take more turns than it did when the plan was made.
            loop = len(planned) > 1 and len(set(planned)) == 1
            if number < len(planned) or loop:
                step = planned[min(number, len(planned) - 1)]
                fits = step.operation == call.name and step.way in candidates
                wishes[root] = step.way if fits else None
            elif self._probing:
                wishes[root] = candidates[0]
            else:
                wishes[root] = None
        ways = {way for way in wishes.values() if way is not None}
        if len(ways) == 1 and None not in wishes.values():
            return ways.pop()
        if ways and self._probing:
            # Whoever has already seen the earlier ones fail decides.
            way = max(ways, key=candidates.index)
            self.overruled.update(root for root, wish in wishes.items() if wish is not way)
            return way
        self._excuse(call, "used otherwise than in the first batch")
        return None

    def _note(self, call: Call, way: Way, candidates: tuple[Way, ...]) -> Use:
        use = Use(Step(call.name, way), candidates)
        for source in call.sources:
            source.uses.append(use)
        for root in call.roots:
            self.uses[root].append(use)
        return use

    def _apply(self, call: Call, way: Way, candidates: tuple[Way, ...]) -> Any:
        """By the operation's rule."""
        values = {id(source.tensor): source.tensor.detach() for source in call.sources}
        ruled = Ruled(call, values, way, self._examples)
        output = call.given(values)
        if not isinstance(output, Tensor):
            self._excuse(call, f"{call.name} returns no tensor")
            return call.plain()
        use = self._note(call, way, candidates)

        def arrive(errors: Tensor) -> None:
            for source in call.sources:
                try:
                    form = ruled.form(source, errors)
                except NoRule as reason:
                    self._miss(source, str(reason))
                else:
                    self._arrived(source, use, form)

        return tapped(output, self._anchor, arrive, call.others)

    def _copy(self, call: Call, way: Way, candidates: tuple[Way, ...]) -> Any:
        """Give each example its own copy of the parameter; the copies' gradients are wanted."""
        (source,) = call.sources
        use = self._note(call, way, candidates)
        shape, examples = tuple(source.tensor.shape), self._examples

        def arrive(errors: Tensor) -> None:
            gradients = gathered(precise(errors), PLACES[way], examples, shape)
            self._arrived(source, use, Full(shape, gradients))

        # A fresh tensor: what `expand` returns lies several times on the same numbers.
        fresh = spread(call).clone()
        known = Tap.apply(fresh, self._anchor, arrive)  # type: ignore[no-untyped-call]
        return known if call.func in COPYING else call.given({id(source.tensor): known})

    def _derive(self, call: Call, candidates: tuple[Way, ...], *, planned: bool) -> Any:
        """Watch the results in place of the parameters that they were made from."""
        leaves = {
            id(source.tensor): source.tensor.detach().requires_grad_() for source in call.sources
        }
        # A leaf cannot be changed in place; who changes it goes on with the result.
        start = {
            key: leaf.clone() if is_in_place(call.func) else leaf for key, leaf in leaves.items()
        }
        result = call.given(start)
        made = [each for each in tensors(result) if each.requires_grad]
        if type(result) not in (Tensor, tuple, list) or (made and not planned):
            return call.plain()
        shown: dict[int, Tensor] = {}
        for each in made:
            use = self._note(call, Way.DERIVED, candidates)
            shown[id(each)] = each.detach().requires_grad_()

            def pull(form: Form, each: Tensor = each, use: Use = use) -> None:
                for source in call.sources:
                    self._arrived(source, use, pulled(form, each, leaves[id(source.tensor)]))

            self._watch(tuple(call.roots), shown[id(each)], pull)
        return swapped(result, shown)

    def _arrived(self, source: Source, use: Use, form: Form) -> None:
        source.forms[use] = form
        if len(source.forms) == len(source.uses):
            self._complete(source)

    def _complete(self, source: Source) -> None:
        forms = [source.forms.pop(use) for use in source.uses if use in source.forms]
        # A part of the parameters behind it may have failed elsewhere; the others need it.
        if not all(root in self.failed for root in source.roots):
            source.hand_over(Sum.of(forms))

    def _excuse(self, call: Call, reason: str) -> None:
        """Remember why a use is not treated, in case a gradient comes by it."""
        for root in call.roots:
            self._reasons.setdefault(root, reason)

    def _miss(self, source: Source, reason: str) -> None:
        for root in source.roots:
            self.failed.setdefault(root, self._reasons.get(root, reason))
