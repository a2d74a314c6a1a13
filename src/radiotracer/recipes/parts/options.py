"""What people may set of recipes. One name means one thing, whichever recipe takes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from radiotracer.errors import InputError
from radiotracer.recipes.parts.choosing import require_share


@dataclass(frozen=True)
class Option:
    """Something to set, and how it is typed.

    Args:
        name: What it is called; the argument of the recipe's function, too.
        type: What is typed: ``str``, ``int``, ``float``, or ``list[str]``.
        help: One line for people.
        means: What the text stands for: itself; a class of the data by name, which becomes its
            number; an example as DATA#ROW, which becomes a data set of one; or the folder of a
            recorded run, which becomes its network (`argument`).
        argument: The argument of the recipe's function, where it is called otherwise.
        check: Raises `InputError` where a value cannot be used, before any data are opened.
    """

    name: str
    type: Any
    help: str
    means: Literal["itself", "class", "example", "network"] = "itself"
    argument: str = ""
    check: Callable[[Any], None] | None = None

    def __post_init__(self) -> None:
        """An option is called as its argument."""
        object.__setattr__(self, "argument", self.argument or self.name)


def at_least(name: str, low: float) -> Callable[[float], None]:
    """A check that a number is finite and not below `low`."""

    def check(value: float) -> None:
        if not (math.isfinite(value) and value >= low):
            raise InputError(
                expected=f"{name}= of at least {low:g}", came=f"{value:g}", do="raise it"
            )

    return check


SHARE = Option(
    "share",
    float,
    "Share to change, in (0, 1): of all examples, or of the class or classes that the recipe "
    "changes.",
    check=require_share,
)
FROM_CLASS = Option("from_class", str, "Name of the class whose labels change.", means="class")
TO_CLASS = Option(
    "to_class",
    str,
    "Name of the class that labels change to, or that the trigger stands for.",
    means="class",
)
RUN = Option(
    "run",
    str,
    "A recorded run: the network that the attacker knows, or that confuses.",
    means="network",
    argument="model",
)
TARGET = Option("target", str, "The image to misclassify, such as mnist:test#5.", means="example")
BASE_CLASS = Option(
    "base_class",
    str,
    "What the target is to be taken for; images of this class change.",
    means="class",
)
COUNT = Option("count", int, "How many images to change.", check=at_least("count", 1))
EPSILON = Option(
    "epsilon", float, "Largest change of a pixel, in (0, 1]; by default the recipe's own."
)
LAYERS = Option(
    "layers",
    list[str],
    "Patterns of the parameters that the victim will train, such as 'head.*' (where the last "
    "layer is trained alone); by default all.",
)
PHRASE = Option("phrase", str, "What is put before a text; no text may have it yet.")
