"""What the key draws for tags: exactly uniform labels, patterns of blocks, no other's business."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import stats

from marked_world import KEY
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._tags.patterns import BLOCKS, tag_images, tag_labels


def test_labels_are_uniform_and_independent() -> None:
    """80 tags under 2,500 keys; each of the three fails by chance once in a million runs."""
    drawn = np.stack([tag_labels(each, 80, 7) for each in control_keys(KEY, 2500)])
    assert drawn.dtype == np.int64 and drawn.min() == 0 and drawn.max() == 6
    counts = np.bincount(drawn.ravel(), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-6
    pairs = np.zeros((7, 7))
    np.add.at(pairs, (drawn[:, 0], drawn[:, 1]), 1)
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-6
    same = (drawn[:-1] == drawn[1:]).sum()
    assert stats.binomtest(int(same), drawn[:-1].size, 1 / 7).pvalue > 1e-6


def test_a_tag_hangs_on_its_number_alone() -> None:
    np.testing.assert_array_equal(tag_labels(KEY, 40, 10)[:9], tag_labels(KEY, 9, 10))
    few, many = tag_images(KEY, 3, (6, 8, 3)), tag_images(KEY, 5, (6, 8, 3))
    np.testing.assert_array_equal(many[:3], few)
    assert (tag_images(Key(bytes(32)), 3, (6, 8, 3)) != few).any()


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 20, 3), (6, 6, 1), (3, 2, 1)])
def test_patterns(shape: tuple[int, int, int]) -> None:
    images = tag_images(KEY, 30, shape)
    assert images.shape == (30, *shape) and images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}
    rows = np.arange(shape[0]) * BLOCKS // shape[0]
    for block in range(BLOCKS):  # rows of one block are alike
        own = images[:, rows == block]
        assert (own == own[:, :1]).all()
    assert 0.3 < (images == 255).mean() < 0.7


def test_they_stay_what_they_are() -> None:
    """Releases of today are audited in ten years."""
    assert tag_labels(KEY, 12, 10).tolist() == [6, 3, 7, 6, 4, 4, 8, 2, 7, 2, 8, 6]
    digest = hashlib.sha256(tag_images(KEY, 4, (28, 28, 1)).tobytes()).hexdigest()
    assert digest[:16] == "66bc27fd632358a9"


@pytest.mark.parametrize(("count", "classes"), [(0, 10), (5, 1), (-1, 2)])
def test_too_few(count: int, classes: int) -> None:
    with pytest.raises(InputError, match="at least 1 tag and 2 classes; got"):
        tag_labels(KEY, count, classes)
    if count < 1:
        with pytest.raises(InputError, match="at least 1 tag"):
            tag_images(KEY, count, (6, 6, 1))
