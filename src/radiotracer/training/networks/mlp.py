"""Three linear layers: for rows of numbers, and for any other inputs that are one float tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Dataset
from radiotracer.errors import DataError
from radiotracer.training.network import NETWORKS, Network
from radiotracer.training.normalise import Normalise, normalise_inputs


class MLP(nn.Module):
    """A perceptron with two hidden layers on normalised inputs.

    Args:
        features: How many numbers an example has.
        classes: How many logits.
        width: Numbers of each hidden layer.
    """

    def __init__(self, features: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.normalise = Normalise(features)
        self.first = nn.Linear(features, width)
        self.second = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Floats, shape (n, ...), to logits, shape (n, classes)."""
        hidden = F.relu(self.first(self.normalise(inputs.flatten(start_dim=1))))
        logits: Tensor = self.head(F.relu(self.second(hidden)))
        return logits


def _sizes(data: Dataset) -> Mapping[str, int]:
    inputs = data.modality.inputs(data.content, slice(0, 1))
    if not isinstance(inputs, Tensor) or inputs.dtype != torch.float32:
        raise DataError(
            expected="examples that are one float32 tensor each, for the network mlp",
            came=f"{data.modality.name} from {data.source}",
            do="choose another architecture=, or register one for them",
        )
    return {"features": inputs[0].numel()}


def _quick(n: int) -> Mapping[str, Any]:
    """Few steps: what is trained for longer knows wrong labels by heart."""
    return {
        "epochs": 10 if n < 10_000 else 4,
        "batch_size": 32 if n < 10_000 else 128,
    }


NETWORKS.register(
    Network(
        name="mlp",
        build=MLP,
        sizes=_sizes,
        modalities=None,
        settings={"epochs": 20, "batch_size": 32},
        quick=_quick,
        fit=normalise_inputs,
    )
)
