"""Scans with a clean reference: its file and what is written of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from radiotracer import Reference, Rule, write_scan
from radiotracer.detectors import reference_warnings
from radiotracer.errors import DataError, InputError
from radiotracer.scanning import Scan, read_reference, scan, summarise
from tiny_world import World

IDS = np.array([*(f"{row:05d}" for row in range(20)), "a b", "x,y", ' "q" ', "tab\there"])


def put(path: Path, **columns: object) -> Path:
    table = pa.table(columns)
    (pq.write_table if path.suffix == ".parquet" else pa_csv.write_csv)(table, path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_ids(kind: str, tmp_path: Path) -> None:
    """Ids are texts, also where they look like numbers."""
    path = put(tmp_path / f"r.{kind}", score=[0.5, 1.0, 2.0, 3.0], id=IDS[[3, 21, 22, 0]])
    found = read_reference(path, IDS)
    assert found.rows.tolist() == [3, 21, 22, 0] and found.source == str(path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_reviewed_sample(kind: str, tmp_path: Path) -> None:
    """Kept and sampled; others were chosen because they looked suspicious, or not decided."""
    path = put(
        tmp_path / f"r.{kind}",
        id=IDS[:6],
        decision=["keep", "keep", "drop", "relabel", None, "keep"],
        sampled=[True, False, True, True, True, True],
    )
    assert read_reference(path, IDS).rows.tolist() == [0, 5]


def test_a_list_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "R.TXT"
    path.write_text("00004\n\na b\n00002")
    assert read_reference(path, IDS).rows.tolist() == [4, 20, 2]


def text(content: bytes, name: str = "r.txt") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no file": (lambda f: f / "r.txt", "can be read in .*FileNotFoundError"),
    "no table": (lambda f: f / "r.csv", "can be read in .*FileNotFoundError"),
    "a folder": (lambda f: Path(f / "r.txt").mkdir() or f / "r.txt", "IsADirectoryError"),  # type: ignore[func-returns-value]
    "another kind": (text(b"00001", "r.json"), "a .txt, .csv or .parquet file; got"),
    "empty": (text(b"\n\n"), "expected reference examples in .*; got none"),
    "empty csv": (text(b"", "r.csv"), "can be read in"),
    "csv without rows": (text(b"id\n", "r.csv"), "expected reference examples in .*; got none"),
    "not text": (text(b"\xff\xfe\x00"), "UnicodeDecodeError"),
    "no parquet": (text(b"PAR1", "r.parquet"), "can be read in"),
    "unknown id": (text(b"00001\nmine\nyours"), "got 2 others, first 'mine'"),
    "hostile id": (text(b"\x1b[31mred"), r"first '\\x1b\[31mred'"),
    "twice": (text(b"00001\n00002\n00001"), "got 1 repeated, first '00001'"),
    "no id": (
        lambda f: put(f / "r.csv", name=["00001"]),
        "expected a column id in .*; got the columns name;",
    ),
    "null id": (
        lambda f: put(f / "r.parquet", id=["00001", None]),
        "an id in every row of .*; got 1 nulls",
    ),
    "decision alone": (
        lambda f: put(f / "r.csv", id=["00001"], decision=["keep"]),
        "with it decision and sampled or neither; got the columns id, decision;",
    ),
    "another type": (
        lambda f: put(f / "r.parquet", id=["00001"], decision=["keep"], sampled=["maybe"]),
        "can be read in",
    ),
    "nothing kept": (
        lambda f: put(f / "r.csv", id=["00001"], decision=["drop"], sampled=[True]),
        "expected reference examples in .*; got none",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_name_no_reference(name: str, tmp_path: Path) -> None:
    write, words = BAD[name]
    with pytest.raises(DataError, match=words) as caught:
        read_reference(write(tmp_path), IDS)
    assert str(caught.value).isprintable()


def reviewed(tiny: World, size: int = 50) -> Reference:
    """A random sample that somebody looked at, without what was tampered with."""
    drawn = np.random.default_rng(0).permutation(len(tiny.tampered))[:size]
    return Reference(drawn[~tiny.manifest.is_tampered[drawn]], "reviewed.csv")


@pytest.fixture(scope="module")
def referred(tiny: World) -> Scan:
    return scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        manifest=tiny.manifest,
        rule=Rule(fdr=0.3),
        clean_reference=reviewed(tiny),
    )


def test_what_is_written(referred: Scan, tiny: World, tmp_path: Path) -> None:
    assert referred.detector == "contrast" and referred.decision.is_flagged.any()
    summary = write_scan(referred, tmp_path / "out", command="a test")
    rows = pq.read_table(tmp_path / "out" / "ranking.parquet").to_pylist()
    known = {str(tiny.tampered.ids[row]) for row in reviewed(tiny).rows}
    assert {row["id"] for row in rows if row["is_reference"]} == known
    smallest = 1 / (len(known) + 1)
    for row in rows:
        if row["is_reference"]:
            assert row["p_value"] is None and row["q_value"] is None and not row["is_flagged"]
        else:
            assert smallest - 1e-12 <= row["p_value"] <= row["q_value"] <= 1
    assert [row["is_flagged"] for row in rows] == sorted(
        (row["is_flagged"] for row in rows), reverse=True
    )
    assert not any(row["is_reference"] for row in rows[: -len(known)])
    words = f"at most 30 % (against {len(known)} reference examples, all classes"
    assert summary["rule"].startswith(f"false discovery rate {words}")
    assert summary["rule"].endswith(": reviewed.csv)")
    assert summary["inconclusive"] is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{len(known)} training examples were taken for clean (reviewed.csv)" in page
    assert summary["rule"] in page


def test_a_scan_that_is_inconclusive(tiny: World, tmp_path: Path) -> None:
    """Nineteen can flag only if nearly everything is above them."""
    found = scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rule=Rule(fdr=0.05),
        clean_reference=Reference(reviewed(tiny).rows[:19], "few.txt"),
    )
    summary = write_scan(found, tmp_path / "out", command="a test")
    assert summary["flagged"] == 0
    assert "of 77 tested examples score above the whole reference" in summary["inconclusive"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Inconclusive: no answer can be given" in page and summary["inconclusive"] in page
    assert "None of 96" not in page


def test_warnings_are_told(tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One class alone was reviewed, and what label-posterior doubts most is said to be clean."""
    plain = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    posteriors = plain.rankings["label-posterior"].posteriors
    assert posteriors is not None and posteriors.max() < 0.5
    monkeypatch.setattr(
        importlib.import_module("radiotracer.scanning.concluding"),
        "reference_warnings",
        lambda reference, given, *rest, **options: reference_warnings(
            reference, given / posteriors.max(), *rest, **options
        ),
    )
    rows = np.flatnonzero((posteriors == posteriors.max()) | (tiny.tampered.labels == 0))
    found = scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rule=Rule(fdr=0.3),
        clean_reference=Reference(rows, "spoilt.csv"),
    )
    assert len(found.warnings) == 2
    assert summarise(found)["notes"][-2:] == list(found.warnings)
    write_scan(found, tmp_path / "out", command="a test")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "look more likely changed than not" in page and "is no random sample" in page


