"""A marking that was stopped goes on where it was, and gives what it would have given."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import InputError, StorageError
from radiotracer.provenance import Key
from radiotracer.provenance.designs._twins.marking import lay_twins
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.kept import Kept, fingerprint_of, once
from radiotracer.provenance.marking import mark
from radiotracer.provenance.release import Release
from radiotracer.scale import FolderLedger

KEY = Key(bytes(range(32)))
CONFIG = TwinConfig(radius=9, steps=3, batch_size=4)
ROWS = np.arange(0, 30, 3)


class Counting(nn.Module):
    """A network that counts how often any copy of it is called."""

    calls = 0

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 4))

    def forward(self, inputs: Tensor) -> Tensor:
        Counting.calls += 1
        return self.inner(inputs)


def examples(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(
        modality=IMAGES,
        content=rng.integers(0, 256, (30, 4, 4, 1), dtype=np.uint8),
        labels=rng.integers(0, 4, 30),
        ids=np.array([f"{i:02d}" for i in range(30)]),
        class_names=tuple("abcd"),
        source="memory",
    )


def marked(kept: Kept | None, stop: int | None = None, **changed: Any) -> tuple[Release, int]:
    """The release and how often the network was called; stopped when `stop` images are done."""

    def progress(_: str, done: int, of: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    given = {"key": KEY, "config": CONFIG, "data": examples(), "model": Counting(), **changed}
    Counting.calls = 0
    made = mark(
        given["data"], ROWS, given["key"], [given["model"]], given["config"],
        kept=kept, progress=progress,
    )  # fmt: skip
    return made, Counting.calls


def held(folder: Path, *, replace: bool = False, noted: list[str] | None = None) -> Kept:
    return Kept(FolderLedger(folder, replace=replace), [].append if noted is None else noted.append)


def units(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def stopped(folder: Path) -> None:
    """Eight of ten images are done."""
    with pytest.raises(KeyboardInterrupt):
        marked(held(folder), stop=8)


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / ".out.marking"
    whole, calls = marked(None)
    stopped(folder)
    assert len(units(folder)) == 2
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    rest, fewer = marked(held(folder))
    # One call finds the head and one proves that the images fit; the rest is shared by 3 batches.
    assert fewer - 2 == (calls - 2) / 3
    assert rest.commitment == whole.commitment
    np.testing.assert_array_equal(rest.published.content, whole.published.content)
    for name, array in whole.laid.arrays.items():
        np.testing.assert_array_equal(rest.laid.arrays[name], array)


OTHERS: dict[str, dict[str, Any]] = {
    "images to mark": {"data": examples(1)},
    "marking networks": {"model": Counting(1)},
    "key": {"key": Key(bytes(32))},
    "radius: 8, begun with 9": {"config": CONFIG.model_copy(update={"radius": 8})},
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_marking_is_refused_or_begins_anew(tmp_path: Path, other: str) -> None:
    folder = tmp_path / "kept"
    stopped(folder)
    with pytest.raises(InputError) as caught:
        marked(held(folder), **OTHERS[other])
    assert f"; got {other}" in str(caught.value) and len(units(folder)) == 2
    fresh, calls = marked(None, **OTHERS[other])
    with pytest.raises(KeyboardInterrupt):
        marked(held(folder, replace=True), stop=4, **OTHERS[other])
    assert len(units(folder)) == 1  # and what was there before is gone
    found, again = marked(held(folder), **OTHERS[other])
    assert found.commitment == fresh.commitment and again < calls


def test_of_the_key_only_what_tells_nothing(tmp_path: Path) -> None:
    stopped(tmp_path / "kept")
    text = (tmp_path / "kept" / "work.json").read_text()
    assert KEY.secret.hex() not in text and KEY.derive("marking/kept").hex() in text


def test_a_damaged_batch_is_done_again_and_told(tmp_path: Path) -> None:
    folder, noted = tmp_path / "kept", list[str]()
    whole, calls = marked(None)
    stopped(folder)
    first, _ = units(folder)
    first.write_bytes(first.read_bytes()[:-30])
    found, fewer = marked(held(folder, noted=noted))
    assert fewer - 2 == (calls - 2) * 2 / 3 and found.commitment == whole.commitment
    assert noted == ["twins-00000000 was damaged since it was written: it is done again"]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = [np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([np.nan, -0.0]), np.array(3)]
    arrays += [np.full(i, i) for i in range(12)]
    kept = held(tmp_path / "kept")
    for made in (once(kept, "a", lambda: arrays), once(kept, "a", list)):
        for found, wanted in zip(made, arrays, strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)
    assert once(None, "a", list) == []


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    kept = held(tmp_path / "file" / "kept")
    with pytest.raises(StorageError, match="a part of the path is a file"):
        once(kept, "a", lambda: [np.zeros(1)])


def test_fingerprints() -> None:
    model, other = Counting(), Counting()
    first = fingerprint_of([model])
    assert first == fingerprint_of([other]) and len(first) == 64
    assert fingerprint_of([]) != first != fingerprint_of([model, model])
    with torch.no_grad():
        other.inner[1].bias[0] += 1e-6
    assert fingerprint_of([other]) != first
    assert fingerprint_of([model.bfloat16()]) != first


def test_nothing_kept_changes_nothing(tmp_path: Path) -> None:
    chosen = examples().take(ROWS)
    plain = lay_twins(chosen, [Counting()], CONFIG)
    kept = lay_twins(chosen, [Counting()], CONFIG, kept=held(tmp_path / "kept"))
    for name, array in plain.arrays.items():
        np.testing.assert_array_equal(kept.arrays[name], array)
