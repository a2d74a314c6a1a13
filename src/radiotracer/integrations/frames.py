"""Results as frames: Arrow, pandas, polars.

`Scan`, `Explanation`, `Finding` and `Evidence` speak Arrow's PyCapsule interface, so that
``polars.DataFrame(scan)``, ``pandas.DataFrame.from_arrow(scan)`` and ``duckdb.sql("FROM scan")``
need nothing of this module. It adds folders, and frames of pandas that share memory.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.present.scan_frame import frame
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence
from radiotracer.review.scanned import RANKING, SCORES, Scanned, read_scan, rows_of

if TYPE_CHECKING:
    from radiotracer.explaining import Explanation
    from radiotracer.provenance.finding import Finding
    from radiotracer.scanning import Scan

    Result = Scan | Explanation | Finding | Evidence | str | os.PathLike[str]


def to_arrow(result: Result) -> pa.Table:
    """A result as an Arrow table.

    Numbers of a `Scan`, and the influence of an `Explanation`, share the memory of the result:
    change neither. What the columns are is told where the tables are made:
    `radiotracer.present.scan_frame`, `radiotracer.present.explanation_frame`, and the files of
    `radiotracer.present.views`.

    Args:
        result: A scan (a row per training example, in the order of the data), an explanation (a row
            per training example and query), a finding or evidence (one row), or the folder that a
            scan or an audit was written to. What is read from a folder is new memory.

    Raises:
        InputError: It is none of these, or the folder is damaged.
    """
    if isinstance(result, str | os.PathLike):
        folder = Path(result)
        if (folder / EVIDENCE_FILE).is_file():
            return pa.table(Evidence.read(folder))
        return _of_scan(folder)
    if not hasattr(result, "__arrow_c_stream__"):
        raise InputError(
            expected="a Scan, Explanation, Finding, Evidence, or the folder of a scan or an audit",
            came=type(result).__name__,
            do="pass one of these",
        )
    return pa.table(result)


def to_pandas(result: Result) -> Any:
    """The same as a `pandas.DataFrame`; labels are categoricals.

    Float and integer columns without nulls share the memory of the result, too.

    Raises:
        InputError: As `to_arrow`, or pandas is not installed.
    """
    _installed("pandas")
    return to_arrow(result).to_pandas(split_blocks=True)


def to_polars(result: Result) -> Any:
    """The same as a `polars.DataFrame`; labels are categoricals.

    Float and integer columns share the memory of the result, too.

    Raises:
        InputError: As `to_arrow`, or polars is not installed.
    """
    return _installed("polars").DataFrame(to_arrow(result))


def _of_scan(folder: Path) -> pa.Table:
    scanned = read_scan(folder)
    # Suspects are written by rank; the scores are in the order of the data.
    order = rows_of(scanned.ids, pq.read_table(folder / SCORES, columns=["id"])["id"].to_numpy())
    known = pq.read_table(folder / RANKING)
    names, none = known.column_names, np.zeros(len(known), dtype=bool)
    is_reference = known["is_reference"].to_numpy() if "is_reference" in names else none
    return frame(
        ids=scanned.ids[order],
        label=_labels(scanned.labels[order], scanned),
        score=scanned.score[order],
        rank=scanned.rank[order],
        p_value=scanned.p_value[order],
        q_value=scanned.q_value[order],
        probability=known["probability"].to_numpy()[order] if "probability" in names else None,
        is_flagged=scanned.is_flagged[order],
        suggested_label=_labels(scanned.suggested[order], scanned),
        is_reference=is_reference[order],
        detectors={name: scores[order] for name, scores in scanned.detectors.items()},
    )


def _labels(names: NDArray[np.str_], scanned: Scanned) -> pa.Array:
    """Names of classes; nulls where there are none."""
    known = pa.array(names) if scanned.has_classes else pa.nulls(len(names), pa.string())
    return known.dictionary_encode()


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            expected=f"{name}, to make its frame",
            came="an environment without it",
            do=f"run pip install {name}",
        ) from error
