"""A backbone of the caller's own: a module of torch, or a function of examples."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.backbone import Backbone, Look
from radiotracer.errors import InputError
from radiotracer.named import named_function, said

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset

OPTION = "backbone="


def own_backbone(given: str | Callable[..., Any], modality: str) -> Backbone:
    """A backbone that its user wrote.

    What it computes may change from one call to the next, so nothing of it is kept on the disk.

    Args:
        given: ``module:function`` or a callable. Called without arguments it returns a module of
            torch, which takes the inputs of the modality and gives a vector per example, or a
            function from examples (an array, or a list of texts) to an array, shape (n, d). A
            module itself, or a function that needs an argument, is taken as it is.
        modality: Of the examples.

    Raises:
        InputError: Nothing that can be imported or called.
    """
    if isinstance(given, str):
        named_function(given, OPTION)  # what cannot be imported is told before anything is read
    name = given if isinstance(given, str) else _name(given)
    return Backbone(
        name=name,
        summary=name,
        modalities=frozenset((modality,)),
        open=functools.partial(_open, given),
        identify=lambda: name,
        kept=False,
    )


def _name(given: Callable[..., Any]) -> str:
    return str(getattr(given, "__qualname__", type(given).__qualname__))


def _open(given: str | Callable[..., Any], _: Dataset) -> Look:
    from torch import nn

    from radiotracer.backbones.frozen import loading

    made: Any = named_function(given, OPTION) if isinstance(given, str) else given
    name = given if isinstance(given, str) else _name(given)
    if not isinstance(made, nn.Module) and not _needs_an_argument(made):
        with loading():
            made = _theirs(name, made)
    if isinstance(made, nn.Module):
        return functools.partial(_by_module, name, made)
    if callable(made):
        return functools.partial(_by_function, name, made)
    raise InputError(
        expected=f"a module of torch or a function from {name}",
        came=type(made).__name__,
        do="return a module, or a function from examples to an array of shape (n, d)",
    )


def _needs_an_argument(made: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(made).parameters.values()
    except (TypeError, ValueError):  # of some functions in C nobody knows
        return False
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(each.kind in placed and each.default is each.empty for each in parameters)


def _by_module(name: str, model: nn.Module, data: Dataset, rows: slice) -> NDArray[np.float32]:
    from radiotracer.backbones.frozen import batches, device_of, loading, looking, to_numpy
    from radiotracer.data.inputs import arguments, each

    parts = []
    # A lazy network draws its weights when it sees the first examples.
    with looking(model), loading():
        for part in batches(rows):
            inputs = data.modality.inputs(data.content, part)
            inputs = each(inputs, lambda value: value.to(device_of(model)))
            args, kwargs = arguments(inputs)
            found = _theirs(name, functools.partial(model, *args, **kwargs))
            _require_matrix(name, found, part.stop - part.start)
            parts.append(to_numpy(found))
    return np.concatenate(parts)


def _by_function(
    name: str, function: Callable[..., Any], data: Dataset, rows: slice
) -> NDArray[np.float32]:
    content = data.modality.take(data.content, np.arange(rows.start, rows.stop))
    content = list(content) if isinstance(content, tuple) else content
    found = _theirs(name, functools.partial(function, content))
    found = found.detach().cpu().numpy() if hasattr(found, "detach") else found
    found = _theirs(name, functools.partial(np.asarray, found))
    _require_matrix(name, found, rows.stop - rows.start)
    with np.errstate(over="ignore"):  # infinity is told of by whoever asked
        return _theirs(name, functools.partial(found.astype, np.float32))  # type: ignore[no-any-return]


def _theirs(name: str, call: Callable[[], Any]) -> Any:
    """What somebody else's code returns; what it raises, in one line."""
    try:
        return call()
    except InputError:
        raise
    except Exception as error:  # anything at all
        raise InputError(
            expected=f"a backbone {name} that can be called",
            came=said(error),
            do="repair it: a module takes what networks are given, a function the examples",
        ) from error


def _require_matrix(name: str, found: Any, count: int) -> None:
    """Raise `InputError` unless it is one vector for each of the examples."""
    shape = tuple(getattr(found, "shape", ()))
    if len(shape) != 2 or shape[0] != count or not shape[1]:
        what = f"shape {shape}" if hasattr(found, "shape") else f"a {type(found).__name__}"
        raise InputError(
            expected=f"one vector for each of {count} examples from {name}, shape ({count}, d)",
            came=what,
            do="return the hidden state, one row per example",
        )
