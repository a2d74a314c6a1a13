"""What somebody names as ``module:function``: imported, because its user said so by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radiotracer.errors import InputError


def named_function(text: str, option: str) -> Callable[..., Any]:
    """The function that `text` names; modules of the current folder are found.

    Args:
        text: ``module:function``, e.g. ``"my_models:make"``.
        option: How errors name what was passed, e.g. ``"--factory"``.

    Raises:
        InputError: It is written otherwise, cannot be imported, or is not callable.
    """
    module, _, function = text.partition(":")
    if not module or not function.isidentifier():
        raise InputError(expected=f"{option} module:function", came=repr(text), do="write it so")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:  # it runs code of the user's
        raise InputError(
            expected=f"{option} module:function that can be imported",
            came=f"{text!r}: {said(error)}",
            do="check the names, and that the module lies in this folder or is installed",
        ) from error
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise InputError(
            expected=f"{option} module:function that can be called",
            came=f"{text!r}, a {type(found).__name__}",
            do="name a function",
        )
    return found  # type: ignore[no-any-return]  # any callable


def said(error: BaseException) -> str:
    """An error of somebody else's code in one short line."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__
