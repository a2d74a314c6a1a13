from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_helpers import (
    BatchedRows,
    N,
    Rows,
    files_in,
    network,
    recorded,
    seen_rows,
    sgd,
    small_run,
    step,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    WeightedRandomSampler,
)

from radiotracer.data import identify
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.files import sha256_file
from radiotracer.runs import ModelSpec, Run, record


class NumpyRows(Sampler[Any]):
    """Samplers written with NumPy hand out NumPy's integers."""

    def __iter__(self) -> Any:
        return iter(np.random.default_rng(3).permutation(N))

    def __len__(self) -> int:
        return N


class NumpyBatches(Sampler[Any]):
    def __iter__(self) -> Any:
        return iter(np.arange(N)[::-1].copy().reshape(1, N))

    def __len__(self) -> int:
        return 1


def batched(sampler: Any, **options: Any) -> DataLoader[Any]:
    return DataLoader(BatchedRows(), sampler=sampler, batch_size=None, **options)


LOADERS: dict[str, Callable[[], DataLoader[Any]]] = {
    "shuffle": lambda: DataLoader(Rows(), batch_size=4, shuffle=True),
    "in order": lambda: DataLoader(Rows(), batch_size=3),
    "drop last": lambda: DataLoader(Rows(), batch_size=5, shuffle=True, drop_last=True),
    "own generator": lambda: DataLoader(
        Rows(), batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(9)
    ),
    "with replacement": lambda: DataLoader(
        Rows(), batch_size=4, sampler=WeightedRandomSampler([1.0] * N, 2 * N)
    ),
    "batch sampler": lambda: DataLoader(
        Rows(), batch_sampler=BatchSampler(RandomSampler(range(N)), 4, drop_last=False)
    ),
    "no automatic batching": lambda: batched(BatchSampler(RandomSampler(range(N)), 4, False)),
    "numpy rows": lambda: DataLoader(Rows(), batch_size=4, sampler=NumpyRows()),
    "numpy batches": lambda: batched(NumpyBatches()),
    "two workers": lambda: DataLoader(
        Rows(), batch_size=2, shuffle=True, num_workers=2, multiprocessing_context="fork"
    ),
    "persistent workers": lambda: DataLoader(
        Rows(),
        batch_size=2,
        shuffle=True,
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context="fork",
    ),
}


def train(
    out: Path | None, loader: DataLoader[Any], epochs: int = 2, stop_after: int | None = None
) -> tuple[nn.Module, list[list[int]]]:
    """The same loop with and without a recording."""
    torch.manual_seed(5)
    model = network()
    optimizer = sgd(model)
    seen: list[list[int]] = []

    def loop(batches: Callable[[], Any]) -> None:
        for _ in range(epochs):
            for number, (inputs, labels) in enumerate(batches(), 1):
                seen.append(seen_rows(inputs))
                step(model, optimizer, inputs, labels)
                if number == stop_after:
                    break

    if out is None:
        loop(lambda: loader)
    else:
        with record(out, model, optimizer, Rows()) as recording:
            loop(lambda: recording.batches(loader))
    return model, seen


@pytest.mark.parametrize("name", LOADERS)
def test_the_recorded_order_is_the_order_seen_and_training_is_unchanged(
    tmp_path: Path, name: str
) -> None:
    plain, plain_rows = train(None, LOADERS[name]())
    random_after = torch.get_rng_state()
    model, rows = train(tmp_path / "run", LOADERS[name]())
    assert recorded(Run.open(tmp_path / "run")) == rows == plain_rows
    for key, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[key])
    assert torch.equal(torch.get_rng_state(), random_after)


