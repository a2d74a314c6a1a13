"""The uses of watched tensors, and the way back from a use to the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.operations import Step, Way, name_of, precise, split, swapped
from radiotracer.gradients.ghost.rules import NoRule, Rule
from radiotracer.gradients.ghost.sums import Sum
from radiotracer.gradients.memory import is_out_of_memory


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
    """An operation that was given watched tensors.

    Args:
        func: The operation.
        args: Its arguments.
        kwargs: More of them.
        sources: The watched tensors among them.
        others: The other tensors among them.
        rule: The operation's rule.
        named: Its arguments by name, where it has a rule.
    """

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    sources: Sequence[Source]
    others: Sequence[Tensor]
    rule: Rule | None
    named: Mapping[str, Any]

    @property
    def data(self) -> dict[str, Tensor]:
        """The arguments that hold the examples, by name: those that are not watched."""
        watched = {id(source.tensor) for source in self.sources}
        found = {name: self.named.get(name) for name in self.rule.data} if self.rule else {}
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, Tensor) and id(value) not in watched
        }

    @property
    def name(self) -> str:
        """As `torch.overrides` has it."""
        return name_of(self.func)

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


class Ruled:
    """A rule's gradients, once the output's gradient is there.

    Args:
        call: Whose operation has a rule.
        values: What the operation is given in place of the watched tensors, by identity.
        way: Where its examples are.
        examples: How many.
    """

    def __init__(self, call: Call, values: Mapping[int, Tensor], way: Way, examples: int) -> None:
        assert call.rule is not None  # noqa: S101
        self._rule = call.rule
        self._name = call.name
        self._arguments = swapped(dict(call.named), values)
        # Detached: a form that is kept must not keep the graph.
        self._data = {name: value.detach() for name, value in call.data.items()}
        self._versions = {name: value._version for name, value in self._data.items()}
        self._way, self._examples = way, examples
        self._roles = {
            source: [role for role, value in call.named.items() if value is source.tensor]
            for source in call.sources
        }

    def form(self, source: Source, errors: Tensor) -> Form:
        """The gradients of one of the watched tensors; `NoRule` says why there are none."""
        if any(value._version != self._versions[name] for name, value in self._data.items()):
            raise NoRule(f"an input of {self._name} was changed in place afterwards")
        try:
            data = {name: self._split(value) for name, value in self._data.items()}
            errors, given = self._split(errors), {**self._arguments, **data}
            return Sum.of(
                [self._rule.function(errors, role, **given) for role in self._roles[source]]
            )
        except NoRule as error:
            raise NoRule(f"{self._name} with {error}") from error
        except Exception as error:  # whatever a rule raises
            if is_out_of_memory(error):
                raise
            raise NoRule(f"the rule of {self._name} raises {type(error).__name__}") from error

    def _split(self, tensor: Tensor) -> Tensor:
        return precise(split(tensor, self._way, self._examples))
