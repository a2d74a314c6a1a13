"""Trainings that meet a full disk or are killed, each in a process of its own.

    python crash_scenarios.py FOLDER

forks once per scenario (torch is imported once), and writes FOLDER/ended.json: how each one ended
(an exit status, or minus a signal). What a scenario prints is in FOLDER/NAME.txt.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

import torch
from run_helpers import Rows, sgd
from torch import nn

from radiotracer.errors import StorageError
from radiotracer.runs import Recording, record

NAMES = ("full", "cleared", "full_examples", "full_description", "killed", "killed_while_writing")


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


def limit(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        recording.checkpoint()
        training.step(recording, 2)
        training.model.big = torch.zeros(100_000)
        limit(50_000)
        recording.checkpoint()


def cleared(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        limit(100)
        try:
            recording.checkpoint()
        except StorageError:
            limit(resource.RLIM_INFINITY)
        training.step(recording, 2)


def full_examples(out: Path) -> None:
    limit(100)
    Training().record(out)


def full_description(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 1)
        recording.checkpoint()
        training.step(recording, 2)
        # Enough for everything but one more entry in run.json.
        limit((out / "run.json").stat().st_size)
        recording.checkpoint()


def killed(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        for row in range(9):
            training.step(recording, row)
            recording.checkpoint()
            if row == 1:
                kill()


def killed_while_writing(out: Path) -> None:
    training = Training()
    with training.record(out) as recording:
        training.step(recording, 0)
        recording.checkpoint()
        training.step(recording, 1)
        # Between the bytes and the rename.
        os.fsync = kill
        recording.checkpoint()


def run_all(folder: Path) -> None:
    # What torch imports and compiles at the first step, it need not import six times.
    training = Training()
    nn.functional.cross_entropy(training.model(torch.ones(1, 2)), torch.tensor([1])).backward()
    training.optimizer.step()
    ended = {}
    for name in NAMES:
        child = os.fork()
        if child == 0:
            try:
                with (folder / f"{name}.txt").open("w") as sys.stdout:
                    try:
                        globals()[name](folder / name)
                    except StorageError as error:
                        # The limit holds for this file as well.
                        limit(resource.RLIM_INFINITY)
                        print(error)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        ended[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    (folder / "ended.json").write_text(json.dumps(ended))


if __name__ == "__main__":
    run_all(Path(sys.argv[1]))
