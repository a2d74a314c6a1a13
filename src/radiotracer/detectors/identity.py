"""What a detector computes, as a text: two that compute the same have the same, everywhere."""

from __future__ import annotations

import functools
import hashlib
import inspect
import types
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

import numpy as np
from torch import Tensor

from radiotracer.detectors.protocol import Detector
from radiotracer.detectors.registry import DETECTORS

OURS = "radiotracer."
"""Where code is known by the version of this package."""

DEEPEST = 12
"""Values within values within values are looked into so far."""


def identity_of(detector: Detector) -> str:
    """What results that are kept depend on: the name, and of another's detector a digest.

    The digest is over the values of its attributes and the code of its functions and methods. Of
    values that say nothing of themselves (open files, objects of other languages) it knows the type
    alone, and of functions that it calls by name the name alone.
    """
    ours = type(detector).__module__.startswith(OURS)
    if ours and DETECTORS.get(detector.name) is detector:
        return detector.name
    digest = hashlib.sha256(repr(_said(detector, ())).encode()).hexdigest()
    return f"{detector.name} {digest[:16]}"


def _said(value: Any, within: tuple[int, ...]) -> object:  # noqa: PLR0911 - a line for each kind
    """A value as nested tuples of texts, without addresses and without the order of sets."""
    if id(value) in within or len(within) == DEEPEST or isinstance(value, types.ModuleType):
        return getattr(value, "__name__", type(value).__qualname__)
    inner = (*within, id(value))
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, np.ndarray | Tensor):
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        content = np.ascontiguousarray(array)
        return str(content.dtype), content.shape, hashlib.sha256(content.tobytes()).hexdigest()
    if isinstance(value, Mapping):
        return tuple((_said(key, inner), _said(each, inner)) for key, each in value.items())
    if isinstance(value, Set):
        return tuple(sorted(repr(_said(each, inner)) for each in value))
    if isinstance(value, list | tuple):
        return tuple(_said(each, inner) for each in value)
    if isinstance(value, functools.partial):
        return tuple(_said(each, inner) for each in (value.func, value.args, value.keywords))
    if isinstance(value, types.MethodType):
        return _said(value.__self__, inner), _said(value.__func__, inner)
    if isinstance(value, types.FunctionType):
        return _function(value, inner)
    if isinstance(value, type):
        return _class(value, inner)
    return _class(type(value), inner), _said(_attributes(value), inner)


def _attributes(value: object) -> dict[str, object]:
    slots = (name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()))
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | getattr(value, "__dict__", {})


def _class(kind: type, within: tuple[int, ...]) -> object:
    """Its name, and outside this package the code of its methods."""
    methods = []
    for each in kind.__mro__:
        for name, member in vars(each).items():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if isinstance(function, types.FunctionType):
                methods.append((name, _function(function, within)))
    return f"{kind.__module__}.{kind.__qualname__}", tuple(methods)


def _function(function: types.FunctionType, within: tuple[int, ...]) -> object:
    """Its name; outside this package its code, its defaults and what it encloses, too."""
    name = f"{function.__module__}.{function.__qualname__}"
    if name.startswith(OURS):
        return name
    enclosed = inspect.getclosurevars(function).nonlocals
    given = (function.__defaults__, function.__kwdefaults__, enclosed)
    return name, _code(function.__code__), _said(given, within)


def _code(code: types.CodeType) -> object:
    constants = tuple(
        _code(each) if isinstance(each, types.CodeType) else _constant(each)
        for each in code.co_consts
    )
    return hashlib.sha256(code.co_code).hexdigest(), code.co_names, constants


def _constant(value: object) -> str:
    """Sets among constants have no order of their own."""
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
