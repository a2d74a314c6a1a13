from __future__ import annotations

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
    network,
    recorded,
    seen_rows,
    sgd,
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

from radiotracer.errors import InputError
from radiotracer.runs import Run, record


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
    with record(tmp_path / "run", model, optimizer, Rows(), checkpoint_every=0) as recording:
        for rows in (torch.tensor([3, 1]), np.array([2, 2]), range(4)):
            recording.batch(rows)
            optimizer.step()
        optimizer.step()
    run = Run.open(tmp_path / "run")
    # A step without a new batch learns from the one before, as loops do that repeat batches.
    assert recorded(run) == [[3, 1], [2, 2], [0, 1, 2, 3], [0, 1, 2, 3]]
    assert run.steps()["step"].to_pylist() == [1, 2, 3, 4]


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
        recording.batch([0])
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
