"""Operations that torch makes of others, taken apart so that rules can meet the parts."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from radiotracer.gradients.ghost.recurrence import in_steps


def opened(func: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any] | None:
    """The same function, whose parts are watched; None where it cannot be taken apart."""
    if inspect.isfunction(func) and func.__module__ == "torch.nn.functional":
        return _unasked(func)
    return in_steps(func, args)


def _unasked(func: types.FunctionType) -> Callable[..., Any]:
    """What torch wrote in Python, not asking whether somebody watches."""
    answers = dict.fromkeys(
        ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"),
        lambda *_: False,
    )
    twin = types.FunctionType(
        func.__code__, {**func.__globals__, **answers}, func.__name__, func.__defaults__
    )
    twin.__kwdefaults__ = func.__kwdefaults__
    return twin
