"""Sizes and settings of the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from radiotracer.training.config import Architecture, TrainConfig
from radiotracer.training.seeds import Seeds

Scale = Literal["quick", "paper"]


class TraceInConfig(BaseModel):
    """What is trained, tampered with and asked; the defaults are the source's sizes.

    Args:
        data: The DATA argument of training data with a test split.
        seeds: Each draws its own examples, tampering, queries and weights.
        examples: How many training examples; the tampered ones are among them.
        model: The network.
        width: Channels of its first stage; 64 is the standard ResNet-18.
        epochs: Passes over the data.
        checkpoint_every: Passes between checkpoints.
        batch_size: Examples per step.
        learning_rate: Of plain gradient descent, the same at every step.
        tampered: How many examples are tampered with.
        clean_asked: How many clean training examples are asked about beside them.
        queries: Test examples that Algorithm 1 and the published code ask.
        validation: Test examples that today's detectors ask; the queries are among them.
        gamma: The threshold of the source, on scores that hold the learning rate.
        source: Class number that the targeted flips start from.
        target: Class number that they, and the clean-label attack, lead to.
        craft_steps: Of the feature collisions' optimisation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = "mnist"
    seeds: Seeds = (0, 1, 2)
    examples: int = Field(default=60_000, ge=10)
    model: Architecture = "resnet18"
    width: int = Field(default=64, ge=1)
    epochs: int = Field(default=50, ge=1)
    checkpoint_every: int = Field(default=5, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=0.001, gt=0)
    tampered: int = Field(default=100, ge=1)
    clean_asked: int = Field(default=1000, ge=1)
    queries: int = Field(default=20, ge=1)
    validation: int = Field(default=1000, ge=1)
    gamma: float = 300.0
    source: int = Field(default=3, ge=0)
    target: int = Field(default=9, ge=0)
    craft_steps: int = Field(default=200, ge=1)

    def training(self, seed: int) -> TrainConfig:
        """Plain gradient descent, without momentum, weight decay or schedule."""
        return TrainConfig(
            architecture=self.model,
            width=self.width,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule="constant",
            momentum=0.0,
            weight_decay=0.0,
            checkpoint_every=self.checkpoint_every,
            seed=seed,
        )


SCALES: Mapping[Scale, Mapping[str, object]] = {
    "quick": {
        "examples": 5000,
        "width": 16,
        "epochs": 8,
        "checkpoint_every": 1,
        "batch_size": 64,
        "learning_rate": 0.01,
        "clean_asked": 900,
    },
    "paper": {},
}
"""What each scale changes. Quick steps are larger, so that fewer of them learn about as much."""
