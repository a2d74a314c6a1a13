"""Everything of the corpus, given to the commands that read such files.

Whatever it is: no code of it runs, nothing of it reaches the terminal as anything but text, and the
answer is one line, or the work goes on without it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from corpus import (
    archives,
    descriptions,
    names,
    onnx_graphs,
    pickles,
    pictures,
    safe_tensors,
    shards,
    tables,
)
from corpus.hostile import CANARY, Hostile

from audit_world import AuditWorld, make_world
from radiotracer.cli import run
from radiotracer.errors import InputError
from radiotracer.provenance.models.onnx_model import onnx_suspect
from tiny_world import World

CORPUS = [
    *pickles.CORPUS,
    *safe_tensors.CORPUS,
    *archives.CORPUS,
    *onnx_graphs.CORPUS,
    *pictures.CORPUS,
    *names.CORPUS,
    *tables.CORPUS,
    *shards.CORPUS,
    *descriptions.CORPUS,
]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return make_world(tmp_path_factory.mktemp("audited"))


@pytest.fixture
def arguments(audited: AuditWorld, tiny: World, tmp_path: Path) -> Callable[[Hostile], list[str]]:
    """Makes the fixture; gives the command that reads it."""

    def make(hostile: Hostile) -> list[str]:
        home = tmp_path / "given"
        if hostile.reader == "run":
            tiny.copy(home)
        elif hostile.reader == "truth":
            shutil.copytree(tiny.data, home)
        elif hostile.reader == "marked":
            shutil.copytree(audited.marked, home)
        else:
            home.mkdir()
        it = str(hostile.make(home))
        sealed = ["--key", str(audited.key), "--marked"]
        network = [] if it.endswith(".onnx") else ["--factory", "audit_world:mlp"]
        weights = [str(audited.untrained), "--factory", "audit_world:mlp"]
        rule = ["--fdr", "0.1", "--clean-reference"]
        return {
            "data": ["tamper", it, "--recipe", "random-flip", "--share", "0.3", "--out", "out"],
            "suspect": ["audit", it, *network, *sealed, str(audited.marked), "--out", "out"],
            "run": ["scan", it, "--out", "out"],
            "truth": ["scan", str(tiny.folder), "--data", it, "--out", "out"],
            "marked": ["audit", *weights, *sealed, it, "--out", "out"],
            "evidence": ["verify", it, *sealed, str(audited.marked)],
            "reference": ["scan", str(tiny.folder), *rule, it, "--out", "out"],
        }[hostile.reader]

    return make


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder


@pytest.mark.parametrize("hostile", CORPUS, ids=[f"{each.reader}: {each.name}" for each in CORPUS])
def test_nothing_of_it_is_obeyed(
    hostile: Hostile,
    arguments: Callable[[Hostile], list[str]],
    here: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = arguments(hostile)
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    status = run(command)
    said = capsys.readouterr()
    assert all(line.isprintable() for line in (said.out + said.err).split("\n"))
    assert "Traceback" not in said.err
    assert list(tmp_path.rglob(f"*{CANARY}*")) == []
    lines = said.err.splitlines()
    if hostile.ends == "refused":
        assert (status, said.out) == (2, ""), said.err
        assert lines[-1].startswith("radiotracer: expected ")
        assert not any(line.startswith("radiotracer:") for line in lines[:-1])
        assert hostile.says in lines[-1]
        assert sorted(tmp_path.rglob("*")) == before
        return
    assert status == 0, said.err
    assert [path.name for path in here.iterdir()] == ["out"]
    described = json.loads(Path("out/data.json").read_text())
    left_out = [f"{each['path']}: {each['reason']}" for each in described["left_out"]]
    assert bool(left_out) == (hostile.ends == "left out")
    assert hostile.says in "".join(left_out)


def test_a_model_that_never_ends(tmp_path: Path) -> None:
    suspect = onnx_suspect(onnx_graphs.ENDLESS(tmp_path), channels=1, classes=3, seconds=0.3)
    with pytest.raises(InputError, match=r"an answer from suspect\.onnx within 0\.3 seconds"):
        suspect.scores(np.zeros((2, 8, 8, 1), dtype=np.uint8))


def test_there_are_enough() -> None:
    assert len(CORPUS) >= 180
    assert len({(each.reader, each.name) for each in CORPUS}) == len(CORPUS)