def test_a_pass_left_early(tmp_path: Path) -> None:
    """Workers fetch ahead; what nobody saw must not be recorded."""
    loader = LOADERS["persistent workers"]()
    _, rows = train(tmp_path / "a", loader, epochs=3, stop_after=2)
    assert len(rows) == 6
    assert recorded(Run.open(tmp_path / "a")) == rows
    model, seen = network(), []
    optimizer = sgd(model)
    loader = DataLoader(Rows(), batch_size=2, shuffle=True)
    with record(tmp_path / "b", model, optimizer, Rows()) as recording:
        for _ in range(3):
            for inputs, labels in recording.batches(loader):
                step(model, optimizer, inputs, labels)
                seen.append(seen_rows(inputs))
                if len(seen) % 2 == 0:
                    break
    run = Run.open(tmp_path / "b")
    assert recorded(run) == seen
    # No pass was completed: only the last checkpoint is there.
    assert [(c.step, c.epoch) for c in run.checkpoints] == [(6, 0)]


def test_several_loaders(tmp_path: Path) -> None:
    model, seen = network(), []
    optimizer = sgd(model)
    first = DataLoader(Rows(), batch_size=4, shuffle=True)
    second = DataLoader(Rows(), batch_size=3)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for loader in (first, second):
            for inputs, labels in recording.batches(loader):
                step(model, optimizer, inputs, labels)
                seen.append(seen_rows(inputs))
        # Side by side: a step learns from a batch of each.
        for (a, x), (b, y) in zip(recording.batches(first), recording.batches(first), strict=True):
            seen.append([*seen_rows(a), *seen_rows(b)])
            step(model, optimizer, torch.cat([a, b]), torch.cat([x, y]))
    assert recorded(Run.open(tmp_path / "run")) == seen


def test_gradient_accumulation_adds_batches_up(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    loader = DataLoader(Rows(), batch_size=2, shuffle=True)
    waiting: list[int] = []
    seen = []
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for _ in range(2):
            for number, (inputs, labels) in enumerate(recording.batches(loader), 1):
                F.cross_entropy(model(inputs), labels).backward()
                waiting += seen_rows(inputs)
                if number % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
                    seen.append(waiting)
                    waiting = []
    assert recorded(Run.open(tmp_path / "run")) == seen


def test_passes_without_a_step_need_no_checkpoint(tmp_path: Path) -> None:
    """Accumulation over several passes, and a checkpoint by hand at the end of a pass."""
    model = network()
    optimizer = sgd(model)
    loader = DataLoader(Rows(), batch_size=N)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for _ in range(2):
            for inputs, labels in recording.batches(loader):
                F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        for inputs, labels in recording.batches(loader):
            step(model, optimizer, inputs, labels)
            recording.checkpoint()
    run = Run.open(tmp_path / "run")
    assert recorded(run) == [[*range(N), *range(N)], [*range(N)]]
    assert [(c.step, c.epoch) for c in run.checkpoints] == [(2, 2)]


def test_loops_without_a_loader(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows(), every=0) as recording:
        for rows in (torch.tensor([3, 1]), np.array([2, 2]), range(4)):
            recording.batch(rows)
            optimizer.step()
        optimizer.step()
    run = Run.open(tmp_path / "run")
    assert recorded(run) == [[3, 1], [2, 2], [0, 1, 2, 3], []]
    assert run.steps()["step"].to_pylist() == [1, 2, 3, 4]


def test_learning_rates_are_those_in_force(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[2].parameters()}], lr=0.03
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step: 1 / (step + 1), lambda step: 1 + step]
    )
    loader = DataLoader(Rows(), batch_size=4)
    expected = []
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for _ in range(2):
            for inputs, labels in recording.batches(loader):
                expected.append([group["lr"] for group in optimizer.param_groups])
                step(model, optimizer, inputs, labels)
                scheduler.step()
    run = Run.open(tmp_path / "run")
    assert run.steps()["learning_rates"].to_pylist() == expected
    assert len({tuple(rates) for rates in expected}) == 6
    assert [c.learning_rates for c in run.checkpoints] == [tuple(expected[2]), tuple(expected[5])]
    assert run.learning_rates(run.checkpoints[0]) == {
        "0.weight": expected[2][0],
        "0.bias": expected[2][0],
        "2.weight": expected[2][1],
        "2.bias": expected[2][1],
    }


