"""Tags: secret patterns that nobody took for anything, each with a secret label."""

from __future__ import annotations

import numpy as np

from radiotracer.data import Images, Labels
from radiotracer.errors import InputError
from radiotracer.provenance.key import Key
from radiotracer.provenance.source import Source

PATTERNS = "patterns"
"""The sealed array with all tags."""

BLOCKS = 4
"""A pattern has so many blocks along each side."""


def label_coins(count: int, classes: int) -> tuple[str, ...]:
    """The names of the coins that `tag_labels` draws by."""
    return tuple(f"{_labels(classes)}/{tag}" for tag in range(count))


def tag_labels(source: Source, count: int, classes: int) -> Labels:
    """The label of every tag: each class with probability 1 / classes, independently.

    A tag's label hangs on the source, on its number and on how many classes there are alone: not on
    its pattern, on any network, or on other tags. That makes the binomial test exact.

    Args:
        source: The coins of a release, or a control key.
        count: How many tags, at least 1.
        classes: At least 2.

    Returns:
        int64, shape (count,), in [0, classes). From 256 bits each, so that no probability differs
        from 1 / classes by more than 2^-256.

    Raises:
        InputError: Too few tags or classes.
    """
    _require(count, classes)
    drawn = source.each(_labels(classes), map(str, range(count)))
    return np.array([int.from_bytes(each) % classes for each in drawn], dtype=np.int64)


def tag_images(key: Key, count: int, shape: tuple[int, int, int]) -> Images:
    """The pattern of every tag: a square of blocks, each channel of each black or white by a coin.

    A tag's pattern depends on the key, on its number, and on the images' shape alone.

    Args:
        key: The secret.
        count: How many tags, at least 1.
        shape: Height, width and channels of the images that are marked.

    Returns:
        uint8, shape (count, height, width, channels), 0 or 255.

    Raises:
        InputError: Too few tags.
    """
    _require(count)
    height, width, channels = shape
    down, right = (np.arange(side) * BLOCKS // side for side in (height, width))
    made = []
    for tag in range(count):
        drawn = key.derive(f"tag/pattern/{channels}/{tag}", BLOCKS * BLOCKS * channels)
        coins = np.frombuffer(drawn, dtype=np.uint8).reshape(BLOCKS, BLOCKS, channels) >> 7
        made.append(255 * coins[down][:, right])
    return np.stack(made)


def _labels(classes: int) -> str:
    return f"tag/label/{classes}"


def _require(count: int, classes: int = 2) -> None:
    if count < 1 or classes < 2:
        raise InputError(
            expected="at least 1 tag and 2 classes",
            came=f"{count} and {classes}",
            do="pass the tags and classes of the data",
        )
