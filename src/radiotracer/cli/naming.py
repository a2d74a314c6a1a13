"""Errors of the library name arguments; whoever typed a command is shown its options instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cyclopts import App

_ARGUMENT = re.compile(
    r"""(?<![^\s(])(?P<name>[a-z][a-z0-9_]*)="""
    r"""(?P<value>'[^']*'|"[^"]*"|\([^)]*\)|\[[^\]]*\]|[^\s,;)]*)"""
)


def in_options(text: str, options: Mapping[str, str]) -> str:
    """An error's text with ``name=`` and ``name=value`` as the command line has them.

    ``seed=0`` becomes ``--seed 0``, ``overwrite=True`` becomes ``--overwrite``, ``rule=None``
    becomes ``no --rule``. What is none of the command's options stays as it is.

    Args:
        text: One line.
        options: What each argument is called on the command line, as `options_of` has it.
    """

    def shown(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if name not in options:
            return found[0]
        if value in ("None", "False"):
            return f"no {options[name]}"
        if value in ("", "True"):
            return options[name]
        return f"{options[name]} {_typed(value)}"

    return _ARGUMENT.sub(shown, text)


def options_of(app: App, arguments: Sequence[str]) -> dict[str, str]:
    """What the arguments of the command that was typed are called: ``{"top_k": "--top-k"}``.

    An option of another name than its argument has both: ``folder`` and ``out`` are ``--out``.
    """
    _, apps, _ = app.parse_commands(list(arguments))
    called: dict[str, str] = {}
    for argument in apps[-1].assemble_argument_collection():
        called[argument.name.lstrip("-").replace("-", "_").lower()] = argument.name
        called.setdefault(argument.field_info.name, argument.name)
    return called


def _typed(value: str) -> str:
    """A Python value as it is typed: without quotes and brackets."""
    return " ".join(value.strip("()[]").replace("'", "").replace('"', "").replace(",", " ").split())
