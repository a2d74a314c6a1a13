"""Settings of the reference loop; each network has defaults of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from radiotracer.data import Dataset
from radiotracer.training.augment import Variation
from radiotracer.training.network import NETWORKS, default_network
from radiotracer.training.schedule import Schedule


def _known(name: str) -> str:
    return NETWORKS[name].name


Architecture = Annotated[str, AfterValidator(_known)]
"""The name of a reference network; `InputError` where there is none of it."""


class TrainConfig(BaseModel):
    """Settings of the reference loop; what is left out is as its network has it by default.

    Args:
        architecture: A reference network (`radiotracer.training.NETWORKS`).
        width: Of the network (channels of its first stage, numbers per word); None is its own.
        epochs: Passes over the data.
        batch_size: Examples per step; the last, smaller batch of a pass is left out.
        learning_rate: The peak.
        schedule: ``rise-and-fall``: the peak is reached linearly over the first 15 % of the steps,
            and lowered linearly to 2 % of it over the rest; ``constant``: the peak at every step.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty.
        augment: How images are varied, anew in every batch.
        checkpoint_every: Passes between checkpoints.
        head_only: Train the last linear layer alone, on top of given or packaged weights. The
            network stays in evaluation mode, so that the running statistics of batch normalisation
            stay too.
        seed: Weights and batch order follow from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "resnet18"
    width: int | None = Field(default=None, ge=1)
    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=0.05, gt=0)
    schedule: Schedule = "rise-and-fall"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    augment: Variation = "none"
    checkpoint_every: int = Field(default=1, ge=1)
    head_only: bool = False
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _with_defaults_of_the_network(cls, given: Any) -> Any:
        name = given.get("architecture") if isinstance(given, dict) else None
        network = NETWORKS.get(name)
        return given if network is None else {**network.settings, **given}

    @classmethod
    def of(cls, data: Dataset, **settings: Any) -> Self:
        """For a data set: where no architecture is named, the default of its kind of example.

        Args:
            data: What is to be trained on.
            settings: As this class takes them.
        """
        return cls(**{"architecture": default_network(data).name, **settings})

    @classmethod
    def quick(cls, data: Dataset, **settings: Any) -> Self:
        """For a data set, in minutes on a processor.

        Args:
            data: What is to be trained on.
            settings: As this class takes them, instead of the quick ones.
        """
        network = default_network(data)
        quick: Mapping[str, Any] = network.quick(len(data))
        return cls(**{"architecture": network.name, **quick, **settings})
