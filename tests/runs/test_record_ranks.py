"""Trainings of several processes become one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rank_program import BATCH, N, Named, data, mappings, network
from run_helpers import recorded
from torch.nn import functional as F

from radiotracer.influence import Tracer
from radiotracer.runs import Run, replay

PROGRAM = Path(__file__).with_name("rank_program.py")


def train(kind: str, out: Path) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", str(PROGRAM)]
    done = subprocess.run(
        [sys.executable, *command, kind, str(out)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_ranks(kind: str, tmp_path: Path) -> None:
    train(kind, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.info.model.name == "torch.nn.modules.container:Sequential"
    assert [each.step for each in run.checkpoints] == [4, 8]
    batches = recorded(run)
    assert all(len(rows) == 2 * BATCH for rows in batches)
    for epoch in (batches[:4], batches[4:]):
        assert sorted(row for rows in epoch for row in rows) == list(range(N))
    # Trained again by one process on these rows it arrives at the same weights.
    model, examples = network(), data()
    found = replay(model, run, examples)
    assert found.last is None or found.last.largest < 1e-6
    assert Tracer(model, run).self_influence(examples).shape == (N,)
    loss = F.cross_entropy(model(examples.tensors[0]), examples.tensors[1])
    model.load_state_dict(run.weights(run.checkpoints[-1]))
    assert F.cross_entropy(model(examples.tensors[0]), examples.tensors[1]) < loss
    assert all(torch.isfinite(each).all() for each in run.initial_weights().values())


def test_a_trainer_of_two_ranks(tmp_path: Path) -> None:
    train("trainer", tmp_path / "run")
    run = Run.open(tmp_path / "run")
    batches = recorded(run)
    for epoch in (batches[:4], batches[4:]):
        assert sorted(row for rows in epoch for row in rows) == list(range(N))
    found = replay(Named(), run, mappings())
    assert found.last is None or found.last.largest < 1e-6


def test_ranks_with_other_data(tmp_path: Path) -> None:
    train("other", tmp_path / "run")
    for rank in (0, 1):
        assert (tmp_path / f"said-{rank}.txt").read_text() == (
            "expected the same data in every process of the training; got other data in process 1 "
            "than in process 0; pass all examples everywhere, and divide them by a "
            "DistributedSampler"
        )
    assert not list((tmp_path / "run").iterdir())
