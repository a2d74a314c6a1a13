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
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from radiotracer.gradients.ghost.forms import Form, Outer, Pulled, Sum
from radiotracer.gradients.ghost.operations import (
    ARITHMETIC,
    EXPANSION,
    Step,
    Tap,
    Way,
    changes,
    copied,
    is_composite,
    is_transposed,
    leaves_reached,
    name_of,
    opened,
    precise,
    split,
    swapped,
    tensors,
    ways_along,
)
from radiotracer.gradients.ghost.form import Full
from radiotracer.gradients.ghost.rules import NoRule, Rule, find_rule


@dataclass(eq=False)
class Use:
    """One use of watched tensors: what is done about it, and what could be done instead."""

    step: Step
    candidates: tuple[Way, ...]


@dataclass(eq=False)
class Source:
    """A watched tensor: a parameter, or a tensor derived from parameters alone.

    Args:
        roots: Names of the parameters that it comes from.
        tensor: What the network holds; asks for gradients.
        hand_over: Called with the complete form.
        uses: Where it was used.
        forms: What came back from each use.
    """

    roots: tuple[str, ...]
    tensor: Tensor
    hand_over: Callable[[Form], None]
    uses: list[Use] = field(default_factory=list)
    forms: dict[Use, Form] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Call:
    """An operation that was given watched tensors."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    sources: Sequence[Source]
    rule: Rule | None

    @property
    def roots(self) -> list[str]:
        """Names of all the parameters behind it."""
        return list(dict.fromkeys(root for source in self.sources for root in source.roots))

    def plain(self) -> Any:
        """As if nobody watched; a parameter that gets its gradient this way has failed."""
        return self.func(*self.args, **self.kwargs)

    def given(self, swap: Mapping[int, Tensor]) -> Any:
        """With other tensors in place of the watched ones."""
        return self.func(*swapped(self.args, swap), **swapped(self.kwargs, swap))


class Tape(TorchFunctionMode):
    """The uses of watched parameters in one forward pass of n examples.

    Args:
        parameters: What to watch, by name.
        plan: For each parameter the steps found for it.
        examples: n.
        consume: Called with each parameter's name and complete form during the backward pass.
        probe: While a plan is made, the inputs. Uses beyond the plan are then treated in the way
            that `prefer` names for the parameter, or else in the likeliest.
        prefer: By parameter.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        plan: Mapping[str, Sequence[Step]],
        examples: int,
        consume: Callable[[str, Form], None],
        *,
        probe: Tensor | None = None,
        prefer: Mapping[str, Way] | None = None,
    ) -> None:
        super().__init__()
        self.leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
        self.uses: dict[str, list[Use]] = {name: [] for name in parameters}
        self.failed: dict[str, str] = {}
        self.overruled: set[str] = set()
        self.latest: Sequence[str] = ()
        self._anchor = torch.zeros((), requires_grad=True)
        self._sources: dict[int, Source] = {}
        for name, leaf in self.leaves.items():
            self._watch((name,), leaf, lambda form, name=name: consume(name, form))
        self._reasons: dict[str, str] = {}
        self._plan = plan
        self._examples = examples
        self._probing = probe is not None
        self._prefer = prefer or {}
        # While probing: tensors that depend on the examples, by identity, kept so that it stays.
        self._varying = {} if probe is None else {id(probe): probe}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for every operation in the context."""
        kwargs = kwargs or {}
        given = {id(tensor): tensor for tensor in tensors((args, kwargs))}
        met = given.keys() & self._sources.keys()
        # Without gradients a use adds nothing.
        if not met or not torch.is_grad_enabled():
            result = func(*args, **kwargs)
        else:
            rule = find_rule(func)
            if rule is None and is_composite(func):
                with self:
                    result = opened(func)(*args, **kwargs)
            else:
                sources = [self._sources[key] for key in given if key in met]
                others = [tensor for key, tensor in given.items() if key not in met]
                result = self._meet(Call(func, args, kwargs, sources, rule), others)
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
            torch.autograd.grad(losses.sum(), self._anchor)
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

    def _meet(self, call: Call, others: Sequence[Tensor]) -> Any:
        self.latest = call.roots
        name = name_of(call.func)
        arguments: dict[str, Any] = {}
        if call.rule is not None:
            try:
                arguments = call.rule.bind(call.args, call.kwargs)
            except NoRule as error:
                self._excuse(call, f"{name}: {error}")
        candidates = self._candidates(call, arguments, others)
        way = self._way(name, call, candidates)
        if way is Way.COPIES:
            return self._copy(call, self._note(name, way, candidates, call), others)
        if way is not None and way is not Way.DERIVED:
            return self._apply(call, arguments, name, way, candidates)
        if Way.DERIVED in candidates:
            return self._derive(call, name, candidates, planned=way is not None)
        return call.plain()

    def _candidates(
        self, call: Call, arguments: Mapping[str, Any], others: Sequence[Tensor]
    ) -> tuple[Way, ...]:
        if changes(call.func, call.args, self._sources):
            return ()
        found: list[Way] = []
        data = arguments.get(call.rule.data) if call.rule is not None else None
        if isinstance(data, Tensor) and id(data) not in self._sources:
            found = ways_along(data, self._examples, probing=self._probing)
        alone = len(call.sources) == 1
        if alone and call.func in EXPANSION:
            found.append(Way.COPIES)
        if not any(each.requires_grad or id(each) in self._varying for each in others):
            found.append(Way.DERIVED)
        if alone and call.func in ARITHMETIC:
            found.append(Way.COPIES)
        return tuple(found)

    def _way(self, name: str, call: Call, candidates: tuple[Way, ...]) -> Way | None:
        """The planned way of this use; while probing, a new one where nothing is planned yet."""
        if not candidates:
            self._excuse(call, f"{name} has no rule")
            return None
        wishes: dict[str, Way | None] = {}
        for root in call.roots:
            planned, number = self._plan.get(root, ()), len(self.uses[root])
            if number < len(planned):
                step = planned[number]
                fits = step.operation == name and step.way in candidates
                wishes[root] = step.way if fits else None
            elif self._probing:
                wish = self._prefer.get(root)
                wishes[root] = wish if wish in candidates else candidates[0]
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

    def _note(self, name: str, way: Way, candidates: tuple[Way, ...], call: Call) -> Use:
        use = Use(Step(name, way), candidates)
        for source in call.sources:
            source.uses.append(use)
        for root in call.roots:
            self.uses[root].append(use)
        return use

    def _apply(
        self,
        call: Call,
        arguments: Mapping[str, Any],
        name: str,
        way: Way,
        candidates: tuple[Way, ...],
    ) -> Any:
        """By the operation's rule."""
        rule = call.rule
        assert rule is not None  # noqa: S101
        values = {id(source.tensor): source.tensor.detach() for source in call.sources}
        output = call.given(values)
        if not isinstance(output, Tensor):
            self._excuse(call, f"{name} returns no tensor")
            return call.plain()
        use = self._note(name, way, candidates, call)
        roles = {
            source: [role for role, value in arguments.items() if value is source.tensor]
            for source in call.sources
        }
        arguments = swapped(dict(arguments), values)
        data, examples = arguments[rule.data], self._examples
        version = data._version

        def arrive(errors: Tensor) -> None:
            reason = None
            try:
                if data._version != version:
                    raise NoRule("an input that was changed in place afterwards")
                given = {**arguments, rule.data: precise(split(data, way, examples))}
                errors = precise(split(errors, way, examples))
                for source, its in roles.items():
                    forms = [rule.function(errors, role, **given) for role in its]
                    self._arrived(source, use, Sum.of(forms))
            except NoRule as error:
                reason = f"{name} with {error}"
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever a rule raises
                reason = f"the rule of {name} raises {type(error).__name__}"
            for source in call.sources if reason is not None else ():
                self._miss(source, str(reason))

        return Tap.apply(output, self._anchor, arrive)  # type: ignore[no-untyped-call]

    def _copy(self, call: Call, use: Use, others: Sequence[Tensor]) -> Any:
        """Give each example its own copy of the parameter; the copies' gradients are wanted."""
        (source,) = call.sources
        shape, examples = tuple(source.tensor.shape), self._examples
        rank = max((each.dim() for each in others), default=0)
        copies = copied(source.tensor.detach(), examples, rank)

        def arrive(errors: Tensor) -> None:
            self._arrived(source, use, Full(shape, precise(errors).reshape(examples, *shape)))

        tapped = Tap.apply(copies, self._anchor, arrive)  # type: ignore[no-untyped-call]
        return call.given({id(source.tensor): tapped})

    def _derive(
        self, call: Call, name: str, candidates: tuple[Way, ...], *, planned: bool
    ) -> Any:
        """Watch the results in place of the parameters that they were made from."""
        leaves = {
            id(source.tensor): source.tensor.detach().requires_grad_() for source in call.sources
        }
        result = call.given(leaves)
        made = [each for each in tensors(result) if each.requires_grad]
        if type(result) not in (Tensor, tuple, list):
            return call.plain()
        if made and not planned:
            return call.plain()
        shown: dict[int, Tensor] = {}
        for each in made:
            use = self._note(name, Way.DERIVED, candidates, call)
            shown[id(each)] = each.detach().requires_grad_()

            def pull(form: Form, each: Tensor = each, use: Use = use) -> None:
                for source in call.sources:
                    leaf = leaves[id(source.tensor)]
                    self._arrived(source, use, _pulled(form, each, leaf))

            self._watch(tuple(call.roots), shown[id(each)], pull)
        return swapped(result, shown)

    def _arrived(self, source: Source, use: Use, form: Form) -> None:
        source.forms[use] = form
        if len(source.forms) == len(source.uses):
            self._complete(source)

    def _complete(self, source: Source) -> None:
        forms = [source.forms.pop(use) for use in source.uses if use in source.forms]
        if not any(root in self.failed for root in source.roots):
            source.hand_over(Sum.of(forms))

    def _excuse(self, call: Call, reason: str) -> None:
        """Remember why a use is not treated, in case a gradient comes by it."""
        for root in call.roots:
            self._reasons.setdefault(root, reason)

    def _miss(self, source: Source, reason: str) -> None:
        for root in source.roots:
            self.failed.setdefault(root, self._reasons.get(root, reason))


def _pulled(form: Form, result: Tensor, leaf: Tensor) -> Form:
    """The gradients of a tensor, from those of a tensor that was made from it."""
    shape = tuple(leaf.shape)
    if isinstance(form, Outer) and is_transposed(result, leaf):
        return Outer(shape, form.right, form.left)

    def back(gradients: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(
            result,
            leaf,
            gradients.to(result.dtype),
            retain_graph=True,
            is_grads_batched=True,
            materialize_grads=True,
            allow_unused=True,
        )
        return precise(found)

    return Pulled(shape, form, back)