def test_a_learning_rate_kept_in_a_tensor(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.25))
    with record(tmp_path / "run", model, optimizer, Rows()):
        optimizer.step()
    run = Run.open(tmp_path / "run")
    assert run.checkpoints[0].learning_rates == (0.25,)
    assert run.info.optimizer.name == "Adam"


def test_groups_that_join_during_the_training_are_refused(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    with record(tmp_path / "run", model, optimizer, Rows()):
        optimizer.step()
    with (
        pytest.raises(InputError) as caught,
        record(tmp_path / "run", model, optimizer, Rows(), overwrite=True),
    ):
        optimizer.add_param_group({"params": model[2].parameters()})
        optimizer.step()
    assert str(caught.value) == (
        "expected the parameter groups that the optimiser had when recording began; "
        "got 2 groups where there were 1; "
        "add every group before record(); a group that rests has learning rate 0"
    )


def test_groups_name_what_was_trained(tmp_path: Path) -> None:
    model = network()
    model[1].requires_grad_(False)
    optimizer = torch.optim.SGD(
        [{"params": [model[2].bias, *model[1].parameters()]}, {"params": [model[0].weight]}], lr=0.1
    )
    loader = DataLoader(Rows(), batch_size=4)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for inputs, labels in recording.batches(loader):
            step(model, optimizer, inputs, labels)
    assert Run.open(tmp_path / "run").info.optimizer.groups == (("2.bias",), ("0.weight",))


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, [(3, 1), (6, 2), (9, 3), (12, 4), (15, 5)]),
        (2, [(6, 2), (12, 4), (15, 5)]),
        (5, [(15, 5)]),
        (7, [(15, 5)]),
        (0, [(15, 5)]),
    ],
)
def test_checkpoints_every_k_passes(
    tmp_path: Path, every: int, expected: list[tuple[int, int]]
) -> None:
    model = network()
    optimizer = sgd(model)
    after = {}
    with record(tmp_path / "run", model, optimizer, Rows(), every=every) as recording:
        for _ in range(5):
            for inputs, labels in recording.batches(DataLoader(Rows(), batch_size=4)):
                step(model, optimizer, inputs, labels)
                after[len(after) + 1] = {k: v.clone() for k, v in model.state_dict().items()}
    run = Run.open(tmp_path / "run")
    assert [(c.step, c.epoch) for c in run.checkpoints] == expected
    for checkpoint in run.checkpoints:
        weights = run.weights(checkpoint)
        assert weights.keys() == after[checkpoint.step].keys()
        for key, value in weights.items():
            assert torch.equal(value, after[checkpoint.step][key])
            assert value.dtype == after[checkpoint.step][key].dtype
    assert run.steps()["epoch"].to_pylist() == [pass_ for pass_ in range(5) for _ in range(3)]


