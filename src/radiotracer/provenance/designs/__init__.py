"""What can be planted: one file per design, which registers it in `DESIGNS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from radiotracer.errors import InputError
from radiotracer.provenance.design import Design
from radiotracer.registry import Registry

if TYPE_CHECKING:
    from radiotracer.data.modality import Modality

DESIGNS: Registry[Design[Any]] = Registry(
    "design",
    home="radiotracer.provenance.designs",
    group="radiotracer.designs",
    order=lambda each: (each.rank, each.name),
)
"""Every design, by name; of those that can mark the same data, the default one is the first."""


def designs_for(modality: Modality) -> list[Design[Any]]:
    """The designs that can mark such examples, the default one first."""
    return [each for each in DESIGNS.values() if modality.name in each.modalities]


def design_for(given: str | BaseModel | None, modality: Modality) -> tuple[Design[Any], BaseModel]:
    """A design and its settings.

    Args:
        given: The settings of a design, which say which one it is; its name, for its default
            settings; or None for the default design of such examples.
        modality: What is to be marked.

    Raises:
        InputError: No such design, or it cannot mark such examples.
    """
    able = designs_for(modality)
    if given is None and able:
        return able[0], able[0].settings()
    if given is None:
        raise InputError(
            expected=f"examples that a design can mark ({_modalities(DESIGNS.values())})",
            came=modality.name,
            do=f"add a design for {modality.name}: CONTRIBUTING.md says how",
        )
    if isinstance(given, str):
        design, settings = DESIGNS[given], None
    else:
        design, settings = _design_of(given), given
    if design not in able:
        named = " or ".join(f"design={each.name}" for each in able)
        raise InputError(
            expected=f"a design that can mark {modality.name}",
            came=f"{design.name}, which marks {_modalities([design])}",
            do=f"pass {named}" if able else f"pass {_modalities([design])}",
        )
    return design, design.settings() if settings is None else settings


def _design_of(settings: BaseModel) -> Design[Any]:
    for design in DESIGNS.values():
        if isinstance(settings, design.settings):
            return design
    raise InputError(
        expected=f"the settings of a design ({', '.join(DESIGNS)})",
        came=f"a {type(settings).__name__}",
        do="pass those of DESIGNS[name].settings",
    )


def _modalities(designs: Any) -> str:
    return ", ".join(sorted({name for each in designs for name in each.modalities}))
