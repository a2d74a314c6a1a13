"""The options of ``radiotracer mark`` that belong to designs: read out of their settings."""

from __future__ import annotations

from dataclasses import asdict, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from radiotracer.errors import InputError
from radiotracer.provenance.designs import DESIGNS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from radiotracer.provenance.design import Design


def design_options() -> type:
    """A dataclass with an option for each described field of each design's settings, or None.

    A name that several designs have is one option. Where they say different things of it, its help
    says whose is whose.
    """
    said: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, Any] = {}
    for name, design in DESIGNS.items():
        for option, field in design.settings.model_fields.items():
            if field.description is not None:
                said.setdefault(option, {}).setdefault(field.description, []).append(name)
                kinds.setdefault(option, field.annotation)
    fields = []
    for option, texts in said.items():
        whose = [f"{', '.join(names)}: {text}" for text, names in texts.items()]
        about = Parameter(help=" ".join(whose))
        fields.append((option, Annotated[kinds[option] | None, about], None))
    return make_dataclass("DesignOptions", fields, frozen=True, kw_only=True)


def settings_from(design: Design[Any], options: object | None) -> BaseModel:
    """The settings of a design by the options that were given.

    Args:
        design: Which.
        options: An instance of `design_options()`; None: none was given.

    Raises:
        InputError: An option of another design, or a value out of range.
    """
    from radiotracer.cli.console import settings

    held = {} if options is None else asdict(options)  # type: ignore[call-overload]
    given = {name: value for name, value in held.items() if value is not None}
    for name in given:
        if name not in design.settings.model_fields:
            owners = [each for each, d in DESIGNS.items() if name in d.settings.model_fields]
            raise InputError(
                expected=f"{name}= with design={' or '.join(owners)} alone",
                came=f"design={design.name}",
                do="leave it out",
            )
    made: BaseModel = settings(design.settings, **given)
    return made
