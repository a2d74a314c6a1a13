"""Which torch operation has which rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from radiotracer.gradients.ghost.forms import Form

RuleFunction = Callable[..., Form]


class NoRule(Exception):
    """Raised by a rule for arguments that it does not cover; the reason goes into reports."""


@dataclass(frozen=True)
class Rule:
    """A rule, with the signature of its operation.

    Args:
        function: Called with errors, role and the operation's arguments.
        data: Name of the argument that holds the examples.
        signature: Of the operation's arguments, to find a parameter's role by.
    """

    function: RuleFunction
    data: str
    signature: inspect.Signature

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The operation's arguments by name."""
        try:
            return dict(self.signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise NoRule(str(error)) from error


_RULES: dict[Callable[..., Any], Rule] = {}


def register_rule(
    *operations: Callable[..., Any], data: str = "input"
) -> Callable[[RuleFunction], RuleFunction]:
    """Declare the rule of torch operations; the last declaration holds.

    What a rule says is compared with automatic differentiation on two examples of the first batch
    that it meets, and a rule that is wrong there is not used.

    Args:
        operations: As `torch.overrides` names them: ``torch.conv2d``, ``torch.Tensor.matmul``.
        data: The argument that holds the examples.
    """

    def register(function: RuleFunction) -> RuleFunction:
        _, _, *arguments = inspect.signature(function).parameters.values()
        rule = Rule(function, data, inspect.Signature(arguments))
        for operation in operations:
            _RULES[operation] = rule
        return function

    return register


def find_rule(operation: Callable[..., Any]) -> Rule | None:
    """The rule of an operation, if it has one."""
    return _RULES.get(operation)
