from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from replay_helpers import CLASSES, Training, draw, edit, make, train_and_record
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.errors import DataError, InputError, NotFiniteError, RunError, StorageError
from radiotracer.files import sha256_file
from radiotracer.runs import Run, record, replay


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train_and_record(tmp_path_factory.mktemp("bad") / "run", make(), epochs=1)


@pytest.fixture
def run(intact: Training, tmp_path: Path) -> Run:
    return Run.open(shutil.copytree(intact.run.folder, tmp_path / "run"))


def refusal(call: Callable[[], object], kind: type[InputError] = RunError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_runs_recorded_before_replays(run: Run) -> None:
    def as_before(content: dict[str, Any]) -> None:
        del content["threads"], content["initial"], content["optimizer"]["options"]

    old = edit(run, as_before)
    (run.folder / "initial.safetensors").unlink()
    # They still open and have everything that they had.
    assert old.info.schema_version == 1
    assert old.weights(old.checkpoints[0])
    assert len(old.steps()) == 3
    assert old.info.threads is None
    expected = (
        f"expected a run with its initial weights in {run.folder}; "
        "got one recorded before they were kept; record the training again"
    )
    assert refusal(lambda: replay(make(), old, draw())) == expected
    assert refusal(old.initial_weights) == expected


def test_options_that_were_not_recorded(run: Run) -> None:
    run = edit(run, lambda content: content["optimizer"].pop("options"))
    assert refusal(lambda: replay(make(), run, draw())) == (
        "expected a run with its optimiser's options; got one recorded before they were kept; "
        "record the training again"
    )


def test_initial_weights_that_were_altered(run: Run) -> None:
    path = run.folder / "initial.safetensors"
    content = path.read_bytes()
    for at in (0, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert refusal(lambda: replay(make(), run, draw())).startswith(
            f"expected {path} with SHA-256 "
        )
    path.write_bytes(content)
    assert replay(make(), run, draw()).exact
    path.unlink()
    assert "got no such file" in refusal(lambda: replay(make(), run, draw()))


def test_a_checkpoint_that_is_not_the_trainings(run: Run) -> None:
    """With a digest to match: the replay still compares with what the file holds."""
    other = run.folder / "checkpoints/00000003.safetensors"
    shutil.copy(run.folder / "initial.safetensors", other)
    run = edit(run, lambda content: content["checkpoints"][0].update(sha256=sha256_file(other)))
    assert not replay(make(), run, draw()).exact


@pytest.mark.parametrize("name", ["LBFGS", "Optimizer", "Mine", "lr_scheduler"])
def test_an_optimizer_that_cannot_be_rebuilt(run: Run, name: str) -> None:
    run = edit(run, lambda content: content["optimizer"].update(name=name))
    assert refusal(lambda: replay(make(), run, draw())) == (
        f"expected an optimiser of torch.optim that takes one gradient per step; got {name}; "
        "trace the recorded checkpoints instead (TracInCP), which needs no replay"
    )


def test_steps_without_their_rows(run: Run) -> None:
    path = run.folder / "steps/00000003.parquet"
    table: pa.Table = pq.read_table(path)
    rows = pa.array([[0], [], [0]], pa.list_(pa.int64()))
    pq.write_table(table.set_column(table.column_names.index("batch"), "batch", rows), path)
    assert refusal(lambda: replay(make(), run, draw())) == (
        f"expected the rows that step 2 of {run.folder} learned from; got none; "
        "record the training again, with recording.batches(loader) or recording.batch(rows)"
    )


def test_a_step_that_is_missing(run: Run) -> None:
    path = run.folder / "steps/00000003.parquet"
    table: pa.Table = pq.read_table(path)
    pq.write_table(table.take([0, 2]), path)
    assert "the rows that step 2 of" in refusal(lambda: replay(make(), run, draw()))


def test_other_data(run: Run) -> None:
    inputs, labels = draw()
    swapped = labels.clone()
    swapped[4] = (swapped[4] + 1) % CLASSES
    for other, what in (
        ((inputs, swapped), "1 changed label (e.g. '00004')"),
        ((inputs[:9], labels[:9]), "2 missing (e.g. '00009')"),
    ):
        assert refusal(lambda other=other: replay(make(), run, other), DataError) == (
            f"expected the data that {run.folder} was trained on; got other data: {what}; "
            "pass the same data, or train again on these"
        )


def test_another_network(run: Run) -> None:
    wider = make()
    wider.head = nn.Linear(4, CLASSES + 1)
    assert refusal(lambda: replay(wider, run, draw())).startswith(
        "expected a checkpoint of the same architecture; got head.weight of shape (3, 4)"
    )


def test_losses_that_cannot_be_trained_on(run: Run) -> None:
    def per_example(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, reduction="none")

    assert refusal(lambda: replay(make(), run, draw(), training_loss=per_example), InputError) == (
        "expected a training loss that is a single number; got shape (4,); "
        "use the mean over the batch, as in the training"
    )
    assert refusal(
        lambda: replay(make(), run, draw(), training_loss=lambda o, _: o.sum() * torch.inf),
        NotFiniteError,
    ).startswith("expected a finite training loss at step 1 of the replay; got ")


@pytest.mark.parametrize("bad", [torch.nan, -torch.inf])
def test_initial_weights_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    model = make()
    model.head.weight.data[1, 2] = bad
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert refusal(lambda: record(tmp_path / "run", model, optimizer, draw()), NotFiniteError) == (
        "expected finite weights in the network before training; "
        "got 1 NaN or infinite values in head.weight; initialise it again"
    )
    assert not (tmp_path / "run").exists()
    assert not optimizer._optimizer_step_post_hooks


def test_a_disk_that_refuses_the_initial_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before is taken away, so that the folder can be used again."""

    def refuse(*_: object) -> str:
        raise StorageError(expected="to write", came="a refusal", do="try again")

    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with monkeypatch.context() as patch:
        patch.setattr("radiotracer.runs.beginning.save_weights", refuse)
        refusal(lambda: record(tmp_path / "run", model, optimizer, draw()), StorageError)
    assert not any((tmp_path / "run").iterdir())
    with record(tmp_path / "run", model, optimizer, draw()):
        pass
