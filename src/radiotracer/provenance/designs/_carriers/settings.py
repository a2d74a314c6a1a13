"""Settings of the design ``carriers``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Augmentation = Literal["none", "shift", "shift-flip", "resized-crop"]
"""Ways to vary an image; `augment.augmenter` says what each one does."""

CONTROL_KEYS = "scores, control keys"
"""The name of the test with control keys in a protocol."""


class CarrierConfig(BaseModel):
    """How images are marked.

    Args:
        radius: How many of 255 grey levels a pixel may change by.
        steps: Of gradient descent.
        rate: The first step of Adam, in grey levels; it falls linearly to nothing.
        lambda_feature: Weight of the length of the features' shift. Since the shift along the
            carrier is at most that length, 1 or more would hold the features where they are.
        lambda_image: Weight of the mean squared change of a pixel, in squared grey levels.
        augmentation: How images are varied at every step; what the mark is to survive.
        batch_size: Images per step; time and memory, nothing else, where nothing is drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    radius: int = Field(
        default=10,
        ge=1,
        le=255,
        description="How many of 255 grey levels a pixel may change by; by default the design's "
        "own.",
    )
    steps: int = Field(default=30, ge=1)
    rate: float = Field(default=2.0, gt=0, allow_inf_nan=False)
    lambda_feature: float = Field(default=0.01, ge=0, lt=1)
    lambda_image: float = Field(default=0.0002, ge=0, allow_inf_nan=False)
    augmentation: Augmentation = "none"
    batch_size: int = Field(default=64, ge=1)
