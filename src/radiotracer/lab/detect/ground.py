"""What all cells of a data set, a seed and a protocol share: the parts and the clean network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from radiotracer.data import Examples, open_data
from radiotracer.errors import DataError
from radiotracer.lab.demo import sample
from radiotracer.lab.detect.config import DetectConfig, Protocol
from radiotracer.lab.kept import trained_once
from radiotracer.lab.train import TrainConfig


@dataclass(frozen=True, eq=False)
class Parts:
    """Three disjoint parts of a data set.

    Args:
        victim: What will be tampered with.
        extractor: Clean, for the frozen extractor.
        test: The whole test split; queries and targets are drawn from it.
    """

    victim: Examples
    extractor: Examples
    test: Examples


@dataclass(frozen=True, eq=False)
class Ground:
    """Where a cell's attack takes place.

    Args:
        victim: Clean training examples.
        test: Test examples.
        training: Settings of the victim's training.
        start: The weights that it begins with, or None.
        clean: The network that the victim would have, had nobody tampered.
    """

    victim: Examples
    test: Examples
    training: TrainConfig
    start: nn.Module | None
    clean: nn.Module


def parts_of(
    data: str, config: DetectConfig, seed: int, report: Callable[[str], None] | None = None
) -> Parts:
    """Open a data set and take its parts at random.

    Raises:
        DataError: It has no test split, or too few examples.
    """
    whole = open_data(data, report=report)
    if whole.queries is None:
        raise DataError(
            expected="training data with a test split, which holds the trusted examples",
            came=data,
            do="choose other data",
        )
    wanted = config.examples + config.extractor_examples
    if len(whole) < wanted:
        raise DataError(
            expected=f"at least {wanted:,} examples, for the victim and the extractor",
            came=f"{len(whole):,} in {data}",
            do="choose larger data",
        )
    order = np.random.default_rng(seed).permutation(len(whole))[:wanted]
    return Parts(
        victim=whole.take(np.sort(order[: config.examples])),
        extractor=whole.take(np.sort(order[config.examples :])),
        test=open_data(whole.queries, report=report),
    )


def ground_of(
    parts: Parts, config: DetectConfig, protocol: Protocol, *, seed: int, folder: Path
) -> Ground:
    """Train what the cells share, or take it from `folder` if it is there already."""
    start = None
    if protocol == "head-only":
        epochs = config.training(config.extractor_epochs, seed)
        _, start = trained_once(parts.extractor, epochs, folder / "extractor")
    training = config.victim(protocol, seed)
    _, clean = trained_once(parts.victim, training, folder / f"clean-{protocol}", start=start)
    return Ground(parts.victim, parts.test, training, start, clean)


def trusted(test: Examples, count: int, seed: int, *, without: str | None) -> Examples:
    """Trusted queries: a random part of the test examples, never the target with id `without`."""
    return sample(test.take(test.ids != without), count, seed)
