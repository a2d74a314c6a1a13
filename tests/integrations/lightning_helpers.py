"""A small module and its training by Lightning, for tests of recording it."""

from __future__ import annotations

from typing import Any

import lightning
import pytest
import pytorch_lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import radiotracer

QUIET = [
    # Advice on workers, logs and validation sets; nothing that a recording could change.
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore::lightning_fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]


class Noting:
    """A small network that notes what it was shown: column 0 of the inputs is the row."""

    def __init__(self, rate: float = 0.1, momentum: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(7, 12), nn.Tanh(), nn.Linear(12, 3))
        self.rate, self.momentum = rate, momentum
        self.shown: list[list[int]] = []
        self.rates: list[float] = []

    def forward(self, inputs: Tensor) -> Tensor:
        return self.net(inputs[:, 1:])

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor | None:
        inputs, labels = batch
        self.shown.append(inputs[:, 0].int().tolist())
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return F.cross_entropy(self(inputs), labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.rate, momentum=self.momentum)
        falls = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
        return [optimizer], [{"scheduler": falls, "interval": "step"}]


class Blobs(Noting, lightning.LightningModule):
    pass


class BlobsElsewhere(Noting, pytorch_lightning.LightningModule):
    pass


def blobs(n: int = 96, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    inputs = torch.randn(n, 7, generator=generator)
    return TensorDataset(torch.cat([rows(n), inputs + 2 * F.one_hot(labels, 7)], dim=1), labels)


def rows(n: int) -> Tensor:
    return torch.arange(n, dtype=torch.float32)[:, None]


def make_trainer(*callbacks: Any, stack: Any = lightning, **options: Any) -> Any:
    return stack.Trainer(
        **{
            "max_epochs": 3,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "callbacks": list(callbacks),
            **options,
        }
    )


def recorded_rows(run: radiotracer.Run) -> list[list[int]]:
    return run.steps()["batch"].to_pylist()


def recorded_rates(run: radiotracer.Run) -> list[float]:
    return [rates[0] for rates in run.steps()["learning_rates"].to_pylist()]
