"""``radiotracer trace``: checkpoints of a training that was not recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

FEW = ["--architecture", "small-cnn", "--width", "2", "--epochs", "3", "--batch-size", "16"]


def test_checkpoints_are_scanned_as_their_run_is(cli: Any, archive: Path) -> None:
    assert cli("train", archive, *FEW, "--out", "run").status == 0
    checkpoints = json.loads(Path("run/run.json").read_text())["checkpoints"]
    rates = [sum(each["rate_sums"]) for each in checkpoints]
    told = [part for rate in rates for part in ("--learning-rate", rate)]
    of = ["trace", "run/checkpoints", archive, "--architecture", "small-cnn,width=2"]
    done = cli(*of, *told, "--out", "traced")
    assert done.status in (0, 1)
    assert "summary   traced/scan/summary.json" in done.out
    assert cli("scan", "run", "--out", "scan").status == done.status
    one, two = (pq.read_table(f"{each}/scores.parquet") for each in ("traced/scan", "scan"))
    names = set(one.column_names) & set(two.column_names)
    assert "self-influence-last-layer" in names
    for name in names - {"id"}:
        np.testing.assert_allclose(one[name], two[name], rtol=1e-6, atol=1e-9)
    # The run is one that other commands take.
    assert cli("scan", "traced/run", "--detector", "loss", "--out", "again").status in (0, 1)
    done = cli(*of, *told, "--out", "traced", "--json", "--overwrite")
    assert json.loads(done.out)["examples"] == 96


def test_bad_input_is_one_line_in_options(cli: Any, archive: Path) -> None:
    assert cli("train", archive, *FEW, "--out", "run").status == 0
    done = cli("trace", "run/checkpoints", archive, "--out", "traced")
    assert done.status == 2 and "pass --architecture for a reference network" in done.err
    of = ["trace", "run/checkpoints", archive, "--architecture", "small-cnn,width=2"]
    done = cli(*of, "--out", "traced")
    assert done.status == 2 and "got none for run/checkpoints/" in done.err
    assert "pass --learning-rate, for each the sum" in done.err
    done = cli(*of, "--learning-rate", "0.1", "--out", "traced")
    assert done.status == 2 and "each of 3 checkpoints; got 1: 0.1" in done.err
    done = cli("trace", "run", archive, "--architecture", "mlp", "--out", "traced")
    assert done.status == 2
    assert not Path("traced/run/run.json").exists() and not Path("traced/scan").exists()
