from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from run_helpers import Rows, network, sgd, small_run
from torch import nn

from radiotracer.digested import digested
from radiotracer.errors import NotFiniteError, RunError
from radiotracer.files import sha256_file
from radiotracer.runs import Run, load_weights, put_weights, record, save_weights
from radiotracer.runs.weights import weights_of


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "run"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "run.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(digested(content))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(RunError) as caught:
        call()
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_no_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        assert refusal(lambda folder=folder: Run.open(folder)) == (
            f"expected a recorded run in {folder}; got no run.json there; "
            "make one with `radiotracer train` or radiotracer.record"
        )


@pytest.mark.parametrize("status", ["interrupted", "recording"])
def test_a_training_that_did_not_end(folder: Path, status: str) -> None:
    edit(folder, lambda content: content.update(status=status))
    assert refusal(lambda: Run.open(folder)) == (
        f"expected a complete run in {folder}; got a training that stopped after 3 checkpoints; "
        "repeat the training that made it, which goes on, or pass "
        "allow_interrupted=True to use what it has"
    )
    assert len(Run.open(folder, allow_interrupted=True).checkpoints) == 3
    edit(folder, lambda content: content.update(checkpoints=[]))
    assert refusal(lambda: Run.open(folder, allow_interrupted=True)) == (
        f"expected at least one checkpoint in {folder}; got none; train again"
    )


