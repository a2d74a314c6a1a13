"""Runs whose tables and layouts lie: refused before a network learns from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from corpus.descriptions import EXAMPLES
from corpus.hostile import Hostile

from radiotracer.digested import digested
from radiotracer.errors import RunError
from radiotracer.runs import Run
from radiotracer.runs.replay import replay
from tiny_world import World

STEPS = {
    "rows beyond the data": ("batch", [[10**6]] * 6),
    "rows of 2**62": ("batch", [[2**62]] * 6),
    "rows before the first": ("batch", [[-1]] * 6),
    "rows that are missing": ("batch", [[None, 1]] * 6),
    "no rows": ("batch", [[]] * 6),
    "rows of a text": ("batch", ["__import__('os')"] * 6),
    "rates of NaN": ("learning_rates", [[float("nan")]] * 6),
    "rates of infinity": ("learning_rates", [[float("inf")]] * 6),
    "rates that are missing": ("learning_rates", [None] * 6),
    "too many rates": ("learning_rates", [[0.1, 0.1]] * 6),
    "steps that repeat": ("step", [1] * 6),
    "steps of 2**62": ("step", [2**62] * 6),
    "steps of a text": ("step", ["\x1b[2J"] * 6),
    "nested epochs": ("epoch", [{"a": 1}] * 6),
}


def again(tiny: World, folder: Path) -> str:
    with torch.random.fork_rng(devices=[]), pytest.raises(RunError) as caught:
        replay(tiny.model, Run.open(folder), tiny.tampered)
    text = str(caught.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize("hostile", EXAMPLES, ids=[each.name for each in EXAMPLES])
def test_examples(tiny: World, tmp_path: Path, hostile: Hostile) -> None:
    """Not by a command: some need the table only where the digest of the data is another."""
    folder = hostile.make(tiny.copy(tmp_path / "run"))
    assert "examples.parquet" in again(tiny, folder)


@pytest.mark.parametrize("lie", STEPS)
def test_steps(tiny: World, tmp_path: Path, lie: str) -> None:
    folder = tiny.copy(tmp_path / "run")
    path = min((folder / "steps").iterdir())
    name, values = STEPS[lie]
    held = pq.read_table(path)
    assert len(held) == 6
    columns = {each: held[each] for each in held.column_names} | {name: values}
    pq.write_table(pa.table(columns), path)
    assert "step" in again(tiny, folder)


@pytest.mark.parametrize("column", ["step", "epoch", "batch", "learning_rates"])
def test_a_column_less(tiny: World, tmp_path: Path, column: str) -> None:
    folder = tiny.copy(tmp_path / "run")
    path = min((folder / "steps").iterdir())
    pq.write_table(pq.read_table(path).drop_columns(column), path)
    assert f"expected the column {column} in {path}" in again(tiny, folder)


def test_more_rows_than_its_metadata_say(tiny: World, tmp_path: Path) -> None:
    folder = tiny.copy(tmp_path / "run")
    path = min((folder / "steps").iterdir())
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[-8:-4], "little")
    # Thrift: a field of 64 bits with the value 6 says 63.
    content[-8 - size : -8] = content[-8 - size : -8].replace(b"\x16\x0c", b"\x16\x7e")
    path.write_bytes(content)
    assert str(path) in again(tiny, folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda strides: [-1, *strides[1:]],
        lambda strides: [2**60, *strides[1:]],
        lambda strides: [0 for _ in strides],
        lambda strides: strides[1:],
    ],
    ids=["negative", "huge", "overlapping", "of fewer axes"],
)
def test_strides(tiny: World, tmp_path: Path, change: Callable[[list[int]], list[int]]) -> None:
    folder = tiny.copy(tmp_path / "run")
    whole = json.loads((folder / "run.json").read_text())
    name = next(each for each, value in tiny.model.state_dict().items() if value.dim() == 4)
    strides = list(tiny.model.state_dict()[name].stride())
    whole["initial"]["strides"] = {name: change(strides)}
    (folder / "run.json").write_text(digested(whole))
    assert f"strides that fit {name}" in again(tiny, folder)
