"""Settings of the design ``tags``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TagConfig(BaseModel):
    """How tags are made, and how images are made to teach them.

    Args:
        tags: How many; the audit asks about so many images.
        radius: How many of 255 grey levels a pixel may change by.
        steps: Of signed gradient descent, for each restart.
        restarts: How often it begins: the first time at the images with a tag laid over them,
            then anywhere within the radius; what matches best is kept.
        batch_size: How many images of a class are matched together with the tags of their class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: int = Field(default=10, ge=1, description="How many tags; by default the design's own.")
    radius: int = Field(
        default=16,
        ge=1,
        le=255,
        description="How many of 255 grey levels a pixel may change by; by default the design's "
        "own.",
    )
    steps: int = Field(default=20, ge=1)
    restarts: int = Field(default=1, ge=1)
    batch_size: int = Field(default=32, ge=1)
