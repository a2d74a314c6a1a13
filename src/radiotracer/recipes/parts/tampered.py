"""Changed inputs and labels put into a data set, with the manifest that says so."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.recipes.parts.manifest import Manifest


def tampered(
    examples: Dataset,
    rows: NDArray[np.int64],
    recipe: str,
    *,
    inputs: Any = None,
    labels: Labels | None = None,
) -> tuple[Dataset, Manifest]:
    """The data with other inputs or labels at `rows`; what comes out as it was is not tampered.

    Args:
        examples: The data before, which stay as they are.
        rows: k different row numbers.
        recipe: Its name.
        inputs: k of what the data hold, as their modality has it; None leaves them.
        labels: int64, shape (k,); None leaves them.
    """
    after = examples
    is_tampered = np.zeros(len(examples), dtype=np.bool_)
    if inputs is not None:
        after = after.with_content(rows, inputs)
        is_tampered[rows] = examples.take(rows).digests != after.take(rows).digests
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
