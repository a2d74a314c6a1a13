"""Trainings that meet a full disk or are killed, each in a process of its own."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import torch
from run_helpers import Rows, sgd
from torch import nn

from in_a_child import Ended, in_a_child, kill_me, limit_files
from radiotracer.errors import StorageError
from radiotracer.runs import Recording, record


class Training:
    def __init__(self) -> None:
        self.model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3))
        self.model.register_buffer("big", torch.zeros(1))
        self.optimizer = sgd(self.model)

    def record(self, out: Path) -> Recording:
        # Enough settings to make run.json the largest file.
        settings = dict.fromkeys(map(str, range(500)), 1)
        return record(
            out, self.model, self.optimizer, Rows(), checkpoint_every=0, settings=settings
        )

    def step(self, recording: Recording, row: int) -> None:
        recording.batch([row])
        nn.functional.cross_entropy(self.model(torch.ones(1, 2)), torch.tensor([1])).backward()
        self.optimizer.step()


def full(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        recording.checkpoint()
        training.step(recording, 2)
        training.model.big = torch.zeros(100_000)
        limit_files(50_000)
        recording.checkpoint()


def cleared(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        limit_files(100)
        try:
            recording.checkpoint()
        except StorageError:
            limit_files(resource.RLIM_INFINITY)
        training.step(recording, 2)


def full_examples(out: Path) -> None:
    limit_files(100)
    Training().record(out)


def full_description(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        recording.checkpoint()
        training.step(recording, 2)
        # Enough for everything but one more entry in run.json.
        limit_files((out / "run.json").stat().st_size)
        recording.checkpoint()


def killed(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        for row in range(9):
            training.step(recording, row)
            recording.checkpoint()
            if row == 1:
                kill_me()


def killed_while_writing(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 0)
        recording.checkpoint()
        training.step(recording, 1)
        # Between the bytes and the rename.
        os.fsync = lambda _: kill_me()
        recording.checkpoint()


SCENARIOS: dict[str, Callable[[Path], None]] = {
    each.__name__: each
    for each in (full, cleared, full_examples, full_description, killed, killed_while_writing)
}


def crash(name: str, folder: Path) -> Ended:
    """A scenario in a child of this process; what it refuses to do is printed."""

    def do() -> None:
        try:
            SCENARIOS[name](folder / name)
        except StorageError as error:
            print(error)

    return in_a_child(do)
