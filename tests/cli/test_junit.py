"""A scan as a JUnit report: what fails, what is only named, and names that XML cannot hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from radiotracer import Rule
from radiotracer.cli.junit import write_junit
from radiotracer.scanning import Scan, scan
from tiny_world import World


@pytest.fixture(scope="module")
def found(tiny: World) -> Scan:
    return scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, rule=Rule(top_k=7))


def test_junit(found: Scan, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scan.xml"
    write_junit(found, path, passed=False)
    suite = ET.parse(path).getroot()[0]  # noqa: S314
    suspects = np.flatnonzero(found.decision.is_flagged)
    labels = found.identity.labels
    assert [case.get("name") for case in suite] == ["low", "mid", "top"]
    assert suite.get("tests") == "3"
    assert suite.get("failures") == str(len(np.unique(labels[suspects])))
    for label, case in enumerate(suite):
        own = [str(found.identity.ids[row]) for row in suspects if labels[row] == label]
        failure = case.find("failure")
        assert (failure is not None) == bool(own)
        if failure is not None:
            assert failure.get(
                "message"
            ) == f"{len(own)} of {(labels == label).sum()} examples " + ("are flagged")
            assert failure.text is not None
            assert sorted(line.split(" (")[0] for line in failure.text.splitlines()) == own
    write_junit(found, path, passed=True)
    suite = ET.parse(path).getroot()[0]  # noqa: S314
    assert suite.get("failures") == "0" and suite.find("testcase/failure") is None
    assert suite.find("testcase/system-out") is not None


def test_junit_of_hostile_names_and_of_no_answer(found: Scan, tmp_path: Path) -> None:
    ids = found.identity.ids.astype("U40")
    ids[:] = [f"<\x1b[31m&{row}]]>\n\x00\ud800" for row in range(len(ids))]
    hostile = dataclasses.replace(
        found,
        identity=dataclasses.replace(found.identity, ids=ids),
        class_names=("l\x1bow", "<mid>", '"top"'),
    )
    path = tmp_path / "scan.xml"
    write_junit(hostile, path, passed=False)
    suite = ET.parse(path).getroot()[0]  # noqa: S314
    assert [case.get("name") for case in suite] == ["l\\x1bow", "<mid>", '"top"']
    text = "".join(each.text or "" for each in suite.iter("failure"))
    assert "<\\x1b[31m&" in text and "]]>\\n\\x00\\ud800 (score" in text
    unsure = dataclasses.replace(
        found, decision=dataclasses.replace(found.decision, inconclusive="too few")
    )
    write_junit(unsure, path, passed=True)
    suite = ET.parse(path).getroot()[0]  # noqa: S314
    assert suite.get("skipped") == "3"
    assert [each.get("message") for each in suite.iter("skipped")] == ["too few"] * 3
