"""Which torch operation has which rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.operations import name_of
from radiotracer.registry import Registry

RuleFunction = Callable[..., Form]


class NoRule(Exception):
    """Raised by a rule for arguments that it does not cover; the reason goes into reports."""


@dataclass(frozen=True)
class Rule:
    """A rule, with the arguments of its operation.

    Args:
        function: Called with errors, role and the operation's arguments.
        data: Names of the arguments that hold the examples, in the same place each.
        names: Of the operation's arguments, to find a parameter's role by.
    """

    function: RuleFunction
    data: tuple[str, ...]
    names: tuple[str, ...]

    def __call__(self, errors: Tensor, role: str, *arguments: Any, **named: Any) -> Form:
        """The form of a parameter's gradients; see `radiotracer.gradients.ghost.rules`."""
        return self.function(errors, role, *arguments, **named)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The operation's arguments by name."""
        # Not `Signature.bind`, which takes as long as a small operation.
        if len(args) > len(self.names) or not kwargs.keys() <= set(self.names):
            raise NoRule("arguments that its rule does not know")
        return {**dict(zip(self.names, args, strict=False)), **kwargs}


RULES: Registry[Rule] = Registry(
    "layer rule",
    home="radiotracer.gradients.ghost.rules",
    group="radiotracer.layer_rules",
    of=Rule,
)
"""Every rule by the name of its operation, which an entry point is called by, too."""


def register_rule(
    *operations: Callable[..., Any], data: str | Sequence[str] = "input", replace: bool = False
) -> Callable[[RuleFunction], Rule]:
    """Declare a function as the rule of torch operations.

    What a rule says is compared with automatic differentiation on two examples of the first batch
    that it meets, and a rule that is wrong there is not used.

    Args:
        operations: As `torch.overrides` names them: ``torch.conv2d``, ``torch.Tensor.matmul``.
        data: The argument that holds the examples; of several, each that is no parameter does.
        replace: Whether it takes the place of a rule that an operation has already.

    Raises:
        InputError: An operation has a rule already.
    """

    def register(function: RuleFunction) -> Rule:
        _, _, *arguments = inspect.signature(function).parameters.values()
        holding = (data,) if isinstance(data, str) else tuple(data)
        rule = Rule(function, holding, tuple(each.name for each in arguments))
        for name in map(name_of, operations):
            if replace and name in RULES:
                RULES.unregister(name)
            RULES.register(rule, name)
        return rule

    return register


def find_rule(operation: Callable[..., Any]) -> Rule | None:
    """The rule of an operation, if it has one."""
    return RULES.get(name_of(operation))
