"""A small network and its training by Hugging Face's Trainer, for tests of recording it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import radiotracer


class Net(nn.Module):
    """Takes pairs as the trainer passes them; notes which rows it was shown, by column 0."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
        self.shown: list[list[int]] = []

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Any:
        logits = self.net(inputs[:, 1:])
        if labels is None:
            return logits
        if self.training:
            self.shown.append(inputs[:, 0].int().tolist())
        return F.cross_entropy(logits, labels), logits


def blobs(n: int = 96, seed: int = 0) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    inputs = torch.randn(n, 6, generator=generator) + 2 * F.one_hot(labels, 6)
    return TensorDataset(torch.cat([torch.arange(n)[:, None], inputs], dim=1), labels)


def collate_pairs(items: list[Any]) -> dict[str, Tensor]:
    inputs, labels = zip(*items, strict=True)
    return {"inputs": torch.stack(inputs), "labels": torch.stack(labels)}


def arguments(folder: Path, **options: Any) -> transformers.TrainingArguments:
    return transformers.TrainingArguments(
        **{
            "output_dir": str(folder / "states"),
            "num_train_epochs": 3,
            "per_device_train_batch_size": 10,
            "optim": "sgd",
            "learning_rate": 0.1,
            "max_grad_norm": 0,
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "use_cpu": True,
            **options,
        }
    )


def make_trainer(model: nn.Module, args: Any, data: Any, *callbacks: Any, **more: Any) -> Any:
    more = {"data_collator": collate_pairs} | more if isinstance(model, Net) else more
    return transformers.Trainer(model, args, train_dataset=data, callbacks=list(callbacks), **more)


def recorded_rows(run: radiotracer.Run) -> list[list[int]]:
    return run.steps()["batch"].to_pylist()


def recorded_rates(run: radiotracer.Run) -> list[float]:
    return [rates[0] for rates in run.steps()["learning_rates"].to_pylist()]
