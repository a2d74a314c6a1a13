"""Changed inputs and labels put into a data set, with the manifest that says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Examples, Images, Labels, Texts
from radiotracer.recipes.manifest import Manifest

Labelled = TypeVar("Labelled", Examples, Texts)
"""Labelled data: a recipe gives back what it was given."""


def tampered(
    examples: Labelled,
    rows: NDArray[np.int64],
    recipe: str,
    *,
    inputs: Images | Sequence[str] | None = None,
    labels: Labels | None = None,
) -> tuple[Labelled, Manifest]:
    """The data with other inputs or labels at `rows`; what comes out as it was is not tampered.

    Args:
        examples: The data before, which stay as they are.
        rows: k different row numbers.
        recipe: Its name.
        inputs: k of what the data hold: images, uint8, shape (k, h, w, c), or texts; None leaves
            them.
        labels: int64, shape (k,); None leaves them.
    """
    after = examples
    is_tampered = np.zeros(len(examples), dtype=np.bool_)
    if inputs is not None:
        after, is_tampered[rows] = _with_inputs(after, rows, inputs)
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


def _with_inputs(
    examples: Labelled, rows: NDArray[np.int64], inputs: Images | Sequence[str]
) -> tuple[Labelled, NDArray[np.bool_]]:
    """The data with these inputs at `rows`, and which of them are others than before."""
    if isinstance(examples, Texts):
        texts = list(examples.texts)
        for row, text in zip(rows.tolist(), cast(Sequence[str], inputs), strict=True):
            texts[row] = text
        differs = np.array([texts[row] != examples.texts[row] for row in rows.tolist()], np.bool_)
        return dataclasses.replace(examples, texts=tuple(texts)), differs
    images = cast(Images, inputs)
    differs = (images != examples.images[rows]).any(axis=(1, 2, 3))
    pixels = examples.images.copy()
    pixels[rows] = images
    return dataclasses.replace(examples, images=pixels), differs
