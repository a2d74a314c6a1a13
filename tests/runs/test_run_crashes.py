"""What a full disk and a killed process leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from run_helpers import files_in, recorded

from radiotracer.errors import RunError
from radiotracer.runs import Run

FIRST = [
    "checkpoints/00000001.safetensors",
    "examples.parquet",
    "initial.safetensors",
    "run.json",
    "steps/00000001.parquet",
]


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crashes")
    ended = subprocess.run(
        [sys.executable, Path(__file__).with_name("crash_scenarios.py"), folder],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads((folder / "ended.json").read_text()) == {
        "full": 0,
        "cleared": 0,
        "full_examples": 0,
        "full_description": 0,
        "killed": -signal.SIGKILL,
        "killed_while_writing": -signal.SIGKILL,
    }, ended.stderr
    return folder


def refusal_to_write(path: Path) -> str:
    return (
        f"expected to write {path}; got a refusal: the file size limit is reached; "
        "nothing was left half-written; free space or choose another folder, then try again\n"
    )


def test_a_disk_that_is_full_at_a_checkpoint(crashes: Path) -> None:
    out = crashes / "full"
    refused = refusal_to_write(out / "checkpoints/00000002.safetensors")
    assert (crashes / "full.txt").read_text() == refused
    assert files_in(out) == FIRST
    run = Run.open(out, allow_interrupted=True)
    assert run.info.status == "interrupted"
    assert run.weights(run.checkpoints[0])["big"].shape == (1,)
    assert recorded(run) == [[1]]


def test_a_full_disk_can_be_cleared_and_the_training_go_on(crashes: Path) -> None:
    run = Run.open(crashes / "cleared")
    assert recorded(run) == [[1], [2]]
    assert [c.step for c in run.checkpoints] == [2]


def test_a_disk_that_is_full_from_the_start(crashes: Path) -> None:
    out = crashes / "full_examples"
    assert (crashes / "full_examples.txt").read_text() == refusal_to_write(out / "examples.parquet")
    assert files_in(out) == []


def test_a_disk_that_is_full_at_the_description(crashes: Path) -> None:
    out = crashes / "full_description"
    assert (crashes / "full_description.txt").read_text() == refusal_to_write(out / "run.json")
    assert not [name for name in files_in(out) if "partial" in name]
    run = Run.open(out, allow_interrupted=True)
    assert [c.step for c in run.checkpoints] == [1]
    assert run.weights(run.checkpoints[0])
    assert recorded(run) == [[1]]


def test_a_killed_training(crashes: Path) -> None:
    out = crashes / "killed"
    with pytest.raises(RunError) as caught:
        Run.open(out)
    assert str(caught.value) == (
        f"expected a complete run in {out}; got a training that stopped after 2 checkpoints; "
        "repeat the training that made it, which goes on, or pass "
        "allow_interrupted=True to use what it has"
    )
    run = Run.open(out, allow_interrupted=True)
    assert run.info.status == "recording"
    assert recorded(run) == [[0], [1]]
    assert all(run.weights(checkpoint) for checkpoint in run.checkpoints)


def test_killed_while_a_checkpoint_is_written(crashes: Path) -> None:
    """The half-made file is not the checkpoint."""
    out = crashes / "killed_while_writing"
    assert not (out / "checkpoints/00000002.safetensors").exists()
    run = Run.open(out, allow_interrupted=True)
    assert [c.step for c in run.checkpoints] == [1]
    assert run.weights(run.checkpoints[0])
