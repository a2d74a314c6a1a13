"""Settings of the audit benchmark."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from radiotracer.provenance.choosing import Policy
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._carriers.held_out_marks import FEWEST_KEYS
from radiotracer.training.augment import Variation
from radiotracer.training.config import Architecture, TrainConfig
from radiotracer.training.seeds import Seeds

REFERENCE_SEED = 3000
"""References are trained with this seed and the following ones, marking networks from 1000 on:
never a suspect's."""

MARKING_SEED = 1000


def _known(name: str) -> str:
    return DESIGNS[name].name


DesignName = Annotated[str, AfterValidator(_known)]
"""The name of a design; `InputError` where there is none of it."""

SuspectKind = Literal["scratch", "other", "frozen"]
"""Trained from scratch, like the marking networks or as another architecture; or a fresh last layer
on the frozen first marking network."""


class AuditConfig(BaseModel):
    """What is marked, how suspects train, and how often it is repeated.

    Args:
        data: DATA arguments that have a test split, or ``mnist-by-fashion``.
        designs: What is planted.
        shares: Of the training examples that are marked, each in (0, 1).
        radii: How many of 255 grey levels a pixel may change by.
        augment: How suspects and references vary their images; frozen ones never do.
        suspects: What the suspects are.
        choose: Which images are marked.
        seeds: Of the key and of the suspect's training.
        examples: How many training examples; None is all.
        model: The network of suspects, references and marking networks.
        width: Channels of its first stage.
        other_model: The network of suspects of another architecture, in its own width.
        epochs: Passes of suspects and references.
        learning_rate: The peak of every training.
        marking_networks: How many networks the images are marked with; trained on the originals
            with crops.
        marking_epochs: Passes of theirs.
        psnr: The lowest PSNR of a twin, in decibels; None sets no limit beside the radius.
        references: How many networks the auditor trains on the originals, as the suspect is
            trained; all seeds share them.
        control_keys: With how many other keys' marks carriers are compared on held-out images, by
            scores; None leaves that audit out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: tuple[str, ...] = ("fashion-mnist",)
    designs: tuple[DesignName, ...] = ("twins",)
    shares: tuple[float, ...] = (0.01,)
    radii: tuple[int, ...] = (6,)
    augment: tuple[Variation, ...] = ("none", "crops-and-flips")
    suspects: tuple[SuspectKind, ...] = ("scratch",)
    choose: Policy = "hardest"
    seeds: Seeds = (0, 1, 2)
    examples: int | None = Field(default=None, ge=1000)
    model: Architecture = "resnet18"
    width: int | None = Field(default=16, ge=1)
    other_model: Architecture = "small-cnn"
    epochs: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=0.1, gt=0)
    marking_networks: int = Field(default=2, ge=1)
    marking_epochs: int = Field(default=6, ge=1)
    psnr: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    references: int = Field(default=1, ge=0)
    control_keys: int | None = Field(default=None, ge=FEWEST_KEYS)

    def settings(self) -> dict[str, Any]:
        """What a finished cell depends on besides its place, as JSON has it."""
        places = {"data", "designs", "shares", "radii", "augment", "suspects", "seeds"}
        return self.model_dump(mode="json", exclude=places)

    def training(self, kind: SuspectKind, augment: Variation, seed: int) -> TrainConfig:
        """How a suspect or a reference trains."""
        other, frozen = kind == "other", kind == "frozen"
        return TrainConfig(
            architecture=self.other_model if other else self.model,
            width=None if other else self.width,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            checkpoint_every=self.epochs,
            augment="none" if frozen else augment,
            head_only=frozen,
            seed=seed,
        )

    def marking_training(self, number: int) -> TrainConfig:
        """How the marking network of this number trains."""
        return TrainConfig(
            architecture=self.model,
            width=self.width,
            epochs=self.marking_epochs,
            learning_rate=self.learning_rate,
            checkpoint_every=self.marking_epochs,
            augment="crops",
            seed=MARKING_SEED + number,
        )


QUICK: dict[str, Any] = {
    "shares": (0.03,),
    "augment": ("none",),
    "seeds": (0,),
    "examples": 4000,
    "epochs": 12,
}
"""Minutes, on few examples."""

Scale = Literal["quick", "paper"]

RADIOACTIVE: dict[Scale, dict[str, Any]] = {
    "quick": {
        "data": ("mnist",),
        "designs": ("carriers", "twins"),
        "shares": (0.01, 0.05, 0.2),
        "radii": (10,),
        "augment": ("none",),
        "suspects": ("frozen", "scratch", "other"),
        "choose": "random",
        "seeds": (0,),
        "examples": 5000,
        "epochs": 8,
    },
    "paper": {
        "data": ("mnist", "fashion-mnist", "mnist-by-fashion"),
        "designs": ("carriers", "twins"),
        "shares": (0.01, 0.02, 0.05, 0.1, 0.2),
        "radii": (10,),
        "augment": ("none",),
        "suspects": ("frozen", "scratch", "other"),
        "choose": "random",
    },
}
"""The source's experiment: random images, its radius, its shares. Carriers are audited by weights
and, distilled, by scores; twins by scores and labels, where the source compares losses."""
