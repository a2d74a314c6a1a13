"""Fresh views of images, in an order that tells nothing: what a suspect is asked about twins.

One of the twins of every pair is byte for byte in the public release, so who holds it can answer by
looking up. A view is an image that nobody has seen: changed by up to `NOISE` grey levels in every
value and, where the protocol says so, shifted by a few pixels, its border repeated. Both twins of a
pair are asked in the same views, so that nothing of a view depends on a coin. Beside them stand
views of unmarked released examples, whose answers are not used. Who answers what is *near* a
released image alike, whatever it is, still evades: see `bench/evasions.py`.

All of it follows from one coin, by the part of the generator that numpy promises not to change
(NEP 19), so that `verify` makes the same images again; no file format is involved, whose encoders
change.

Source: Huang, Gong and Reiter 2024, "A general framework for data-use auditing of ML models", ask
about random crops, too, to be answered as a model answers what it was trained on with augmentation.
Differs in: the same views for both versions, and decoys.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Images
from radiotracer.provenance.key import Key
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source

NOISE = 4
"""In grey levels."""

VIEWS = "twin/views"
"""The name of the coin that views, decoys and the order of all questions follow from."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked.

    Args:
        images: All of it, in the order in which it is asked, shape (n, h, w, c).
        places: Where each version is among them: (views, distances, twins, pairs).
    """

    images: Images
    places: NDArray[np.int64]


def questions_of(release: Release, coins: Source, moved: Images) -> Questions:
    """Versions of twins in as many views as the release's protocol says, with decoys, and mixed.

    Args:
        release: Of the design ``twins``.
        coins: Its coins, of which `VIEWS` makes all of this.
        moved: Both twins of each pair at each distance, uint8, (distances, pairs, 2, h, w, c).
    """
    views, shift = (int(str(release.protocol.settings[name])) for name in ("views", "shift"))
    key, pairs = Key(coins.derive(VIEWS)), moved.swapaxes(0, 1)
    if views:
        ids = release.ids.tolist()
        shown = [
            viewed(pair, key, name, views, shift) for pair, name in zip(pairs, ids, strict=True)
        ]
        decoys = _decoys(release, key, views, shift)
    else:
        shown, decoys = list(pairs[:, None]), moved.reshape(-1, *moved.shape[3:])[:0]
    stacked = np.stack(shown)  # pairs, views, distances, twins, h, w, c
    asked = np.concatenate([stacked.reshape(-1, *moved.shape[3:]), decoys])
    order = _order(key, "twin/order", len(asked))
    places = np.argsort(order)[: len(asked) - len(decoys)].reshape(stacked.shape[:4])
    return Questions(asked[order], np.moveaxis(places, 0, -1))


def viewed(images: Images, key: Key, name: str, views: int, shift: int) -> Images:
    """The same images in each of so many views.

    Args:
        images: uint8, shape (..., h, w, c).
        key: The secret.
        name: What the views hang on.
        views: How many.
        shift: By how many pixels at most, up and down, left and right.

    Returns:
        uint8, shape (views, ..., h, w, c).
    """
    height, width, channels = images.shape[-3:]
    size = height * width * channels
    words = -(-size // 8) + 2
    stream = key.generator(f"twin/view/{name}").bit_generator.random_raw(views * words)
    border = [(0, 0)] * (images.ndim - 3) + [(shift, shift), (shift, shift), (0, 0)]
    padded = np.pad(images, border, mode="edge").astype(np.int16)
    found = np.empty((views, *images.shape), dtype=np.uint8)
    for view, drawn in enumerate(stream.reshape(views, words)):
        down, right = (int(word % (2 * shift + 1)) for word in drawn[:2])
        levels = drawn[2:].astype("<u8").view(np.uint8)[:size] % (2 * NOISE + 1)
        noise = levels.astype(np.int16).reshape(height, width, channels) - NOISE
        part = padded[..., down : down + height, right : right + width, :]
        found[view] = np.clip(part + noise, 0, 255)
    return found


def _decoys(release: Release, key: Key, views: int, shift: int) -> Images:
    """Views of as many unmarked examples as pairs, if there are so many; (n, h, w, c)."""
    published = release.published
    unmarked = np.setdiff1d(np.arange(len(published)), release.places)
    rows = np.sort(unmarked[_order(key, "twin/decoys", len(unmarked))][: len(release.rows)])
    shown = [
        viewed(image, key, f"decoy/{name}", views, shift)
        for image, name in zip(published.content[rows], published.ids[rows].tolist(), strict=True)
    ]
    shape = published.content.shape[1:]
    return np.concatenate(shown) if shown else np.empty((0, *shape), dtype=np.uint8)


def _order(key: Key, label: str, size: int) -> NDArray[np.int64]:
    return np.argsort(key.generator(label).bit_generator.random_raw(size), kind="stable")
