"""The demo as a newcomer runs it, on real images."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from radiotracer.cli import run
from radiotracer.detectors import baseline_names
from radiotracer.digested import require_digest
from radiotracer.recipes import Manifest
from radiotracer.reproduce.demo import DEMO_FILE
from radiotracer.scanning.validate import DEFAULT_DETECTORS

METRICS = {
    "auroc",
    "auprc",
    "tpr_at_fpr_0.01",
    "tpr_at_fpr_0.001",
    "precision",
    "recall",
    "false_positive_rate",
    "seconds",
}


def check_folder(out: Path, summary: dict[str, Any], examples: int) -> None:
    for name in (DEMO_FILE, "ranking.parquet", "scores.parquet", "summary.json", "report.html"):
        assert (out / name).is_file(), name
    kept = require_digest((out / "summary.json").read_bytes())
    assert summary.pop("stages").keys() == {"data", "tampering", "training", "scan", "report"}
    assert kept == summary
    assert summary["examples"] == examples
    assert set(summary["detectors"]) == {*DEFAULT_DETECTORS, *baseline_names()}
    assert all(set(row) == METRICS for row in summary["detectors"].values())
    table = pq.read_table(out / "ranking.parquet")
    assert table.num_rows == examples
    assert sum(table["is_flagged"].to_pylist()) == summary["flagged"]
    page = (out / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//""", page)
    assert "Content-Security-Policy" in page
    assert ("data:image/png;base64," in page) == (summary["flagged"] > 0)


@pytest.mark.nightly  # tools/check_dist.sh runs it as well, from the wheel
@pytest.mark.data
def test_demo_quick(mnist: Any, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-c", "import radiotracer.cli as c; c.main()", "demo", "--quick", "--json",
         "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        # Threads that spin while they wait would fight over a busy machine's processors.
        env={**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr
    summary = json.loads(done.stdout)
    check_folder(out, summary, 10_000)
    rows = summary["detectors"]
    # On seed 0 both have about 0.994; the loss 0.993.
    for name in ("contrast", "label-posterior"):
        assert rows[name]["auprc"] > 0.98
        assert rows[name]["tpr_at_fpr_0.01"] > 0.96
        assert rows[name]["auprc"] > rows["loss"]["auprc"] - 0.005
    assert summary["detector"] == "contrast"
    # One suspect in twenty may be honest: 0.006 of the honest examples here.
    assert rows["contrast"]["recall"] > 0.9
    assert rows["contrast"]["false_positive_rate"] < 0.015


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(
        "radiotracer.reproduce.demo.QUICK",
        {"examples": 600, "queries": 100, "epochs": 1, "width": 4},
    )
    monkeypatch.chdir(tmp_path)
    return Path("demo")


def test_the_same_folder_again(mnist: Any, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["demo", "--quick", "--out", str(small)]
    assert run([*arguments, "--json"]) in (0, 1)
    check_folder(small, json.loads(capsys.readouterr().out), 600)
    (small / "stray").write_text("of an earlier version")
    status = run([*arguments, "--recipe", "targeted-flip", "--seed", "1"])
    text = capsys.readouterr().out
    assert status in (0, 1) and not (small / "stray").exists()
    assert f"report    {small}/report.html" in text.splitlines()
    assert f"  radiotracer scan {small}/run --detector tracin-cp --top-k 100" in text
    from radiotracer.data import open_data

    data = small / "mnist-targeted-flip"
    manifest = Manifest.read(data, open_data(str(data)))
    assert manifest is not None and manifest.recipe == "targeted-flip"
    assert set(manifest.labels[manifest.is_tampered]) == {9}
    assert set(manifest.original_labels[manifest.is_tampered]) == {3}


def test_a_folder_with_other_things(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.mkdir()
    (small / "thesis.tex").write_text("mine")
    assert run(["demo", "--quick", "--out", str(small)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "radiotracer: expected a new folder, or one that holds demo.json; got demo, which holds "
        "other things; choose another --out\n"
    )
    assert (small / "thesis.tex").read_text() == "mine"


def test_a_negative_seed(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--quick", "--seed", "-1", "--out", str(small)]) == 2
    assert "--seed" in capsys.readouterr().err and not small.exists()
