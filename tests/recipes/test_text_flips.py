"""Flips of texts: the recipes of images, on texts, and their manifests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radiotracer.data import IMAGES, TEXTS, Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.recipes import Manifest, confusion_flip, random_flip, targeted_flip

N = 60
LABELS = np.arange(N) % 3
IDS = np.array([f"letter {row}" for row in range(N)])
LETTERS = Dataset(
    TEXTS, tuple(f"text {row}" for row in range(N)), LABELS, IDS, ("a", "b", "c"), "a test"
)
PICTURES = Dataset(IMAGES, np.zeros((N, 2, 2, 1), np.uint8), LABELS, IDS, ("a", "b", "c"), "a test")
CONFUSION = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])

FLIPS: dict[str, Callable[..., tuple[Dataset, Manifest]]] = {
    "random-flip": lambda data: random_flip(data, share=0.1, seed=0),
    "targeted-flip": lambda data: targeted_flip(data, share=0.3, seed=0, from_class=1, to_class=2),
    "confusion-flip": lambda data: confusion_flip(data, CONFUSION, share=0.1, seed=0),
}
every_flip = pytest.mark.parametrize("recipe", FLIPS)


@every_flip
def test_texts_stay_and_labels_change_as_of_images(recipe: str) -> None:
    after, manifest = FLIPS[recipe](LETTERS)
    images, of_images = FLIPS[recipe](PICTURES)
    assert isinstance(after, Dataset) and isinstance(images, Dataset)
    assert after.content is LETTERS.content
    np.testing.assert_array_equal(after.labels, images.labels)
    np.testing.assert_array_equal(manifest.is_tampered, after.labels != LABELS)
    np.testing.assert_array_equal(manifest.is_tampered, of_images.is_tampered)
    np.testing.assert_array_equal(manifest.original_labels, LABELS)
    assert manifest.is_tampered.sum() == 6 and manifest.recipe == recipe
    np.testing.assert_array_equal(LETTERS.labels, np.arange(N) % 3)


@every_flip
def test_a_manifest_of_texts_survives_its_file(recipe: str, tmp_path: Path) -> None:
    after, manifest = FLIPS[recipe](LETTERS)
    manifest.write(tmp_path)
    found = Manifest.read(tmp_path, after)
    assert found is not None and found.recipe == recipe
    np.testing.assert_array_equal(found.is_tampered, manifest.is_tampered)
    with pytest.raises(DataError, match=r"got other labels; restore or remove it"):
        Manifest.read(tmp_path, LETTERS)


def test_refusals_are_those_of_images() -> None:
    with pytest.raises(InputError, match=r"share= in \(0, 1\); got 0"):
        random_flip(LETTERS, share=0.0, seed=0)
    with pytest.raises(InputError, match=r"to_class= from 0 to 2; got 3"):
        targeted_flip(LETTERS, share=0.5, seed=0, from_class=0, to_class=3)
