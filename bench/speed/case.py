"""What is timed: a network with recorded checkpoints, training examples and queries."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from bench.speed.training import train_transformer
from bench.speed.transformer import LEVELS, TransformerClassifier, tokens_of
from radiotracer.data import Dataset, cache_folder, open_data
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import DataError, RunError
from radiotracer.runs import Run
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import ResNet18

Network = Literal["resnet18", "transformer"]

Pair = tuple[Tensor, Tensor]
"""Inputs and targets of the same examples."""

SEQUENCE = 49
"""Tokens of a 28x28 image in patches of 4x4."""


@dataclass(frozen=True)
class CaseSpec:
    """Which network, how it was trained, and on how many examples it is traced.

    Args:
        network: ResNet-18 on MNIST, or a transformer on MNIST's patches as tokens.
        width: Channels of the first stage, or numbers per token.
        checkpoints: Passes of the training; a checkpoint follows each, at its own learning rate.
        trained: Examples that the network was trained on.
        train: Training examples to trace.
        queries: Queries to trace.
    """

    network: Network
    width: int
    checkpoints: int
    trained: int
    train: int
    queries: int

    @property
    def folder_name(self) -> str:
        """Names the recorded training, which cases that differ in their examples share."""
        return f"{self.network}-width-{self.width}-{self.checkpoints}-passes-of-{self.trained}"


@dataclass(frozen=True)
class Case:
    """A network, its checkpoints and the examples.

    Args:
        run: The recorded training.
        model: The network in evaluation mode, with the last checkpoint's weights.
        checkpoints: Weights and learning rate of every checkpoint, in memory, for the peers: they
            load a checkpoint for every batch, and their time should not be the disk's.
        train: Training examples.
        queries: Queries.
    """

    run: Run
    model: nn.Module
    checkpoints: tuple[tuple[dict[str, Tensor], float], ...]
    train: Pair
    queries: Pair

    @property
    def parameters(self) -> int:
        """How many numbers the network is made of."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def part(self, train: int, queries: int) -> Case:
        """The same case with the first examples only."""
        return dataclasses.replace(
            self,
            train=(self.train[0][:train], self.train[1][:train]),
            queries=(self.queries[0][:queries], self.queries[1][:queries]),
        )


def case_of(run: Run, model: nn.Module, train: Pair, queries: Pair) -> Case:
    """A case from its parts; all parameters must share one learning rate at each checkpoint."""
    checkpoints = []
    for checkpoint in run.checkpoints:
        (rate,) = set(run.summed_rates(checkpoint).values())
        checkpoints.append((run.weights(checkpoint), rate))
    model.load_state_dict(checkpoints[-1][0])
    # The layout that every library's convolutions are fastest with on a processor.
    layout = torch.channels_last if train[0].dim() == 4 else torch.preserve_format
    model = model.eval().to(memory_format=layout)  # type: ignore[call-overload]
    return Case(run, model, tuple(checkpoints), train, queries)


def open_case(spec: CaseSpec, folder: Path | None = None) -> Case:
    """The case that `spec` describes; its training is done once and kept.

    Args:
        spec: What to make.
        folder: Where trainings are kept; by default a folder in the cache.
    """
    source, query_source = open_data("mnist"), open_data("mnist:test")
    _require(source, max(spec.train, spec.trained))
    _require(query_source, spec.queries)
    home = (folder or cache_folder() / "bench") / spec.folder_name
    try:
        run = Run.open(home)
    except RunError:
        run = _train(spec, _first(source, spec.trained), home)
    return case_of(
        run,
        _network(spec),
        _tensors(spec, _first(source, spec.train)),
        _tensors(spec, _first(query_source, spec.queries)),
    )


def _train(spec: CaseSpec, examples: Dataset, home: Path) -> Run:
    if spec.network == "transformer":
        return train_transformer(_network(spec), tokens_of(examples), spec.checkpoints, home)
    config = TrainConfig(width=spec.width, epochs=spec.checkpoints, batch_size=64)
    return train(examples, config, home, overwrite=True)[0]


def _network(spec: CaseSpec) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if spec.network == "transformer":
            return TransformerClassifier(LEVELS, SEQUENCE, 10, width=spec.width)
        return ResNet18(1, 10, spec.width)


def _tensors(spec: CaseSpec, examples: Dataset) -> Pair:
    if spec.network == "transformer":
        return tokens_of(examples)
    return to_inputs(examples.content), torch.from_numpy(examples.labels)


def _first(examples: Dataset, count: int) -> Dataset:
    return examples.take(range(count))


def _require(examples: Dataset, count: int) -> None:
    if count > len(examples):
        raise DataError(
            expected=f"at most {len(examples):,} examples of {examples.source}",
            came=f"{count:,}",
            do="ask for fewer",
        )
