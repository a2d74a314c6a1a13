"""A scan, read back from the folder that ``radiotracer scan`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from radiotracer.data.columns import is_text
from radiotracer.digested import require_digest
from radiotracer.errors import InputError
from radiotracer.files import sha256_file

RANKING = "ranking.parquet"
SCORES = "scores.parquet"
SUMMARY = "summary.json"
KEPT_FILE = "opinions.safetensors"

_FROM_ANY_FILE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    RecursionError,
    pa.ArrowException,
)


@dataclass(frozen=True)
class Source:
    """Where a scan's evidence comes from.

    Args:
        words: For people, as it stands after "a scan of".
        kept: The file from which influence can be computed; None where the run has to be asked.
    """

    words: str
    kept: Path | None


@dataclass(frozen=True, eq=False)
class Scanned:
    """A scan of n examples; row ``i`` of every array is the same example, most suspicious first.

    Args:
        folder: Where it lies.
        digest: SHA-256 of its ranking.parquet: what makes it this scan.
        data_digest: Identity of the data that were scanned.
        ids: Shape (n,).
        labels: Names of classes, shape (n,); empty where there are no classes, as of documents.
        suggested: Names of classes, shape (n,); empty likewise.
        score: Of the detector that decided, float64, shape (n,).
        rank: 1 = most suspicious, shape (n,).
        p_value: NaN where there is none, shape (n,).
        q_value: NaN where there is none, shape (n,).
        is_flagged: bool, shape (n,).
        detectors: By name, every detector's scores, float64, shape (n,).
        summary: The whole of summary.json.
    """

    folder: Path
    digest: str
    data_digest: str
    ids: NDArray[np.str_]
    labels: NDArray[np.str_]
    suggested: NDArray[np.str_]
    score: NDArray[np.float64]
    rank: NDArray[np.int64]
    p_value: NDArray[np.float64]
    q_value: NDArray[np.float64]
    is_flagged: NDArray[np.bool_]
    detectors: Mapping[str, NDArray[np.float64]]
    summary: Mapping[str, Any]
    has_classes: bool = True

    def __len__(self) -> int:
        """How many examples were scanned."""
        return len(self.ids)

    def require_classes(self) -> None:
        """Raise `InputError` where the examples have no labels to decide about."""
        if not self.has_classes:
            raise InputError(
                expected="a scan of examples with classes, to review their labels",
                came=f"one of examples without in {self.folder}",
                do=f"read report.html and {RANKING} there, and leave rows out of your data",
            )

    def recorded(self, key: str) -> str | None:
        """A text of summary.json that older scans do not have."""
        value = self.summary.get(key)
        return value if isinstance(value, str) and value else None

    @property
    def reading(self) -> dict[str, Any] | None:
        """What `open_data` was told beside the DATA argument; None where the scan does not say.

        Raises:
            InputError: It says something else.
        """
        said = self.summary.get("reading")
        if said is None:
            return None
        try:
            # The room of runs imports torch, which a table of issues does without.
            from radiotracer.runs.schema import DataOptions

            return DataOptions.model_validate(said).given()
        except ValidationError as error:
            raise InputError(
                expected=f"options of reading in {self.folder / SUMMARY}",
                came="others",
                do="scan again, or restore the file",
            ) from error

    @property
    def source(self) -> Source:
        """Where its evidence comes from, as it says."""
        said = self.summary.get("source")
        said = said if isinstance(said, dict) else {}
        words, kept = said.get("words"), said.get("kept")
        return Source(
            words=words if isinstance(words, str) else "a training",
            # A name that was made elsewhere is no path to open.
            kept=self.folder / KEPT_FILE if kept == KEPT_FILE else None,
        )


def read_scan(folder: Path) -> Scanned:
    """Read a scan.

    Raises:
        InputError: `folder` holds no scan, or its files are damaged or do not belong together.
    """
    if not all((folder / name).is_file() for name in (RANKING, SCORES, SUMMARY)):
        raise InputError(
            expected=f"a scan: a folder with {RANKING}, {SCORES} and {SUMMARY}",
            came=str(folder),
            do="make one with `radiotracer scan RUN --out DIR`",
        )
    try:
        summary = require_digest((folder / SUMMARY).read_bytes())
        data_digest = str(summary["data_digest"])
        table, scores = pq.read_table(folder / RANKING), pq.read_table(folder / SCORES)
        has_classes = table["label"].null_count < max(1, len(table))
        none = np.full(len(table), "")
        scanned = Scanned(
            folder=folder,
            digest=sha256_file(folder / RANKING),
            data_digest=data_digest,
            ids=_texts(table["id"]),
            labels=_texts(table["label"]) if has_classes else none,
            suggested=_texts(table["suggested_label"]) if has_classes else none,
            score=_numbers(table["score"]),
            rank=table["rank"].to_numpy().astype(np.int64),
            p_value=_numbers(table["p_value"]),
            q_value=_numbers(table["q_value"]),
            is_flagged=table["is_flagged"].to_numpy(zero_copy_only=False).astype(bool),
            detectors=_aligned(scores, _texts(table["id"])),
            summary=summary,
            has_classes=has_classes,
        )
    except _FROM_ANY_FILE as error:
        raise InputError(
            expected=f"the files of a scan in {folder}",
            came=f"damaged ones: {type(error).__name__}: {str(error)[:300]}",
            do="scan again",
        ) from error
    if not len(scanned) or len(np.unique(scanned.ids)) != len(scanned):
        raise InputError(
            expected=f"examples with unique ids in {folder / RANKING}",
            came="none, or ids that repeat",
            do="scan again",
        )
    return scanned


def _texts(column: pa.ChunkedArray) -> NDArray[np.str_]:
    if not is_text(column.type) or column.null_count:
        raise ValueError(f"a column of type {column.type}, where there are texts")
    texts: NDArray[np.str_] = np.array(column.to_pylist(), dtype=np.str_)
    return texts


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy().astype(np.float64)
    return numbers


def _aligned(scores: pa.Table, ids: NDArray[np.str_]) -> dict[str, NDArray[np.float64]]:
    """Every detector's scores, from the order of the data to that of `ids`."""
    order = rows_of(_texts(scores["id"]), ids)
    return {name: _numbers(scores[name])[order] for name in scores.column_names if name != "id"}


def rows_of(ids: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """Where in `ids` each of `wanted` stands; both hold the same ids, in any order.

    Raises:
        ValueError: They do not.
    """
    order = np.argsort(ids)
    found = np.searchsorted(ids, wanted, sorter=order)
    if len(ids) != len(wanted) or (found >= len(ids)).any() or (ids[order[found]] != wanted).any():
        raise ValueError("the same ids are not in both")
    rows: NDArray[np.int64] = order[found].astype(np.int64)
    return rows
