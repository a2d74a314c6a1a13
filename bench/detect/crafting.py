"""From a recipe's name to a tampered data set, its truth, and the attack that it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.detect.config import DetectConfig
from bench.detect.ground import Ground
from radiotracer.data import Dataset
from radiotracer.errors import DataError
from radiotracer.recipes import (
    Attack,
    Crafted,
    Manifest,
    bullseye_polytope,
    clean_label_backdoor,
    confusion_flip,
    feature_collision,
    gradient_matching,
    nearest_flip,
    patch_backdoor,
    random_flip,
    targeted_flip,
    triggered,
)
from radiotracer.training.predictions import confusion, predictions

TARGETED: Mapping[str, Callable[..., Crafted]] = {
    "feature-collision": feature_collision,
    "bullseye-polytope": bullseye_polytope,
    "gradient-matching": gradient_matching,
}
"""Attacks on one chosen image that leave every label right."""


@dataclass(frozen=True, eq=False)
class Tampering:
    """What was done to the victim's examples.

    Args:
        examples: The tampered data.
        manifest: The truth.
        attack: What it is for; None where labels are wrong and nothing else is wanted.
        target: Id of the test example that is attacked, if it is a single one.
    """

    examples: Dataset
    manifest: Manifest
    attack: Attack | None = None
    target: str | None = None


def craft(recipe: str, ground: Ground, config: DetectConfig, seed: int) -> Tampering:
    """Tamper with the victim's examples, against the clean network where a recipe needs one.

    Classes and targets are drawn by the seed: flips from one class to another, backdoors to a
    class, and targets among the test examples that the clean network gets right.

    Raises:
        InputError: The recipe cannot do it.
    """
    generator = np.random.default_rng([seed, 1])
    classes = len(ground.victim.class_names)
    source, goal = (int(each) for each in generator.choice(classes, size=2, replace=False))
    if recipe in TARGETED:
        return _targeted(recipe, ground, config, seed, generator)
    if recipe in ("patch-backdoor", "clean-label-backdoor"):
        attack = triggered(ground.test, goal)
        if recipe == "patch-backdoor":
            done = patch_backdoor(ground.victim, to_class=goal, share=config.patched, seed=seed)
        else:
            done = clean_label_backdoor(
                ground.victim,
                ground.clean,
                to_class=goal,
                share=config.patched_own,
                seed=seed,
            )
        return Tampering(*done, attack)
    if recipe == "targeted-flip":
        return Tampering(
            *targeted_flip(
                ground.victim, share=config.flips, seed=seed, from_class=source, to_class=goal
            )
        )
    if recipe == "nearest-flip":
        return Tampering(*nearest_flip(ground.victim, ground.clean, share=config.flips, seed=seed))
    if recipe == "confusion-flip":
        return Tampering(
            *confusion_flip(
                ground.victim,
                confusion(ground.clean, ground.test),
                share=config.flips,
                seed=seed,
            )
        )
    return Tampering(*random_flip(ground.victim, share=config.flips, seed=seed))


def _targeted(
    recipe: str,
    ground: Ground,
    config: DetectConfig,
    seed: int,
    generator: np.random.Generator,
) -> Tampering:
    test = ground.test
    likely = predictions(ground.clean, test).argsort(dim=1, descending=True).numpy()
    right = likely[:, 0] == test.labels
    if ground.attacked is not None:
        right &= test.labels == ground.attacked
    if not right.any():
        raise DataError(
            expected="a test example, of the class attacked, that the clean network gets right",
            came="none",
            do="train longer, or leave more of the class",
        )
    row = int(generator.choice(np.flatnonzero(right)))
    label = int(test.labels[row])
    classes = len(ground.victim.class_names)
    base = int((label + generator.integers(1, classes)) % classes)
    if config.near_base:
        base = int(likely[row, 1])
    options: dict[str, object] = {} if config.steps is None else {"steps": config.steps}
    if recipe == "gradient-matching" and ground.start is not None:
        options["layers"] = ("head.*",)  # what this victim trains
    own = int((ground.victim.labels == base).sum())
    crafted = TARGETED[recipe](
        ground.victim,
        ground.clean,
        target=test.take([row]),
        base_class=base,
        count=min(config.poisons, own),
        seed=seed,
        **options,
    )
    return Tampering(crafted.examples, crafted.manifest, crafted.attack, str(test.ids[row]))
