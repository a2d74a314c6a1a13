"""An explanation as Arrow: one row per training example and query, made as it is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from radiotracer.explaining.explanation import Explanation

PAIRS = 1 << 16
"""About how many rows a batch has."""

SCHEMA = pa.schema(
    {
        "query_row": pa.int64(),
        "query_id": pa.string(),
        "explained_label": pa.string(),
        "row": pa.int64(),
        "id": pa.string(),
        "label": pa.string(),
        "influence": pa.float64(),
        "share": pa.float64(),
    }
)


def stream_of(found: Explanation) -> pa.RecordBatchReader:
    """Every pair of a training example and a query, in the order of `Explanation.influence`.

    `influence` shares the memory of the explanation; everything else is made batch by batch, so
    that a reader that goes through it once needs no more memory than a batch takes.

    Returns:
        ``query_row, query_id, explained_label, row, id, label, influence, share`` (see
        `Explanation`), and ``is_tampered`` where a manifest says what is true.
    """
    schema = SCHEMA
    if found.manifest is not None:
        schema = schema.append(pa.field("is_tampered", pa.bool_()))
    return pa.RecordBatchReader.from_batches(schema, _batches(found, schema))


def _batches(found: Explanation, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    n, m = found.influence.shape
    size = max(1, PAIRS // max(1, m))
    whole = np.abs(found.influence).sum(axis=0)
    whole[whole == 0] = 1.0  # where nothing has influence every share is 0
    names = pa.array(found.class_names, pa.string())
    for start in range(0, n, size):
        rows = np.arange(start, min(n, start + size))
        example = pa.array(np.repeat(rows - start, m))
        query = pa.array(np.tile(np.arange(m), len(rows)))
        influence = found.influence[rows[0] : rows[-1] + 1]
        columns = {
            "query_row": pa.array(found.rows).take(query),
            "query_id": pa.array(found.query_ids).take(query),
            "explained_label": names.take(pa.array(found.targets)).take(query),
            "row": pa.array(np.repeat(rows, m)),
            "id": pa.array(found.identity.ids[rows]).take(example),
            "label": names.take(pa.array(found.identity.labels[rows])).take(example),
            "influence": pa.array(influence.reshape(-1)),
            "share": pa.array((influence / whole).reshape(-1)),
        }
        if found.manifest is not None:
            columns["is_tampered"] = pa.array(found.manifest.is_tampered[rows]).take(example)
        yield pa.record_batch(list(columns.values()), schema=schema)
