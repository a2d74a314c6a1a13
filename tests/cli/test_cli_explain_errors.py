"""Bad input of ``explain``: exit status 2, one line (in golden/errors.txt), nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer import record
from radiotracer.digested import digested
from tiny_world import World

EXPLAIN = ["explain", "{run}", "--query", "{npz}:test#0"]
OUT = [*EXPLAIN, "--out", "out"]

USAGE: dict[str, list[str]] = {
    "explain without a query": ["explain", "{run}"],
    "explain without a row": [*EXPLAIN[:3], "{npz}:test", "--out", "out"],
    "explain a row that is no number": [*EXPLAIN[:3], "{npz}:test#-1", "--out", "out"],
    "explain rows with a range": [*EXPLAIN[:3], "{npz}:test#1-3", "--out", "out"],
    "explain a row of nothing": [*EXPLAIN[:3], "#3", "--out", "out"],
    "explain a row out of range": [*EXPLAIN[:3], "{npz}:test#3,36", "--out", "out"],
    "explain queries of two data": [*OUT, "--query", "{npz}#1"],
    "explain unknown data": [*EXPLAIN[:3], "nowhere#1", "--out", "out"],
    "explain rows and wrong ones": [*OUT, "--wrong", "3"],
    "explain none that is wrong": [*EXPLAIN[:3], "{npz}:test", "--wrong", "0", "--out", "out"],
    "explain an unknown class": [*OUT, "--label", "no\x1b[2Jne"],
    "explain a class number out of range": [*OUT, "--label", "3"],
    "explain a negative class number": [*OUT, "--label", "-1"],
    "explain by nothing": [*OUT, "--top-k", "0"],
    "explain by more than there are": [*OUT, "--top-k", "97"],
    "explain by an unknown method": [*OUT, "--method", "x"],
    "explain in batches of nothing": [*OUT, "--batch-size", "0"],
    "explain layers that match nothing": [*OUT, "--layers", "nothing.*"],
    "explain with other data": [*OUT, "--data", "{npz}"],
    "explain no run": ["explain", "nowhere", *OUT[2:]],
    "explain with a factory that is nowhere": [*OUT, "--factory", "no_such_module:build"],
}


@pytest.mark.parametrize("name", USAGE)
def test_usage(name: str, fail: Any) -> None:
    fail(name, *USAGE[name])


def test_queries_of_another_kind(fail: Any, tmp_path: Path) -> None:
    images, labels = np.zeros((4, 6, 10), np.uint8), np.array([0, 1, 2, 0])
    np.savez(tmp_path / "s.npz", images=images, labels=labels)
    fail("explain queries of another shape", *EXPLAIN[:3], "{tmp}/s.npz#1", "--out", "out")
    images, names = np.zeros((4, 10, 10), np.uint8), np.array(["low", "mid", "other"])
    np.savez(tmp_path / "c.npz", images=images, labels=labels, class_names=names)
    fail("explain queries of other classes", *EXPLAIN[:3], "{tmp}/c.npz#1", "--out", "out")
    np.savez(tmp_path / "m.npz", images=images, labels=np.array([0, 1, 2, 3]))
    fail("explain queries of more classes", *EXPLAIN[:3], "{tmp}/m.npz#1", "--out", "out")


def test_nothing_is_wrong(fail: Any, tiny: World, tmp_path: Path) -> None:
    """Queries whose labels are what the network says."""
    from radiotracer import explain

    everything = range(len(tiny.queries))
    found = explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=everything, top_k=1)
    archive = {"images": tiny.queries.content, "class_names": np.array(tiny.queries.class_names)}
    np.savez(tmp_path / "right.npz", labels=found.predicted, **archive)
    query = ["--query", "{tmp}/right.npz", "--wrong", "2"]
    fail("explain where nothing is wrong", *EXPLAIN[:2], *query, "--out", "out")


def test_a_training_on_data_in_memory(fail: Any, tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = (torch.rand(6, 2), torch.tensor([0, 1, 0, 1, 0, 1]))
    with record(tmp_path / "mine", model, optimizer, data, checkpoint_every=0) as recording:
        torch.nn.functional.cross_entropy(model(data[0]), data[1]).backward()
        recording.batch(range(6))
        optimizer.step()
    fail("explain data in memory", "explain", "{tmp}/mine", *OUT[2:])


def test_an_interrupted_run(fail: Any, cli: Any, tiny: World, tmp_path: Path) -> None:
    run = tiny.copy(tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(digested({**info, "status": "interrupted"}))
    fail("explain an interrupted run", "explain", "{tmp}/run", *OUT[2:])
    query = f"{tiny.archive}:test#0"
    done = cli("explain", run, "--query", query, "--allow-interrupted", "--out", "out")
    assert done.status == 0 and "The training did not end" in done.out
    assert "The training did not end" in Path("out/explanation.html").read_text()


def test_the_out_folder(fail: Any, cli: Any, tiny: World) -> None:
    Path("file").write_text("mine")
    fail("explain into a file", *EXPLAIN, "--out", "file")
    fail("explain below a file", *EXPLAIN, "--out", "file/below")
    Path("other").mkdir()
    Path("other/thing").write_text("mine")
    for extra in ([], ["--overwrite"]):
        fail("explain into other things", *EXPLAIN, "--out", "other", *extra)
    assert Path("other/thing").read_text() == "mine"
    filled = ["explain", tiny.folder, "--query", f"{tiny.archive}:test#0", "--out", "empty"]
    Path("empty").mkdir()
    assert cli(*filled).status == 0
    (Path("empty") / "stray").write_text("of an earlier run")
    fail("explain into an earlier one", *EXPLAIN, "--out", "empty")
    assert cli(*filled, "--overwrite").status == 0
    names = sorted(path.name for path in Path("empty").iterdir())
    assert names == ["explanation.html", "explanation.json"]
    # Not even root can make a folder there.
    fail("explain into a read-only folder", *EXPLAIN, "--out", "/sys/radiotracer-out")
