"""What all cells of a data set, a seed and a protocol share: the parts and the clean network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.detect.config import DetectConfig, Protocol
from radiotracer.data import Dataset, open_data
from radiotracer.errors import DataError
from radiotracer.reproduce.demo import sample
from radiotracer.training.building import pretrained, spec_for
from radiotracer.training.kept import trained_once
from radiotracer.training.loop import TrainConfig


@dataclass(frozen=True, eq=False)
class Parts:
    """Three disjoint parts of a data set.

    Args:
        victim: What will be tampered with.
        extractor: Clean, for the frozen extractor.
        test: The whole test split; queries and targets are drawn from it.
    """

    victim: Dataset
    extractor: Dataset
    test: Dataset


@dataclass(frozen=True, eq=False)
class Ground:
    """Where a cell's attack takes place.

    Args:
        victim: Clean training examples.
        test: Test examples.
        training: Settings of the victim's training.
        start: The weights that it begins with, or None.
        attacked: The class that every target is of; None where targets may be of any.
        clean: The network that the victim would have, had nobody tampered.
    """

    victim: Dataset
    test: Dataset
    training: TrainConfig
    start: nn.Module | None
    clean: nn.Module
    attacked: int | None = None


def parts_of(
    data: str, config: DetectConfig, seed: int, report: Callable[[str], None] | None = None
) -> Parts:
    """Open a data set and take its parts at random.

    Raises:
        DataError: It has no test split, or too few examples.
    """
    whole = open_data(data, report=report)
    if whole.validation is None:
        raise DataError(
            expected="training data with a test split, which holds the validation examples",
            came=data,
            do="choose other data",
        )
    head_only = "head-only" in config.protocols and not config.is_pretrained
    wanted = config.examples + (config.extractor_examples if head_only else 0)
    if len(whole) < wanted:
        raise DataError(
            expected=f"at least {wanted:,} examples, for the victim"
            + (" and the extractor" if head_only else ""),
            came=f"{len(whole):,} in {data}",
            do="choose larger data",
        )
    order = np.random.default_rng(seed).permutation(len(whole))[:wanted]
    return Parts(
        victim=whole.take(np.sort(order[: config.examples])),
        extractor=whole.take(np.sort(order[config.examples :])),
        test=open_data(whole.validation, report=report),
    )


def ground_of(
    parts: Parts, config: DetectConfig, protocol: Protocol, *, seed: int, folder: Path
) -> Ground:
    """Train what the cells share, or take it from `folder` if it is there already."""
    victim, attacked = parts.victim, None
    if config.class_size is not None:
        attacked = int(np.random.default_rng([seed, 2]).integers(len(victim.class_names)))
        victim = _cut(victim, attacked, config.class_size)
    start = None
    if protocol == "head-only" and config.is_pretrained:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # the head's fresh weights
            start = pretrained(spec_for(victim, config.model))
    elif protocol == "head-only":
        epochs = config.training(config.extractor_epochs, seed)
        _, start = trained_once(parts.extractor, epochs, folder / "extractor")
    training = config.victim(protocol, seed)
    _, clean = trained_once(victim, training, folder / f"clean-{protocol}", start=start)
    return Ground(victim, parts.test, training, start, clean, attacked)


def _cut(examples: Dataset, label: int, size: int) -> Dataset:
    """The examples with the first `size` of a class, which is all that is left of it."""
    own = np.flatnonzero(examples.labels == label)
    return examples.take(np.setdiff1d(np.arange(len(examples)), own[size:]))


def validation(test: Dataset, count: int, seed: int, *, without: str | None) -> Dataset:
    """A random part of the test examples, never the target, whose id is `without`."""
    return sample(test.take(test.ids != without), count, seed)