def test_what_is_written(tmp_path: Path) -> None:
    spec = ModelSpec(name="mine", options={"width": 4})
    run = small_run(
        tmp_path / "run", seed=7, model_spec=spec, settings={"a": 1, "b": "x", "c": True, "d": 0.5}
    )
    assert files_in(tmp_path / "run") == [
        *(f"checkpoints/0000000{i}.safetensors" for i in (1, 2, 3)),
        "examples.parquet",
        "run.json",
        *(f"steps/0000000{i}.parquet" for i in (1, 2, 3)),
    ]
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(content) == [
        "schema_version",
        "status",
        "created",
        "versions",
        "command",
        "seed",
        "settings",
        "model",
        "data",
        "optimizer",
        "checkpoints",
    ]
    assert content["schema_version"] == 1
    assert content["status"] == "complete"
    assert content["seed"] == 7
    assert content["settings"] == {"a": 1, "b": "x", "c": True, "d": 0.5}
    assert content["model"] == {"name": "mine", "options": {"width": 4}}
    assert content["data"] == {
        "source": None,
        "queries": None,
        "examples": N,
        "digest": identify(Rows()).digest,
        "class_names": None,
    }
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert content["optimizer"] == {"name": "SGD", "groups": [names]}
    assert content["versions"]["torch"] == torch.__version__
    assert content["checkpoints"][1] == {
        "file": "checkpoints/00000002.safetensors",
        "sha256": sha256_file(tmp_path / "run/checkpoints/00000002.safetensors"),
        "step": 2,
        "epoch": 0,
        "learning_rates": [0.1],
    }
    assert run.identity().digest == identify(Rows()).digest
    assert run.identity().labels.tolist() == [row % 3 for row in range(N)]


def test_a_network_of_ones_own_is_named_by_its_class(tmp_path: Path) -> None:
    assert small_run(tmp_path / "run").info.model == ModelSpec(
        name="torch.nn.modules.container:Sequential"
    )


