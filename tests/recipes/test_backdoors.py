"""Backdoors: where the patch sits, whose label changes, and that a network learns it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_helpers import Digits, check_clean_label, nothing_disturbed
from torch.nn import functional as F

from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError
from radiotracer.recipes import clean_label_backdoor, patch_backdoor, success, triggered
from radiotracer.recipes.parts.patch import stamped
from radiotracer.training.loop import TrainConfig, train

CORNERS = {
    "top-left": (slice(0, 2), slice(0, 2)),
    "top-right": (slice(0, 2), slice(6, 8)),
    "bottom-left": (slice(6, 8), slice(0, 2)),
    "bottom-right": (slice(6, 8), slice(6, 8)),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_a_patch_covers_its_corner_and_nothing_else(corner: Any, digits: Digits) -> None:
    images = digits.test.content[:5]
    original = images.copy()
    patched = stamped(images, size=2, corner=corner, value=77)
    down, right = CORNERS[corner]
    expected = original.copy()
    expected[:, down, right] = 77
    np.testing.assert_array_equal(patched, expected)
    np.testing.assert_array_equal(images, original)


def test_dirty_labels(digits: Digits) -> None:
    before = digits.train
    after, manifest = patch_backdoor(before, to_class=4, share=0.1, seed=0, size=2)
    rows = manifest.is_tampered
    # One tenth of the other classes' 1,080 examples.
    assert rows.sum() == round(0.1 * (before.labels != 4).sum()) == 108
    assert 4 not in before.labels[rows] and set(after.labels[rows]) == {4}
    np.testing.assert_array_equal(after.labels[~rows], before.labels[~rows])
    np.testing.assert_array_equal(after.content[~rows], before.content[~rows])
    patched = stamped(before.content[rows], size=2, corner="bottom-right", value=255)
    np.testing.assert_array_equal(after.content[rows], patched)
    np.testing.assert_array_equal(manifest.original_labels, before.labels)
    np.testing.assert_array_equal(manifest.labels, after.labels)
    assert manifest.recipe == "patch-backdoor"
    again, _ = patch_backdoor(before, to_class=4, share=0.1, seed=0, size=2)
    assert again.digest == after.digest
    other, _ = patch_backdoor(before, to_class=4, share=0.1, seed=1, size=2)
    assert other.digest != after.digest


def test_a_network_learns_the_backdoor(digits: Digits, tmp_path: Path) -> None:
    after, _ = patch_backdoor(digits.train, to_class=4, share=0.2, seed=0)
    config = TrainConfig(architecture="small-cnn", width=8, epochs=6, batch_size=32, seed=0)
    _, victim = train(after, config, tmp_path / "run")
    attack = triggered(digits.test, 4)
    assert success(digits.model, attack) < 0.4  # what the patch does by itself
    assert success(victim, attack) > 0.8


def loss_of(digits: Digits, images: np.ndarray, label: int) -> float:
    with torch.no_grad():
        labels = torch.full((len(images),), label)
        return F.cross_entropy(digits.model(to_inputs(images)), labels).item()


def test_clean_labels(digits: Digits) -> None:
    before, options = digits.train, {"to_class": 4, "share": 0.25, "seed": 0, "size": 2}
    with nothing_disturbed(digits.model, before):
        after, manifest = clean_label_backdoor(before, digits.model, **options)
    check_clean_label(before, after, manifest, 4)
    assert manifest.recipe == "clean-label-backdoor"
    assert manifest.is_tampered.sum() == round(0.25 * (before.labels == 4).sum()) == 30
    poisons, bases = after.content[manifest.is_tampered], before.content[manifest.is_tampered]
    assert (poisons[:, 6:, 6:] == 255).all()
    outside = np.ones((8, 8), dtype=bool)
    outside[6:, 6:] = False
    change = np.abs(poisons.astype(int) - bases)[:, outside]
    assert change.max() == 76  # 0.3 of 255, in whole levels
    # Away from their class: far harder than noise of the same size makes them.
    noise = np.random.default_rng(0).integers(-76, 77, bases.shape)
    noisy = np.clip(bases + noise, 0, 255).astype(np.uint8)
    assert loss_of(digits, poisons, 4) > loss_of(digits, noisy, 4) + 2
    torch.manual_seed(99)
    again, _ = clean_label_backdoor(before, digits.model, **options)
    assert again.digest == after.digest


def test_triggered_queries(digits: Digits) -> None:
    attack = triggered(digits.test, 4, size=2, corner="top-left", value=9)
    others = digits.test.labels != 4
    np.testing.assert_array_equal(attack.shown.labels, digits.test.labels[others])
    assert set(attack.intended) == {4} and attack.kind == "trigger"
    patched = stamped(digits.test.content[others], size=2, corner="top-left", value=9)
    np.testing.assert_array_equal(attack.shown.content, patched)


def one_class(examples: Dataset) -> Dataset:
    return examples.take(examples.labels == 4)


ONLY_FOURS = (
    "expected examples of other classes than '4'; got none; choose another to_class= or other data"
)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"to_class": 10}, "expected to_class= from 0 to 9; got 10; choose a class of the data"),
        ({"share": 1.0}, "expected share= in (0, 1); got 1; pass, say, share=0.1"),
        ({"seed": -1}, "expected seed= of at least 0; got -1; pass, say, seed=0"),
        ({"size": 0}, "expected size= from 1 to 8; got 0; change it"),
        ({"size": 9}, "expected size= from 1 to 8; got 9; change it"),
        ({"value": 256}, "expected value= from 0 to 255; got 256; change it"),
        (
            {"corner": "middle"},
            "expected a corner among top-left, top-right, bottom-left, bottom-right; got 'middle'; "
            "choose one of them",
        ),
    ],
)
def test_unusable_settings(options: dict[str, Any], text: str, digits: Digits) -> None:
    settings = {"to_class": 4, "share": 0.1, "seed": 0, **options}
    with pytest.raises(InputError) as caught:
        patch_backdoor(digits.train, **settings)
    assert str(caught.value) == text
    with pytest.raises(InputError) as caught:
        clean_label_backdoor(digits.train, digits.model, steps=1, **settings)
    assert str(caught.value) == text


def test_classes_without_examples(digits: Digits) -> None:
    fours = one_class(digits.train)
    for make in (
        lambda: patch_backdoor(fours, to_class=4, share=0.1, seed=0),
        lambda: triggered(fours, 4),
    ):
        with pytest.raises(InputError) as caught:
            make()
        assert str(caught.value) == ONLY_FOURS
    with pytest.raises(InputError) as caught:
        clean_label_backdoor(fours, digits.model, to_class=5, share=0.1, seed=0)
    assert str(caught.value) == (
        "expected to_class= with examples; got '5', which has none; choose another to_class="
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 0}, "expected steps= from 1 to inf; got 0; change it"),
        ({"epsilon": 0.0}, "expected epsilon= from 0.00392 to 1; got 0; change it"),
    ],
)
def test_unusable_perturbations(options: dict[str, Any], text: str, digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        clean_label_backdoor(digits.train, digits.model, to_class=4, share=0.1, seed=0, **options)
    assert str(caught.value) == text
