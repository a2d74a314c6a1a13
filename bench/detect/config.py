"""What the detection benchmark runs, and on how much."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from radiotracer.errors import InputError
from radiotracer.recipes import RECIPES
from radiotracer.training.config import Architecture, TrainConfig
from radiotracer.training.network import NETWORKS
from radiotracer.training.seeds import Seeds

Protocol = Literal["head-only", "from-scratch"]
"""How the victim trains: the last layer on a frozen extractor, or everything from fresh weights."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

DEVELOPMENT = ("random-flip", "feature-collision", "patch-backdoor")
"""Recipes that detectors may be designed and tuned on."""

HELD_OUT = (
    "nearest-flip",
    "targeted-flip",
    "confusion-flip",
    "bullseye-polytope",
    "gradient-matching",
    "clean-label-backdoor",
)
"""Recipes that only judge."""


class DetectConfig(BaseModel):
    """Recipes x detectors x data sets x seeds x protocols, and the sizes of every cell.

    Args:
        data: DATA arguments of training data that have a test split.
        recipes: Names of recipes.
        detectors: Names of detectors; empty means those that a scan runs by itself. The default
            detector and the baselines always run.
        seeds: Each is another part of the data, another tampering and other trainings.
        protocols: See `Protocol`.
        model: The network.
        width: Channels of its first stage; packaged networks have one width.
        examples: Training examples of the victim.
        extractor_examples: Others, clean, that the frozen extractor is trained on.
        queries: Clean test examples, for validation.
        extractor_epochs: Passes when the extractor is trained.
        head_epochs: Passes when only the head is trained.
        head_checkpoint_every: Passes between its checkpoints.
        scratch_epochs: Passes when everything is trained.
        batch_size: Examples per step.
        learning_rate: The peak of the schedule.
        class_size: Examples that the class of every target is cut to before anything is trained;
            None leaves it as it is.
        last_only: Whether detectors see the last checkpoint alone, as of somebody else's model.
        flips: Share of the examples (targeted-flip: of the source class) that is relabelled.
        poisons: Images that targeted clean-label attacks change.
        near_base: Whether attacks on one target want it taken for its second most likely class, and
            not for a random one: an aim that an attacker is free to choose.
        patched: Share of the other classes' examples that gets the patch of patch-backdoor.
        patched_own: Share of the class's own examples that gets that of clean-label-backdoor.
        steps: Of optimisation, for the attacks on one target; None is each one's own number.
        repair: Whether victims are trained again without the flagged examples, which takes three
            trainings.
        precision: What the recall at a precision is read at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: tuple[str, ...] = ("mnist", "fashion-mnist")
    recipes: tuple[str, ...] = (*DEVELOPMENT, *HELD_OUT)
    detectors: tuple[str, ...] = ()
    seeds: Seeds = (0, 1, 2)
    protocols: tuple[Protocol, ...] = PROTOCOLS
    model: Architecture = "resnet18"
    width: int = Field(default=16, ge=1)
    examples: int = Field(default=5000, ge=10)
    extractor_examples: int = Field(default=20_000, ge=10)
    queries: int = Field(default=2000, ge=2)
    extractor_epochs: int = Field(default=3, ge=1)
    head_epochs: int = Field(default=40, ge=1)
    head_checkpoint_every: int = Field(default=8, ge=1)
    scratch_epochs: int = Field(default=5, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.05, gt=0)
    class_size: int | None = Field(default=None, ge=1)
    last_only: bool = False
    flips: float = Field(default=0.1, gt=0, lt=1)
    poisons: int = Field(default=50, ge=1)
    near_base: bool = False
    patched: float = Field(default=0.02, gt=0, lt=1)
    patched_own: float = Field(default=0.3, gt=0, lt=1)
    steps: int | None = Field(default=None, ge=1)
    repair: bool = True
    precision: float = Field(default=0.9, gt=0, le=1)

    @field_validator("recipes")
    @classmethod
    def _known(cls, recipes: tuple[str, ...]) -> tuple[str, ...]:
        for name in recipes:
            if name not in (*DEVELOPMENT, *HELD_OUT):
                raise InputError(
                    expected=f"a recipe ({', '.join(RECIPES)})",
                    came=repr(name),
                    do="check the spelling",
                )
        return recipes

    @property
    def is_pretrained(self) -> bool:
        """Whether the extractor is a packaged network, which is not trained here."""
        return NETWORKS[self.model].packaged

    def settings(self) -> dict[str, object]:
        """What every cell depends on, besides its place: ready for JSON."""
        places = {"data", "recipes", "seeds", "protocols"}
        return self.model_dump(mode="json", exclude=places)

    def training(
        self, epochs: int, seed: int, *, every: int = 1, head_only: bool = False
    ) -> TrainConfig:
        """Settings of one training."""
        return TrainConfig(
            architecture=self.model,
            width=None if self.is_pretrained else self.width,
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            checkpoint_every=every,
            head_only=head_only,
            seed=seed,
        )

    def victim(self, protocol: Protocol, seed: int) -> TrainConfig:
        """Settings of a victim's training."""
        head_only = protocol == "head-only"
        epochs = self.head_epochs if head_only else self.scratch_epochs
        every = self.head_checkpoint_every if head_only else 1
        return self.training(
            epochs, seed, every=epochs if self.last_only else every, head_only=head_only
        )


QUICK: dict[str, object] = {
    "data": ("mnist",),
    "seeds": (0,),
    "queries": 1000,
    "extractor_epochs": 2,
    "scratch_epochs": 3,
}
"""Settings of ``python -m bench detect --quick``: one data set, one seed, shorter trainings."""
