"""Stores on disk: what is written, what is refused."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from influence_helpers import Training, train_and_record
from store_helpers import LARGE, SMALL, tracing_of

from in_a_child import in_a_child, kill_me
from radiotracer.errors import InputError, NotFiniteError, RunError
from radiotracer.gradients import ProjectionConfig
from radiotracer.influence import Store, Tracing, write_store


def test_a_killed_write(training: Training, copy: Path) -> None:
    """What was there is still there: only a whole store takes its place."""
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def progress(title: str, done: int, total: int) -> None:
        if title == "checkpoint 3 of 3" and done == 8:
            kill_me()

    def write() -> None:
        tracing = Tracing.of(
            training.model, training.run, training.train, batch_size=4, progress=progress
        )
        small = ProjectionConfig(dimension=8)
        write_store(tracing, training.train, copy, small, shard_bytes=700, overwrite=True)

    ended = in_a_child(write)
    assert ended.status == -signal.SIGKILL, ended.err
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert Store.open(copy, tracing_of(training)).scores(training.queries).any()
    (left,) = (path for path in copy.parent.iterdir() if path != copy)
    assert left.name.startswith(".copy.") and any(left.iterdir())
    with pytest.raises(RunError) as caught:
        Store.open(left, tracing_of(training))
    assert (
        str(caught.value) == f"expected a store in {left}; got no store.json there; write one first"
    )


def test_a_write_that_fails_leaves_nothing(training: Training, tmp_path: Path) -> None:
    def progress(title: str, *_: int) -> None:
        if title == "checkpoint 2 of 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracing = replace(tracing_of(training), progress=progress)
        write_store(tracing, training.train, tmp_path / "store", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_not_finite(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finite in double precision, infinite in single."""
    monkeypatch.setattr(
        "radiotracer.influence.projected.project",
        lambda *_: torch.full((4, 2), 1e300, dtype=torch.float64),
    )
    with pytest.raises(NotFiniteError, match="finite influence at checkpoints/"):
        write_store(tracing_of(training), training.train, tmp_path / "store", SMALL, sample=None)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept(training: Training, copy: Path) -> None:
    with pytest.raises(InputError, match="already holds store"):
        write_store(tracing_of(training), training.train, copy, LARGE)
    made = write_store(tracing_of(training), training.train, copy, LARGE, overwrite=True)
    assert Store.open(copy, made.tracing).info.projection == LARGE


def test_progress(training: Training, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    tracing = replace(tracing_of(training), progress=lambda *x: told.append(x))
    write_store(tracing, training.train, tmp_path / "store", SMALL)
    assert told == [(f"checkpoint {c} of 3", done, 9) for c in (1, 2, 3) for done in (4, 8, 9)]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


SPOIL: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed": (flip, "the file was damaged or changed: write the store again"),
    "cut": (truncate, "the file was damaged or changed: write the store again"),
    "missing": (Path.unlink, "got no such file; write the store again"),
}


@pytest.mark.parametrize("kind", SPOIL)
def test_a_damaged_shard_is_refused(training: Training, copy: Path, kind: str) -> None:
    spoil, message = SPOIL[kind]
    opened = Store.open(copy, tracing_of(training))
    shard = opened.info.checkpoints[1][-1]
    spoil(copy / shard.file)
    for ask in (lambda: opened.scores(training.queries), lambda: opened.top(training.queries, 2)):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(copy / shard.file) in str(caught.value)
        assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda info: info.pop("rows"), "rows: Field required"),
        (lambda info: info.update(schema_version=2), "schema_version: "),
        (lambda info: info.update(more=1), "more: "),
        (lambda info: info["projection"].update(dimension=0), "projection.dimension: "),
    ],
)
def test_a_damaged_description_is_refused(
    training: Training, copy: Path, change: Callable[[dict[str, Any]], None], where: str
) -> None:
    path = copy / "store.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    with pytest.raises(RunError) as caught:
        Store.open(copy, tracing_of(training))
    assert str(caught.value).startswith(f"expected a valid {path}; got {where}")
    path.write_text("{")
    with pytest.raises(RunError, match="valid"):
        Store.open(copy, tracing_of(training))


def test_a_store_of_something_else_is_refused(
    training: Training, written: Store, tmp_path: Path
) -> None:
    do = "pass what the store was written with, or write another"
    other = train_and_record(tmp_path / "other", epochs=2)
    changed = training.train[0], training.train[1].roll(1)
    for tracing, train, message in (
        (tracing_of(other), None, f"this run in {written.folder}; got another run's"),
        (
            tracing_of(training),
            changed,
            f"these training examples in {written.folder}; got one of others",
        ),
        (
            tracing_of(training, layers=["head.*"]),
            None,
            f"the 2 traced parameters in {written.folder}; got one of 6 others",
        ),
    ):
        with pytest.raises(RunError) as caught:
            Store.open(written.folder, tracing, train)
        assert str(caught.value).startswith(f"expected a store of {message}")
        assert str(caught.value).endswith(do)
