"""What the fields of everything that pages say are made of.

Every text may come from a hostile file name or label. Characters that could hide or reorder others
(controls, line separators, text-direction marks) are replaced by their escapes, so that they are
shown and not obeyed; HTML escaping is the template's work.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from radiotracer.legible import visible, visible_lines


def _visible(value: object) -> object:
    return visible(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_visible)]
"""One line of text in which every character can be seen."""


def _lines(value: object) -> object:
    return visible_lines(value) if isinstance(value, str) else value


Lines = Annotated[str, BeforeValidator(_lines)]
"""Text in which every character can be seen; it may have several lines."""

Uri = Annotated[str, Field(pattern=r"\Adata:image/(png|webp);base64,[A-Za-z0-9+/]+={0,2}\z")]
"""A PNG or WebP image as a data URI: see `radiotracer.present.picture_uri`."""

Thumbnail = Annotated[Uri | None, Field(repr=False)]
"""What an example looks like; None where that is no picture."""

FilePath = Annotated[Text | None, Field(exclude=True, repr=False)]
"""The file in which it lies, for the page only."""

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """Unknown fields are refused, numbers are finite, and nothing changes after it is made."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )
