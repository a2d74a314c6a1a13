"""What a full disk and a killed process leave behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from crash_scenarios import SCENARIOS, crash
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
    """A folder for each scenario, and what it printed in NAME.txt."""
    folder = tmp_path_factory.mktemp("crashes")
    for name in SCENARIOS:
        ended = crash(name, folder)
        assert ended.status == (-signal.SIGKILL if name.startswith("killed") else 0), ended.err
        (folder / f"{name}.txt").write_text(ended.out)
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
