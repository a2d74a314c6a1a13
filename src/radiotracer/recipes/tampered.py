"""Changed images and labels put into a data set, with the manifest that says so."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Examples, Images, Labels
from radiotracer.recipes.manifest import Manifest


def tampered(
    examples: Examples,
    rows: NDArray[np.int64],
    recipe: str,
    *,
    images: Images | None = None,
    labels: Labels | None = None,
) -> tuple[Examples, Manifest]:
    """The data with other images or labels at `rows`; what comes out as it was is not tampered.

    Args:
        examples: The data before, which stay as they are.
        rows: k different row numbers.
        recipe: Its name.
        images: uint8, shape (k, h, w, c); None leaves them.
        labels: int64, shape (k,); None leaves them.
    """
    after = examples
    is_tampered = np.zeros(len(examples), dtype=np.bool_)
    if images is not None:
        is_tampered[rows] |= (images != examples.images[rows]).any(axis=(1, 2, 3))
        pixels = examples.images.copy()
        pixels[rows] = images
        after = dataclasses.replace(after, images=pixels)
    if labels is not None:
        is_tampered[rows] |= labels != examples.labels[rows]
        named = examples.labels.copy()
        named[rows] = labels
        after = after.with_labels(named)
    manifest = Manifest(
        ids=examples.ids,
        original_labels=examples.labels,
        labels=after.labels,
        recipe=recipe,
        is_tampered=is_tampered,
    )
    return after, manifest
