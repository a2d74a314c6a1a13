"""The issue table: the order of the data, and scores that say what the scan says."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from radiotracer import InputError, Rule, Scan, scan, write_scan
from radiotracer.integrations import issue_table
from radiotracer.integrations.issue_table import about
from tiny_world import World

NAMES = ["id", "is_tampered_issue", "tampered_score", "given_label", "predicted_label"]


def column(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy(zero_copy_only=False)


def check(table: pa.Table, found: Scan, tiny: World) -> None:
    """What holds for every scan."""
    assert table.column_names == NAMES
    assert [str(field.type) for field in table.schema] == [
        *("string", "bool", "double", "string", "string")
    ]
    assert table["id"].to_pylist() == tiny.tampered.ids.tolist()
    names = np.array(tiny.tampered.class_names)
    assert table["given_label"].to_pylist() == names[tiny.tampered.labels].tolist()
    assert table["predicted_label"].to_pylist() == names[found.suggested].tolist()
    issues, score = column(table, "is_tampered_issue"), column(table, "tampered_score")
    np.testing.assert_array_equal(issues, found.decision.is_flagged)
    assert score.min() > 0 and score.max() <= 1
    assert (np.diff(score[np.argsort(found.decision.ranks)]) >= 0).all()
    if issues.any() and not issues.all():
        assert score[issues].max() <= score[~issues].min()


def test_a_scan_with_p_values(found: Scan, scan_folder: Path, tiny: World) -> None:
    table = issue_table(found)
    check(table, found, tiny)
    assert about(table) == {
        "detector": "contrast",
        "rule": found.decision.words,
        "tampered_score": "p-value",
    }
    np.testing.assert_array_equal(column(table, "tampered_score"), found.decision.p_values)
    assert found.decision.is_flagged.any()
    # The order of the data is not that of the ranks: a mix-up would show.
    assert found.decision.ranks.tolist() != list(range(1, 97))
    for folder in (scan_folder, str(scan_folder)):
        again = issue_table(folder)
        assert again.equals(table, check_metadata=True)


@pytest.mark.parametrize(
    ("detector", "rule"),
    [
        ("label-posterior", None),
        ("loss", Rule(top_k=5)),
        ("contrast", Rule(top_k=5, tail="lower")),
        ("contrast", Rule(threshold=1e9)),
    ],
)
def test_other_scans(detector: str, rule: Rule | None, tiny: World, tmp_path: Path) -> None:
    other = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=[detector], rule=rule)
    table = issue_table(other)
    check(table, other, tiny)
    by_rank = detector != "contrast" or (rule is not None and rule.tail == "lower")
    assert about(table)["tampered_score"] == ("rank / examples" if by_rank else "p-value")
    if by_rank:
        assert sorted(column(table, "tampered_score")) == [rank / 96 for rank in range(1, 97)]
    write_scan(other, tmp_path / "scan", command="a test")
    assert issue_table(tmp_path / "scan").equals(table, check_metadata=True)


def test_an_example_that_was_not_asked_about_is_no_issue(found: Scan, tiny: World) -> None:
    p_values, ranks = found.decision.p_values, found.decision.ranks
    assert p_values is not None
    last = ranks > 90
    decision = dataclasses.replace(found.decision, p_values=np.where(last, np.nan, p_values))
    table = issue_table(dataclasses.replace(found, decision=decision))
    check(table, found, tiny)
    assert about(table)["tampered_score"] == "p-value"
    assert set(column(table, "tampered_score")[last]) == {1.0}
    nothing = dataclasses.replace(found.decision, p_values=np.full(96, np.nan))
    table = issue_table(dataclasses.replace(found, decision=nothing))
    assert about(table)["tampered_score"] == "rank / examples"


def test_it_is_a_data_frame_in_one_call(found: Scan) -> None:
    frame = issue_table(found).to_pandas()
    assert list(frame.columns) == NAMES and len(frame) == 96
    assert frame["is_tampered_issue"].dtype == bool


def test_a_folder_without_a_scan(tmp_path: Path, scan_folder: Path) -> None:
    with pytest.raises(InputError, match="expected a scan: a folder with ranking"):
        issue_table(tmp_path)
    spoiled = Path(shutil.copytree(scan_folder, tmp_path / "scan"))
    (spoiled / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="damaged ones"):
        issue_table(spoiled)
