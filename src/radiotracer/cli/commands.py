"""Which commands there are: read out of the files of this folder, without importing them.

A command is one function in one file here, marked with `command`; its docstring is its help, whose
first line stands in ``radiotracer --help``. Nothing else has to be told about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_MARKED = re.compile(
    r'^@command\("(?P<name>[^"]+)"\)\ndef (?P<function>\w+)\(.*?"""(?P<help>.*?)"""',
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Command:
    """Where a command is, and its help.

    Args:
        name: As it is typed: ``"scan"``, or ``"data list"`` for one of a group.
        place: ``"package.module:function"``.
        help: The whole text.
    """

    name: str
    place: str
    help: str


def command(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function as the command of this name; the mark is read, not called."""

    def unchanged(function: Callable[P, R]) -> Callable[P, R]:
        return function

    return unchanged


def commands() -> Iterator[Command]:
    """Every command of this folder, in the alphabetical order of its files."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for found in _MARKED.finditer(path.read_text(encoding="utf-8")):
            yield Command(
                name=found["name"],
                place=f"{__package__}.{path.stem}:{found['function']}",
                help="\n\n".join(" ".join(each.split()) for each in found["help"].split("\n\n")),
            )
