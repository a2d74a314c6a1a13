"""The options of ``radiotracer mark`` that belong to designs: read out of their settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from radiotracer.errors import InputError
from radiotracer.provenance.designs import DESIGNS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from radiotracer.provenance.design import Design


def with_design_options(command: Callable[..., int], *, before: str) -> None:
    """Give a command that takes ``**options`` an option for each setting of a design.

    Args:
        command: Its annotations may be texts.
        before: The parameter that they stand before.
    """
    signature = inspect.signature(command, eval_str=True)
    *own, _ = signature.parameters.values()
    at = [each.name for each in own].index(before)
    parameters = [*own[:at], *_options(), *own[at:]]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}


def settings_from(design: Design[Any], options: Mapping[str, Any]) -> BaseModel:
    """The settings of a design by the options that were given.

    Args:
        design: Which.
        options: Of all designs; None where one was not given.

    Raises:
        InputError: An option of another design, or a value out of range.
    """
    from radiotracer.cli.console import settings

    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in design.settings.model_fields:
            raise InputError(
                expected=f"{name}= with design={' or '.join(_owners(name))} alone",
                came=f"design={design.name}",
                do="leave it out",
            )
    made: BaseModel = settings(design.settings, **given)
    return made


def _options() -> Iterator[inspect.Parameter]:
    """Every described field of settings, once, the commonest first; its help says whose it is."""
    found: dict[str, tuple[str, Any]] = {}
    for _, design in sorted(DESIGNS.items()):
        for name, field in design.settings.model_fields.items():
            if field.description is not None:
                found.setdefault(name, (field.description, field.annotation))
    for name, (text, kind) in sorted(found.items(), key=lambda each: -len(_owners(each[0]))):
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                kind | None, Parameter(help=f"{text} For {', '.join(_owners(name))}.", negative="")
            ],
        )


def _owners(option: str) -> list[str]:
    return sorted(name for name, each in DESIGNS.items() if option in each.settings.model_fields)