def test_a_training_without_a_step(tmp_path: Path) -> None:
    model = network()
    with record(tmp_path / "run", model, sgd(model), Rows()):
        pass
    assert refusal(lambda: Run.open(tmp_path / "run")) == (
        f"expected at least one checkpoint in {tmp_path / 'run'}; got none; train again"
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: c.update(extra=1), "extra: Extra inputs are not permitted"),
        (lambda c: c.pop("data"), "data: Field required"),
        (lambda c: c.update(schema_version=2), "schema_version: Input should be 1"),
        (
            lambda c: c.update(status="done"),
            "status: Input should be 'recording', 'interrupted' or 'complete'",
        ),
        (
            lambda c: c["checkpoints"][1].update(step="two"),
            "checkpoints.1.step: Input should be a valid integer, "
            "unable to parse string as an integer",
        ),
        (
            lambda c: c["checkpoints"][1].update(step=0),
            "checkpoints.1.step: Input should be greater than or equal to 1",
        ),
        (
            lambda c: c["checkpoints"][0].update(learning_rates=[None]),
            "checkpoints.0.learning_rates.0: Input should be a valid number",
        ),
    ],
)
def test_a_description_that_is_no_description(
    folder: Path, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    edit(folder, change)
    assert refusal(lambda: Run.open(folder)) == (
        f"expected a valid {folder}/run.json; got {what}; record the run again"
    )


@given(content=st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_bytes_for_a_description(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("garbage")
    (folder / "run.json").write_bytes(content)
    text = refusal(lambda: Run.open(folder))
    assert text.startswith(f"expected a valid {folder}/run.json; got ")


def test_missing_files(folder: Path) -> None:
    run = Run.open(folder)
    (folder / run.checkpoints[1].file).unlink()
    (folder / "steps/00000002.parquet").unlink()
    (folder / "examples.parquet").unlink()
    assert run.weights(run.checkpoints[0])
    assert refusal(lambda: run.weights(run.checkpoints[1])) == (
        f"expected the checkpoint {folder}/checkpoints/00000002.safetensors; got no such file; "
        "restore it or train again"
    )
    assert refusal(run.steps).startswith(f"expected a Parquet file at {folder}/steps/00000002")
    assert refusal(run.identity).startswith(f"expected a Parquet file at {folder}/examples.parquet")


def test_a_checkpoint_cut_short_or_altered(folder: Path) -> None:
    run = Run.open(folder)
    checkpoint = run.checkpoints[1]
    path = folder / checkpoint.file
    content = path.read_bytes()
    altered = [content[:n] for n in (0, 1, 7, 8, len(content) // 2, len(content) - 1)]
    altered += [content + b"\0"]
    altered += [
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        for at in (0, 9, len(content) // 2, len(content) - 1)
    ]
    for other in altered:
        path.write_bytes(other)
        assert refusal(lambda: run.weights(checkpoint)) == (
            f"expected {path} with SHA-256 {checkpoint.sha256[:12]}…; "
            f"got {sha256_file(path)[:12]}… ({len(other)} bytes); "
            "the file was damaged or changed after the training: restore it or train again"
        )
    path.write_bytes(content)
    assert run.weights(checkpoint)


@given(content=st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_other_formats_with_the_right_digest(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("other") / "w.safetensors"
    path.write_bytes(content)
    text = refusal(lambda: load_weights(path, sha256_file(path)))
    assert text.startswith(f"expected a safetensors file at {path}; got ")


def test_weights_that_are_not_finite_in_a_file(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(3), "b": torch.tensor([1.0, torch.nan, torch.inf])}, path)
    with pytest.raises(NotFiniteError) as caught:
        load_weights(path, sha256_file(path))
    assert str(caught.value) == (
        f"expected finite weights in {path}; got 2 NaN or infinite values in b; "
        "lower the learning rate and train again"
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_weights_come_back_bit_for_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to(dtype)
    model.to(memory_format=torch.channels_last)
    model[0].bias = nn.Parameter(torch.randn(6, dtype=dtype)[::2])
    path = tmp_path / "w.safetensors"
    found = load_weights(path, save_weights(weights_of(model), path))
    assert found.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype
    assert sha256_file(path) == save_weights(weights_of(model), tmp_path / "again.safetensors")


def test_tied_weights_are_written_under_each_name(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    path = tmp_path / "w.safetensors"
    found = load_weights(path, save_weights(weights_of(model), path))
    assert torch.equal(found["0.weight"], found["1.weight"])
    put_weights(model, found)
    assert model[1].weight is model[0].weight


def test_another_architecture_lists_the_names() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = model.state_dict()
    del state["0.bias"]
    state["2.weight"] = torch.zeros(1)
    state["1.weight"] = torch.zeros(3, 4)
    state["0.weight"] = torch.zeros(3, 2)
    assert refusal(lambda: put_weights(model, state)) == (
        "expected a checkpoint of the same architecture; got 0.bias missing from the checkpoint; "
        "2.weight unknown to the network; 1.weight of shape (3, 4) where the network has (3, 3); "
        "pass the network that was trained"
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    many = {f"x{i}": torch.zeros(1) for i in range(9)}
    assert "; x5 unknown to the network; and 3 more; pass" in refusal(
        lambda: put_weights(model, {**model.state_dict(), **many})
    )


def _swap_labels(table: pa.Table) -> pa.Table:
    labels = table["label"].to_pylist()
    return table.set_column(2, "label", pa.array([labels[1], labels[0], *labels[2:]]))


@pytest.mark.parametrize(
    "change",
    [
        _swap_labels,
        lambda table: table.slice(1),
        lambda table: table.take([1, 0, *range(2, len(table))]),
        lambda table: table.set_column(0, "id", pa.array([f"x{i}" for i in range(len(table))])),
        lambda table: table.set_column(
            1, "sha256", table["sha256"].take(pa.array([0] * len(table)))
        ),
    ],
)
def test_other_examples(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "examples.parquet"
    run = Run.open(folder)
    assert run.identity().digest == run.info.data.digest
    pq.write_table(change(pq.read_table(path)), path)
    assert refusal(run.identity) == (
        f"expected examples.parquet with the digest that {folder}/run.json names; got another; "
        "the run folder was changed after the training: record the run again"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop_columns(["label"]),
        lambda table: table.rename_columns(["id", "sha", "label"]),
        lambda table: table.set_column(2, "label", pa.array(["x"] * len(table))),
        lambda table: table.set_column(2, "label", pa.array([None] * len(table), pa.int64())),
    ],
)
def test_examples_of_another_form(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "examples.parquet"
    run = Run.open(folder)
    pq.write_table(change(pq.read_table(path)), path)
    refusal(run.identity)


def test_examples_with_damaged_bytes(folder: Path) -> None:
    path = folder / "examples.parquet"
    run = Run.open(folder)
    content = path.read_bytes()
    digest = run.info.data.digest
    refused = 0
    for at in range(0, len(content), max(1, len(content) // 150)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        try:
            found = run.identity()
        except RunError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
        else:
            # The byte was one that says nothing about the examples.
            assert found.digest == digest
    assert refused > 50
    for length in (0, 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        refusal(run.identity)


@pytest.mark.parametrize(
    ("before", "after"),
    [('"status": "complete"', '"status": "recording"'), ('"step": 2', '"step": 1'), ("0.", "1.")],
)
def test_a_description_that_was_edited(folder: Path, before: str, after: str) -> None:
    """It says what a run could say, and something else than was written."""
    path = folder / "run.json"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    told = refusal(lambda: Run.open(folder, allow_interrupted=True))
    assert told.startswith(f"expected a valid {folder}/run.json; got ")
    if before != '"step": 2':
        assert "digest: not that of the rest: it was edited or damaged" in told
    path.write_text(text)
    assert Run.open(folder).checkpoints
