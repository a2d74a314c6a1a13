"""Settings of the design ``twins``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TwinConfig(BaseModel):
    """How twins are made.

    Args:
        radius: How many of 255 grey levels a pixel may change by.
        psnr: The lowest PSNR of a twin, in decibels above 0; None sets no limit beside the radius.
            The changes that matter least to the networks are taken back until it is kept.
        steps: Of signed gradient descent.
        batch_size: Images per step; time and memory, nothing else.
        views: In how many fresh views an audit asks about every version; 0: about the versions
            themselves, which who has the release can look up.
        shift: By how many pixels a view is shifted at most, in each direction.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    radius: int = Field(
        default=6,
        ge=1,
        le=255,
        description="How many of 255 grey levels a pixel may change by; by default the design's "
        "own.",
    )
    psnr: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="The lowest PSNR of a twin in decibels: the changes that matter least are "
        "taken back until it is kept. By default the radius is the only limit.",
    )
    steps: int = Field(default=40, ge=1)
    batch_size: int = Field(default=100, ge=1)
    views: int = Field(
        default=0,
        ge=0,
        le=64,
        description="In how many fresh views (with a little noise) audits ask about every twin, "
        "among decoys, so that no question is in the release; 0, the default: as they are.",
    )
    shift: int = Field(
        default=0,
        ge=0,
        le=16,
        description="By how many pixels views are shifted at most. It hides them better, and costs "
        "power unless suspects are trained with crops or shifts.",
    )
