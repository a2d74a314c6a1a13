"""A real Datalab takes the issues of a scan over, and none of a scan of other data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiotracer import InputError, Scan
from radiotracer.integrations import issue_table
from radiotracer.integrations.datalab import register_tampered_issues
from tiny_world import World

pytest.importorskip("datasets")
cleanlab = pytest.importorskip("cleanlab")


@pytest.fixture(autouse=True)
def registered(capsys: pytest.CaptureFixture[str]) -> None:
    register_tampered_issues()
    assert register_tampered_issues() is register_tampered_issues()
    assert "Overwriting" not in capsys.readouterr().out


def lab_of(labels: Any) -> Any:
    return cleanlab.Datalab({"y": list(labels)}, label_name="y", verbosity=0)


@pytest.mark.parametrize("form", ["scan", "folder", "text"])
def test_issues_summary_and_info(
    form: str, found: Scan, scan_folder: Path, tiny: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = lab_of(tiny.tampered.labels)
    given = {"scan": found, "folder": scan_folder, "text": str(scan_folder)}[form]
    lab.find_issues(issue_types={"tampered": {"scan": given}})
    issues, table = lab.get_issues("tampered"), issue_table(found)
    assert list(issues.columns) == ["is_tampered_issue", "tampered_score"]
    for name in issues.columns:
        np.testing.assert_array_equal(issues[name].to_numpy(), table[name].to_numpy())
    flagged = int(found.decision.is_flagged.sum())
    (summary,) = lab.get_issue_summary("tampered").to_dict("records")
    assert summary["num_issues"] == flagged
    assert summary["score"] == pytest.approx(1 - flagged / 96)
    info = lab.get_info("tampered")
    assert info["given_label"].tolist() == table["given_label"].to_pylist()
    assert info["predicted_label"].tolist() == table["predicted_label"].to_pylist()
    assert (info["detector"], info["tampered_score_is"]) == ("contrast", "p-value")
    capsys.readouterr()
    lab.report(verbosity=0)
    said = capsys.readouterr().out
    assert f"Number of examples with this issue: {flagged}" in said
    assert "tampered issues" in said and "flagged by radiotracer" in said
    assert "detector: contrast" in said
    worst = int(np.argmin(found.decision.ranks))
    assert f"\n{worst:<3}" in said or f"\n{worst} " in said


@pytest.mark.parametrize("labels", ["names", "none"])
def test_labels_as_names_or_not_at_all(labels: str, scan_folder: Path, tiny: World) -> None:
    names = np.array(tiny.tampered.class_names)[tiny.tampered.labels].tolist()
    lab = lab_of(names) if labels == "names" else cleanlab.Datalab({"x": names}, verbosity=0)
    lab.find_issues(issue_types={"tampered": {"scan": scan_folder}})
    assert len(lab.get_issues("tampered")) == 96


def test_beside_an_issue_of_cleanlab(scan_folder: Path, tiny: World) -> None:
    lab = lab_of(tiny.tampered.labels)
    lab.find_issues(issue_types={"class_imbalance": {}, "tampered": {"scan": scan_folder}})
    assert {"is_class_imbalance_issue", "is_tampered_issue"} <= set(lab.get_issues().columns)


@pytest.mark.parametrize("wrong", ["fewer", "another order", "a changed label", "no scan"])
def test_other_data_show_as_failed_and_in_no_table(
    wrong: str,
    scan_folder: Path,
    tiny: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = tiny.tampered.labels.copy()
    if wrong == "fewer":
        labels = labels[:-1]
    elif wrong == "another order":
        labels = np.roll(labels, 1)
    elif wrong == "a changed label":
        labels[5] = (labels[5] + 1) % 3
    lab = lab_of(labels)
    where = tmp_path if wrong == "no scan" else scan_folder
    lab.find_issues(issue_types={"tampered": {"scan": where}})
    said = capsys.readouterr().out
    assert "Failed to check for these issue types: [TamperedIssueManager]" in said
    assert ("expected a scan" if wrong == "no scan" else "give Datalab what was scanned") in said
    for ask in (lab.get_issues, lab.get_issue_summary):
        with pytest.raises(ValueError, match="No issues"):
            ask("tampered")


@pytest.mark.parametrize("missing", ["cleanlab.datalab.datalab", "datasets"])
def test_without_it_one_line_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name == "cleanlab" or name.startswith("cleanlab."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError) as caught:
        register_tampered_issues.__wrapped__()
    assert str(caught.value) == (
        "expected cleanlab with its Datalab, to take the issues; got an environment without it; "
        "run pip install 'radiotracer[cleanlab]'"
    )