def test_the_hook_is_removed(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    before = len(optimizer._optimizer_step_post_hooks)
    with record(tmp_path / "a", model, optimizer, Rows()):
        assert len(optimizer._optimizer_step_post_hooks) == before + 1
    assert len(optimizer._optimizer_step_post_hooks) == before
    with pytest.raises(KeyError), record(tmp_path / "b", model, optimizer, Rows()):
        raise KeyError
    with pytest.raises(InputError):
        record(tmp_path / "b", model, optimizer, Rows())
    assert len(optimizer._optimizer_step_post_hooks) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_loop(tmp_path: Path, error: type[BaseException]) -> None:
    model = network()
    optimizer = sgd(model)
    raised = error("stop")
    with (
        pytest.raises(error) as caught,
        record(tmp_path / "run", model, optimizer, Rows()) as recording,
    ):
        for _ in range(3):
            for inputs, labels in recording.batches(DataLoader(Rows(), batch_size=4)):
                step(model, optimizer, inputs, labels)
                if recording._step == 5:
                    raise raised
    assert caught.value is raised
    run = Run.open(tmp_path / "run", allow_interrupted=True)
    assert run.info.status == "interrupted"
    assert [c.step for c in run.checkpoints] == [3]
    assert run.weights(run.checkpoints[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("by_hand", [True, False])
def test_weights_that_are_not_finite(tmp_path: Path, bad: float, by_hand: bool) -> None:
    out = tmp_path / "run"
    model = network()
    optimizer = sgd(model)
    with (
        pytest.raises(NotFiniteError) as caught,
        record(out, model, optimizer, Rows(), every=0) as recording,
    ):
        optimizer.step()
        recording.checkpoint()
        optimizer.step()
        model[2].weight.data[1, 2] = bad
        if by_hand:
            recording.checkpoint()
    assert str(caught.value) == (
        "expected finite weights in the network in training; "
        "got 1 NaN or infinite values in 2.weight; lower the learning rate and train again"
    )
    assert files_in(out) == [
        "checkpoints/00000001.safetensors",
        "examples.parquet",
        "run.json",
        "steps/00000001.parquet",
    ]
    run = Run.open(out, allow_interrupted=True)
    assert run.info.status == "interrupted"
    assert len(run.checkpoints) == 1


def test_a_checkpoint_without_a_step(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        optimizer.step()
        recording.checkpoint()
        with pytest.raises(InputError) as caught:
            recording.checkpoint()
    assert str(caught.value) == (
        "expected an optimiser step before each checkpoint; got none since step 1; "
        "call optimizer.step() of the recorded optimiser, then checkpoint()"
    )


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([(torch.zeros(2), 0)])


class Prefetched(DataLoader[Any]):
    """Keeps batches of its own, past any sampler."""

    def __iter__(self) -> Any:
        return iter([(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))])


@pytest.mark.parametrize(
    ("loader", "kind"),
    [
        ([(torch.zeros(1, 2), torch.zeros(1))], "list"),
        (DataLoader(Stream()), "DataLoader"),
        (Prefetched(Rows()), "Prefetched"),
    ],
)
def test_loaders_whose_order_cannot_be_seen(tmp_path: Path, loader: Any, kind: str) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        with pytest.raises(InputError) as caught:
            next(iter(recording.batches(loader)))
        optimizer.step()
    assert str(caught.value) == (
        "expected a torch DataLoader over numbered examples; "
        f"got a {kind}, whose order cannot be seen; "
        "call recording.batch(rows) before each optimizer.step() instead"
    )


class Moving(DataLoader[Any]):
    """A loader that changes each batch on its way, as those that move to a device do."""

    def __iter__(self) -> Any:
        return ((2 * inputs, labels) for inputs, labels in super().__iter__())


def test_a_loader_of_ones_own_keeps_its_ways(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for inputs, labels in recording.batches(Moving(Rows(), batch_size=4)):
            assert (inputs[:, 1] == 2).all()
            step(model, optimizer, inputs, labels)
    assert recorded(Run.open(tmp_path / "run")) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


class Augmented(Rows):
    """Draws random numbers from all three generators whenever it is read."""

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        noise = random.random() + float(np.random.rand()) + float(torch.rand(()))  # noqa: NPY002, S311
        return torch.tensor([float(row), noise]), row % 3


def test_reading_the_data_draws_nothing_from_the_trainings_generators(tmp_path: Path) -> None:
    def draws() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002, S311

    model = network()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    expected = draws()
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])
    record(tmp_path / "run", model, sgd(model), Augmented())
    assert draws() == expected


def test_settings_that_cannot_be_recorded(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(InputError) as caught:
        record(tmp_path / "run", model, sgd(nn.Linear(2, 2)), Rows())
    assert str(caught.value) == (
        "expected an optimiser of this network's parameters; got one that holds none of them; "
        "pass the optimiser that trains the network"
    )
    with pytest.raises(InputError) as caught:
        record(tmp_path / "run", model, sgd(model), Rows(), every=-1)
    assert str(caught.value) == (
        "expected every >= 0 passes between checkpoints; got -1; pass every=1"
    )
    with pytest.raises(DataError, match="expected at least one example; got none"):
        record(tmp_path / "run", model, sgd(model), Rows(0))
    with pytest.raises(NotFiniteError, match="NaN or infinity in the input 00001"):
        record(
            tmp_path / "run",
            model,
            sgd(model),
            (torch.tensor([[0.0], [torch.nan]]), torch.zeros(2, dtype=torch.int64)),
        )
    assert not (tmp_path / "run").exists()


def test_folders_that_exist(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    small_run(out)
    before = {name: (out / name).read_bytes() for name in files_in(out)}
    with pytest.raises(InputError) as caught:
        small_run(out)
    assert str(caught.value) == (
        f"expected a new folder; got {out}, which already holds run.json; "
        "choose another --out, or pass --overwrite to replace it"
    )
    assert {name: (out / name).read_bytes() for name in files_in(out)} == before
    run = small_run(out, steps=1, overwrite=True)
    assert [c.step for c in run.checkpoints] == [1]
    assert len(files_in(out)) == 4
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(InputError) as caught:
            small_run(other, overwrite=overwrite)
        assert str(caught.value) == (
            "expected a new folder, or one that holds run.json; "
            f"got {other}, which holds other things; choose another --out"
        )
    assert files_in(other) == ["thesis.tex"]
    with pytest.raises(InputError, match="expected a folder to write to; got the file"):
        small_run(other / "thesis.tex")


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    small_run(tmp_path / "link")
    small_run(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert "run.json" in files_in(tmp_path / "disk")
