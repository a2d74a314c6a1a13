"""The tampered points of the experiment, and the clean ones that are asked about beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, open_data
from radiotracer.errors import DataError
from radiotracer.recipes import Attack, feature_collision, random_flip, targeted_flip
from radiotracer.reproduce.demo import sample
from radiotracer.reproduce.tracein.config import TraceInConfig
from radiotracer.training.predictions import predictions

Kind = Literal["targeted flips", "random flips", "clean label"]
KINDS: tuple[Kind, ...] = ("targeted flips", "random flips", "clean label")
"""Rows of the experiment; clean label is a feature collision."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What a seed draws before anything is tampered with.

    Args:
        clean: The training examples.
        test: The test split, in an order of its own.
    """

    clean: Dataset
    test: Dataset


@dataclass(frozen=True, eq=False)
class Points:
    """A tampered training set, and the part of it that is asked about.

    Args:
        train: All training examples, the tampered ones among them.
        asked: The tampered points and clean ones, in the order of the training examples.
        is_tampered: Which of the asked are tampered with, shape (asked,).
        queries: What Algorithm 1 asks; the attacked image is not among them.
        validation: What today's detectors ask; likewise.
        attack: Of the clean-label row.
    """

    train: Dataset
    asked: Dataset
    is_tampered: NDArray[np.bool_]
    queries: Dataset
    validation: Dataset
    attack: Attack | None


def setting_of(config: TraceInConfig, seed: int) -> Setting:
    """Draw a seed's training examples, and mix its test examples.

    Raises:
        DataError: The data have no test split.
    """
    whole = open_data(config.data)
    if whole.validation is None:
        raise DataError(
            expected="training data with a test split, which holds the queries",
            came=config.data,
            do="choose other data",
        )
    test = open_data(whole.validation)
    mixed = np.random.default_rng([seed, 1]).permutation(len(test))
    return Setting(sample(whole, config.examples, seed), test.take(mixed))


def points_of(
    kind: Kind, setting: Setting, model: nn.Module, config: TraceInConfig, seed: int
) -> Points:
    """Tamper with some of the clean examples, and choose whom to ask about and with what.

    Args:
        kind: The row.
        setting: What the seed drew.
        model: Trained on the clean examples: what a clean-label attacker crafts with.
        config: Settings.
        seed: Everything random follows from it.

    Raises:
        InputError: The tampering cannot be done.
    """
    clean, test, attack = setting.clean, setting.test, None
    if kind == "random flips":
        share = config.tampered / len(clean)
        train, manifest = random_flip(clean, share=share, seed=seed)
    elif kind == "targeted flips":
        share = config.tampered / max(int((clean.labels == config.source).sum()), 1)
        train, manifest = targeted_flip(
            clean, share=share, seed=seed, from_class=config.source, to_class=config.target
        )
    else:
        row = _victim_row(model, test, config)
        crafted = feature_collision(
            clean,
            model,
            target=test.take([row]),
            base_class=config.target,
            count=config.tampered,
            seed=seed,
            steps=config.craft_steps,
        )
        train, manifest, attack = crafted.examples, crafted.manifest, crafted.attack
        test = test.take(np.arange(len(test)) != row)
    tampered = manifest.is_tampered
    others = np.flatnonzero(~tampered)
    drawn = np.random.default_rng([seed, 2]).choice(
        others, size=min(config.clean_asked, len(others)), replace=False
    )
    rows = np.sort(np.concatenate([np.flatnonzero(tampered), drawn]))
    return Points(
        train=train,
        asked=train.take(rows),
        is_tampered=tampered[rows],
        queries=test.take(np.arange(min(config.queries, len(test)))),
        validation=test.take(np.arange(min(config.validation, len(test)))),
        attack=attack,
    )


def _victim_row(model: nn.Module, test: Dataset, config: TraceInConfig) -> int:
    """The first test example of the source class that the network gets right."""
    right = predictions(model, test).argmax(dim=1).numpy() == test.labels
    found = np.flatnonzero(right & (test.labels == config.source))
    if not len(found):
        raise DataError(
            expected=f"a test example of class {config.source} that the clean network gets right",
            came="none",
            do="train longer",
        )
    return int(found[0])
