"""A scan as one Arrow table, whose numbers are the scan's own memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from radiotracer.scanning.result import Scan


def frame_of(scan: Scan) -> pa.Table:
    """One row per training example, in the order of the data.

    Float and integer columns share the memory of the scan's arrays; ids and flags are copied,
    because Arrow lays texts and booleans out in another way than NumPy.

    Returns:
        The columns of ``ranking.parquet`` (`label` and `suggested_label` as dictionaries), one
        float64 column per detector, by its name, as in ``scores.parquet``, and ``is_tampered``
        where a manifest says what is true.
    """
    is_reference = np.zeros(len(scan.scores), dtype=bool)
    if scan.clean_reference is not None:
        is_reference[scan.clean_reference.rows] = True
    return frame(
        ids=scan.identity.ids,
        label=named(scan.identity.labels, scan.class_names, len(scan.scores)),
        score=scan.scores,
        rank=scan.decision.ranks,
        p_value=scan.decision.p_values,
        q_value=scan.decision.q_values,
        probability=scan.rankings[scan.detector].posteriors,
        is_flagged=scan.decision.is_flagged,
        suggested_label=named(scan.suggested, scan.class_names, len(scan.scores)),
        is_reference=is_reference,
        detectors={name: ranking.scores for name, ranking in scan.rankings.items()},
        is_tampered=None if scan.manifest is None else scan.manifest.is_tampered,
    )


def frame(
    *,
    ids: NDArray[np.str_],
    label: pa.Array,
    score: NDArray[np.float64],
    rank: NDArray[np.int64],
    p_value: NDArray[np.float64] | None,
    q_value: NDArray[np.float64] | None,
    probability: NDArray[np.float64] | None,
    is_flagged: NDArray[np.bool_],
    suggested_label: pa.Array,
    is_reference: NDArray[np.bool_],
    detectors: Mapping[str, NDArray[np.float64]],
    is_tampered: NDArray[np.bool_] | None = None,
) -> pa.Table:
    """The table of these columns, each of shape (n,); NaN and None are nulls where p-values are."""
    columns: dict[str, Any] = {
        "id": pa.array(ids),
        "label": label,
        "score": score,
        "rank": rank,
        "p_value": _or_nulls(p_value, len(score)),
        "q_value": _or_nulls(q_value, len(score)),
        "probability": _or_nulls(probability, len(score)),
        "is_flagged": is_flagged,
        "suggested_label": suggested_label,
        "is_reference": is_reference,
        **detectors,
    }
    if is_tampered is not None:
        columns["is_tampered"] = is_tampered
    return pa.table(columns)


def named(numbers: NDArray[np.int64] | None, names: Sequence[str], n: int) -> pa.Array:
    """Class numbers, shape (n,), as their names; the numbers are shared. Nulls without names."""
    if numbers is None or not names:
        return pa.nulls(n, pa.string()).dictionary_encode()
    texts = pa.array(names, pa.string())
    if len(set(names)) < len(names):  # a dictionary must not repeat itself
        return texts.take(pa.array(numbers))
    return pa.DictionaryArray.from_arrays(pa.array(numbers), texts)


def _or_nulls(values: NDArray[np.float64] | None, n: int) -> pa.Array:
    return pa.nulls(n, pa.float64()) if values is None else pa.array(values, from_pandas=True)
