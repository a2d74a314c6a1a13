"""Handwritten digits of 8 x 8 pixels, a network that knows them, what holds for every recipe."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.recipes import (
    Crafted,
    Manifest,
    bullseye_polytope,
    feature_collision,
    gradient_matching,
)


@dataclass(frozen=True)
class Digits:
    train: Dataset
    test: Dataset
    model: torch.nn.Module

    def target(self, label: int, number: int = 0) -> np.ndarray:
        """A test image of a class that the network knows."""
        inputs = to_inputs(self.test.content)
        with torch.no_grad():
            right = self.model(inputs).argmax(dim=1).numpy() == self.test.labels
        return self.test.content[np.flatnonzero(right & (self.test.labels == label))[number]]


LABEL, BASE = 3, 8
"""What targets show, and what they are to be taken for."""

ATTACKS: dict[str, tuple[Callable[..., Crafted], dict[str, Any]]] = {
    "feature-collision": (feature_collision, {"steps": 60}),
    "bullseye-polytope": (bullseye_polytope, {"steps": 40, "tolerance": 0.5}),
    "gradient-matching": (gradient_matching, {"steps": 10, "restarts": 1}),
}
"""Attacks on one target with settings for quick tests."""

every_attack = pytest.mark.parametrize("name", ATTACKS)


def craft(name: str, digits: Digits, target: np.ndarray | None = None, **options: Any) -> Crafted:
    """One attack; `options` may also replace the model and the target's label."""
    attack, quick = ATTACKS[name]
    settings = {"base_class": BASE, "count": 6, "seed": 0, **quick, **options}
    model, label = settings.pop("model", digits.model), settings.pop("label", LABEL)
    target = digits.target(LABEL) if target is None else target
    shown = replace(digits.test.take([0]), content=target[None], labels=np.array([label]))
    return attack(digits.train, model, target=shown, **settings)


def features(model: torch.nn.Module, images: np.ndarray) -> torch.Tensor:
    """Penultimate features of the reference network, written out once more."""
    with torch.no_grad():
        inputs = to_inputs(images)
        return model.features(model.normalise(inputs)).mean(dim=(2, 3))


@contextmanager
def nothing_disturbed(model: torch.nn.Module, examples: Dataset) -> Iterator[None]:
    """The model, its mode, the data and every global random state are as they were found."""
    model.train()
    for weights in model.parameters():
        weights.grad = torch.ones_like(weights)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = examples.content.copy(), examples.labels.copy()
    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())  # noqa: NPY002
    try:
        yield
        assert model.training and all(module.training for module in model.modules())
        assert all(weights.requires_grad for weights in model.parameters())
        assert all((weights.grad == 1).all() for weights in model.parameters())
        assert not any(module._forward_hooks for module in model.modules())
        for name, value in model.state_dict().items():
            assert torch.equal(value, state[name]), name
        np.testing.assert_array_equal(examples.content, images)
        np.testing.assert_array_equal(examples.labels, labels)
        assert random.getstate() == states[0]
        assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), states[2])
    finally:
        model.eval()
        for weights in model.parameters():
            weights.grad = None


def check_clean_label(before: Dataset, after: Dataset, manifest: Manifest, label: int) -> None:
    """Labels stay, only tampered rows differ, and those are of one class and really do differ."""
    differs = (before.content != after.content).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(manifest.is_tampered, differs)
    assert set(before.labels[differs]) == {label}
    for labels in (after.labels, manifest.labels, manifest.original_labels):
        np.testing.assert_array_equal(labels, before.labels)
    for ids in (after.ids, manifest.ids):
        np.testing.assert_array_equal(ids, before.ids)
    assert after.content.dtype == np.uint8


def check_targeted(before: Dataset, made: Crafted, target: np.ndarray, label: int, base: int):
    check_clean_label(before, made.examples, made.manifest, base)
    assert made.reached == made.manifest.is_tampered.sum()
    np.testing.assert_array_equal(made.attack.shown.content, target[None])
    assert (made.attack.shown.labels.tolist(), made.attack.intended.tolist()) == ([label], [base])
    assert made.attack.kind == "target"


def largest_change(before: Dataset, after: Dataset) -> int:
    return int(np.abs(before.content.astype(int) - after.content).max())
