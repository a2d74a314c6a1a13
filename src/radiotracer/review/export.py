"""A review, taken away: the cleaned data, the decisions, and what changed, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data import Dataset
from radiotracer.data.account import Account, write_left_out
from radiotracer.data.listing import write_csv
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder, require_new_folder, sha256_file
from radiotracer.review.board import identity_of
from radiotracer.review.changes import CHANGES, changes_text
from radiotracer.review.cleaned import clean
from radiotracer.review.decisions import Event
from radiotracer.review.formats import write_cleaned
from radiotracer.review.scanned import Scanned
from radiotracer.review.store import FILE, Store, now

TABLE = "decisions.parquet"
TEXT = "decisions.csv"
RENAMED = "renamed.csv"

COLUMNS = ("id", "decision", "label", "new_label", "sampled", "decided_at")


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    Args:
        folder: Where it lies.
        data: The DATA argument of the cleaned data.
        kind: Their format, in words.
        note: Why it is not that of the input, or what else a reader has to know; may be empty.
        counts: Examples by decision.
        examples: (before, after).
        digests: Identity of the data (before, after).
    """

    folder: Path
    data: Path
    kind: str
    note: str
    counts: dict[str, int]
    examples: tuple[int, int]
    digests: tuple[str, str]

    def as_json(self) -> dict[str, Any]:
        """As one object for scripts and for the page."""
        return {
            "out": str(self.folder),
            "data": str(self.data),
            "format": self.kind,
            "note": self.note,
            "decisions": self.counts,
            "examples_before": self.examples[0],
            "examples_after": self.examples[1],
            "digest_before": self.digests[0],
            "digest_after": self.digests[1],
        }


def default_folder(scan: Path) -> Path:
    """Beside the scan."""
    scan = scan.absolute()
    return scan.with_name(f"{scan.name}-cleaned")


def open_store(scanned: Scanned) -> Store:
    """The decisions of a scan that was reviewed.

    Raises:
        InputError: It was not, or the database is damaged or that of another scan.
    """
    path = scanned.folder / FILE
    if not path.is_file():
        raise InputError(
            expected=f"decisions in {path}",
            came="none",
            do=f"review the scan first: radiotracer review {scanned.folder}",
        )
    return Store(path, identity_of(scanned))


def export(
    scanned: Scanned,
    examples: Dataset,
    store: Store,
    out: Path,
    *,
    merge: Sequence[str] = (),
    drop_class: Sequence[str] = (),
    overwrite: bool = False,
) -> Exported:
    """Write the cleaned data, the decisions and CHANGES.md into a new folder.

    What was left out when the data were read is listed in ``left-out.csv``.

    Args:
        scanned: The scan.
        examples: The data that were scanned.
        store: What was decided.
        out: A new folder.
        merge: Classes to merge after the decisions, ``"FROM=INTO"`` each.
        drop_class: Classes to drop after them, with all their examples.
        overwrite: Replace an earlier export in `out`.

    Raises:
        InputError: `out` exists, nothing is decided, or nothing would be left.
        DataError: A file of the data cannot be read any more.
        StorageError: The disk refused; `out` is as it was.
    """
    decided = store.decided()
    if not (decided or merge or drop_class):
        raise InputError(
            expected="at least one decision", came="none", do="decide about an example first"
        )
    cleaned = clean(examples, decided, merge=merge, drop_class=drop_class)
    provenance = {
        "source": examples.source,
        "digest": examples.digest,
        "scan": scanned.digest,
        "decisions": dict(cleaned.counts),
    }
    out = out.absolute()
    require_export_folder(out, overwrite=overwrite)
    with atomic_folder(out, marker=CHANGES, overwrite=overwrite) as folder:
        written = write_cleaned(cleaned, folder, provenance=provenance)
        table = decision_table(scanned, decided, frozenset(store.sample))
        pq.write_table(table, folder / TABLE, compression="zstd")
        write_csv(folder / TEXT, (row.values() for row in table.to_pylist()), COLUMNS)
        write_left_out(Account(examples), folder)
        if written.renamed:
            write_csv(folder / RENAMED, written.renamed.items(), ("id", "new_id"))
        text = changes_text(
            scanned,
            cleaned,
            written,
            table_sha256=sha256_file(folder / TABLE),
            sample=(len(store.sample), store.sample_seed),
            at=now(),
        )
        (folder / CHANGES).write_text(text, encoding="utf-8")
    return Exported(
        folder=out,
        data=out / written.path,
        kind=written.kind,
        note=written.note,
        counts=dict(cleaned.counts),
        examples=(len(cleaned.before), len(cleaned.after)),
        digests=(cleaned.before.digest, written.digest),
    )


def require_export_folder(out: Path, *, overwrite: bool) -> None:
    """Raise `InputError` unless an export may be written to `out`."""
    try:
        require_new_folder(out, marker=CHANGES, overwrite=overwrite)
    except InputError as error:
        do = error.do.replace("another out=", "another folder for the export")
        raise InputError(expected=error.expected, came=error.came, do=do) from error


def decision_table(scanned: Scanned, decided: Sequence[Event], sample: frozenset[str]) -> pa.Table:
    """One row per decided example, in the order of deciding; its columns are `COLUMNS`."""
    label_of = dict(zip(scanned.ids.tolist(), scanned.labels.tolist(), strict=True))
    return pa.table(
        {
            "id": pa.array([each.example for each in decided], pa.string()),
            "decision": pa.array([each.decision.verb for each in decided], pa.string()),
            "label": pa.array([label_of[each.example] for each in decided], pa.string()),
            "new_label": pa.array([each.decision.new_label for each in decided], pa.string()),
            "sampled": pa.array([each.example in sample for each in decided], pa.bool_()),
            "decided_at": pa.array([each.decided_at for each in decided], pa.string()),
        }
    )
