"""A recipe: a name, a function that tampers, and what may be set of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radiotracer.errors import DataError, InputError
from radiotracer.recipes.parts.options import Option
from radiotracer.registry import Registry

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.attack import Attack, Crafted
    from radiotracer.recipes.parts.manifest import Manifest


@dataclass(frozen=True)
class Recipe:
    """One way to tamper. Its file imports nothing heavy, and the function what it needs.

    Args:
        name: As people type it, and as manifests have it.
        function: From a data set, with `seed` and the options as keywords, to the tampered data
            and their manifest, or to a `Crafted`. An option is needed where its argument has no
            default.
        options: What may be set, in the order in which errors name them.
        modalities: The names of those that it can tamper with; None is any.
        attack: For tampering that has an aim beyond wrong labels and does not itself return it:
            from validation examples, with the same keywords, to what the victim will be shown.
    """

    name: str
    function: Callable[..., tuple[Dataset, Manifest] | Crafted]
    options: tuple[Option, ...] = ()
    modalities: frozenset[str] | None = None
    attack: Callable[..., Attack] | None = None

    @property
    def needed(self) -> tuple[Option, ...]:
        """The options that have no default."""
        parameters = inspect.signature(self.function).parameters
        empty = inspect.Parameter.empty
        return tuple(each for each in self.options if parameters[each.argument].default is empty)

    def require_fitting(self, given: Mapping[str, Any], also: Collection[str] = ()) -> None:
        """Raise `InputError` where an option is missing, is none of this recipe's, or out of range.

        Args:
            given: Values by the names of options.
            also: Names that fit every recipe, or this one because of where it is used.
        """
        names = [each.name for each in self.options]
        needed = [each.name for each in self.needed]
        missing = [name for name in needed if name not in given]
        surplus = [name for name in given if name not in (*names, *also)]
        if missing or surplus:
            others = [*(name for name in names if name not in needed), *also]
            raise InputError(
                expected=f"{self.name} with {_joined(needed)}"
                + (f" (and perhaps {_joined(others)})" if others else ""),
                came=", ".join(
                    [f"no {name}=" for name in missing] + [f"{name}=" for name in surplus]
                ),
                do="add what is missing and remove the rest",
            )
        for option in self.options:
            if option.check is not None and option.name in given:
                option.check(given[option.name])

    def require_modality(self, examples: Dataset) -> None:
        """Raise `DataError` where this recipe cannot tamper with examples of such a kind."""
        require_modality(examples, self.name, self.modalities)


def require_modality(examples: Dataset, what: str, modalities: Collection[str] | None) -> None:
    """Raise `DataError` unless the examples are of one of these kinds; None is any."""
    if modalities is not None and examples.modality.name not in modalities:
        raise DataError(
            expected=f"{' or '.join(sorted(modalities))} for {what}",
            came=f"{examples.modality.name} from {examples.source}",
            do="choose other data or another recipe",
        )


ONLY_IMAGES = frozenset({"images"})
ONLY_TEXTS = frozenset({"texts"})

RECIPES: Registry[Recipe] = Registry(
    "recipe", home="radiotracer.recipes", group="radiotracer.recipes", of=Recipe
)
"""Every recipe, by name."""


def _joined(names: Collection[str]) -> str:
    *most, last = [f"{name}=" for name in names] or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last
