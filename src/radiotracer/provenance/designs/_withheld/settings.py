"""Settings of the design ``withheld``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WithheldConfig(BaseModel):
    """How examples are withheld.

    Args:
        views: In how many views an audit asks about every example, of those that its kind has; see
            `views_of`. What the views say is averaged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: int = Field(
        default=10,
        ge=1,
        le=64,
        description="In how many views (mirrored and shifted images, parts of texts) audits ask "
        "about every example; withheld has 26 of images and 4 of texts by itself, and takes "
        "the first so many.",
    )
