"""Trainings of several processes become one run."""

from __future__ import annotations

import os
import socket
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each kind of training, made by two processes, as torchrun starts them."""
    folder = tmp_path_factory.mktemp("ranks")
    for kind in ("ddp", "fsdp", "other", "trainer"):
        (folder / kind).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)],
            env={
                **os.environ,
                **shared,
                "MASTER_PORT": str(port),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        said = [each.communicate(timeout=240)[1] for each in ranks]
    finally:
        for each in ranks:
            each.kill()
    assert [each.returncode for each in ranks] == [0, 0], [each[-2000:] for each in said]
    return folder


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_ranks(kind: str, trained: Path) -> None:
    run = Run.open(trained / kind / "run")
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


def test_a_trainer_of_two_ranks(trained: Path) -> None:
    run = Run.open(trained / "trainer" / "run")
    batches = recorded(run)
    for epoch in (batches[:4], batches[4:]):
        assert sorted(row for rows in epoch for row in rows) == list(range(N))
    found = replay(Named(), run, mappings())
    assert found.last is None or found.last.largest < 1e-6


def test_ranks_with_other_data(trained: Path) -> None:
    for rank in (0, 1):
        assert (trained / "other" / f"said-{rank}.txt").read_text() == (
            "expected the same data in every process of the training; got other data in process 1 "
            "than in process 0; pass all examples everywhere, and divide them by a "
            "DistributedSampler"
        )
    assert not list((trained / "other" / "run").iterdir())