def test_what_is_refused_before_the_scan(tiny: World) -> None:
    def refused(rule: Rule | None, reference: Reference | None) -> str:
        def told(*_: object) -> None:
            raise AssertionError("it ran")

        with pytest.raises(InputError) as caught:
            scan(
                tiny.model,
                tiny.run,
                tiny.tampered,
                tiny.queries,
                rule=rule,
                clean_reference=reference,
                progress=told,
            )
        return str(caught.value)

    few = Reference(np.arange(9), "few.txt")
    assert "at least 19 reference examples" in refused(Rule(fdr=0.05), few)
    for rule in (None, Rule(top_k=3)):
        assert "fdr= beside clean_reference=" in refused(rule, few)
    assert "an estimated share of clean" in refused(Rule(fdr=0.05, storey=True), None)
    outside = Reference(np.arange(60, 97), "mine")
    assert "a part of the 96 training examples" in refused(Rule(fdr=0.05), outside)


def test_a_rate_without_a_reference(tiny: World) -> None:
    """Own p-values where there are some, else posteriors; the words say that it is an estimate."""
    for name, words in (
        ("contrast", "validation examples that were not trained on: no guarantee"),
        ("label-posterior", "by the posteriors of label-posterior: no guarantee"),
        ("loss", "by the posteriors of label-posterior: no guarantee"),
    ):
        found = scan(
            tiny.model,
            tiny.run,
            tiny.tampered,
            tiny.queries,
            detectors=[name],
            rule=Rule(fdr=0.3),
        )
        assert found.decision.words.endswith(f"{words})") and found.decision.inconclusive is None
        assert (found.decision.p_values is None) == (name != "contrast")
        assert summarise(found)["flagged"] == found.decision.is_flagged.sum()
