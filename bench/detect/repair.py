"""Take flagged examples out, train again, and see what became of the attack and of the accuracy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.recipes import Attack, success
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.predictions import accuracy

Retrain = Callable[[Dataset], nn.Module]
"""Trains a network on what is left, by the victim's own settings."""


@dataclass(frozen=True)
class Outcome:
    """What a network does after some training examples were taken out.

    Args:
        tampered: How many of those taken out were tampered with.
        clean: How many were not.
        attack_success: Share of the attack's images that the network gives the intended class, in
            [0, 1]; None without an attack.
        accuracy: Share of the test examples that it gives their label, in [0, 1].
    """

    tampered: int
    clean: int
    attack_success: float | None
    accuracy: float


@dataclass(frozen=True)
class Repair:
    """The victim as it was, and trained again on less.

    Args:
        before: Nothing taken out.
        flagged: Without the flagged ones.
        perfect: Without the tampered examples and nothing else: the best that a filter can do.
        random: Without as many random examples as are flagged.
    """

    before: Outcome
    flagged: Outcome
    perfect: Outcome
    random: Outcome


def repair(
    victim: nn.Module,
    examples: Dataset,
    is_tampered: NDArray[np.bool_],
    flagged: NDArray[np.bool_],
    *,
    test: Dataset,
    retrain: Retrain,
    attack: Attack | None = None,
    seed: int = 0,
) -> Repair:
    """Compare three ways to filter the training examples by what a network makes of the rest.

    Args:
        victim: Trained on all examples.
        examples: n of them.
        is_tampered: The truth, shape (n,).
        flagged: What to take out, shape (n,).
        test: Examples to measure accuracy on; at least one.
        retrain: Called with what is left, once for each filter that takes anything out.
        attack: What the tampering was meant to do.
        seed: Which random examples are taken out.

    Raises:
        InputError: The arrays are of another length, or there is no test example; and whatever
            `retrain` raises, such as `DataError` when a class has lost its last example.
    """
    if not is_tampered.shape == flagged.shape == (len(examples),) or not len(test):
        raise InputError(
            expected=f"a truth and a verdict for each of {len(examples)} examples, and a test set",
            came=f"shapes {is_tampered.shape} and {flagged.shape}, {len(test)} test examples",
            do="pass arrays of one row per example, and test examples",
        )
    drawn = np.zeros(len(examples), dtype=np.bool_)
    generator = np.random.default_rng(seed)
    drawn[generator.choice(len(examples), size=int(flagged.sum()), replace=False)] = True

    def without(removed: NDArray[np.bool_]) -> Outcome:
        network = retrain(examples.take(~removed)) if removed.any() else victim
        return Outcome(
            tampered=int((removed & is_tampered).sum()),
            clean=int((removed & ~is_tampered).sum()),
            attack_success=None if attack is None else success(network, attack),
            accuracy=accuracy(network, test),
        )

    return Repair(
        before=without(np.zeros_like(drawn)),
        flagged=without(flagged),
        perfect=without(is_tampered),
        random=without(drawn),
    )


def retrain_by(config: TrainConfig, *, start: nn.Module | None = None) -> Retrain:
    """Training by the reference loop, from the same beginning; its recording is thrown away."""

    def retrain(examples: Dataset) -> nn.Module:
        with tempfile.TemporaryDirectory() as folder:
            return train(examples, config, Path(folder) / "run", start=start)[1]

    return retrain
