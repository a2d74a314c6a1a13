"""What frameworks put around networks, optimisers and loaders is looked through."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from run_helpers import N, Rows, network, recorded, seen_rows, sgd, step
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import ConcatDataset, DataLoader, Subset

from radiotracer.errors import DataError, InputError, RunError
from radiotracer.influence import Tracer
from radiotracer.runs import Run, record


def learn(out: Path, model: nn.Module, optimizer: Any, loader: Any, **options: Any) -> Run:
    """Two passes; what was recorded must be what was seen."""
    seen = []
    data = options.pop("data", Rows())
    with record(out, model, optimizer, data, **options) as recording:
        for _ in range(2):
            for inputs, labels in recording.batches(loader):
                seen.append(seen_rows(inputs))
                step(model, optimizer, inputs, labels)
    run = Run.open(out)
    assert recorded(run) == seen
    return run


def shuffled(**options: Any) -> DataLoader[Any]:
    return DataLoader(Rows(), batch_size=4, shuffle=True, **options)


PLAIN = ("0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias")


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        lambda model: torch.compile(model, backend="eager"),
        lambda model: nn.DataParallel(torch.compile(model, backend="eager")),  # type: ignore[arg-type]
    ],
    ids=["DataParallel", "compile", "both"],
)
def test_networks(tmp_path: Path, wrap: Any) -> None:
    model = network().double()
    model[1] = nn.Identity()
    wrapped = wrap(model)
    data = torch.randn(N, 2, dtype=torch.float64), torch.arange(N) % 3
    optimizer = sgd(wrapped)
    with record(tmp_path / "run", wrapped, optimizer, data) as recording:
        recording.batch(range(N))
        step(wrapped, optimizer, *data)
    run = Run.open(tmp_path / "run")
    names = [name for name in PLAIN if not name.startswith("1")]
    assert run.weights(run.checkpoints[0]).keys() == set(names)
    assert run.info.optimizer.groups == (tuple(names),)
    assert run.info.model.name == "torch.nn.modules.container:Sequential"
    by_wrapped, by_plain = (Tracer(each, run).self_influence(data) for each in (wrapped, model))
    torch.testing.assert_close(by_wrapped, by_plain, rtol=1e-12, atol=0.0)


def test_a_compiled_part(tmp_path: Path) -> None:
    model = nn.Sequential(torch.compile(nn.Linear(2, 4), backend="eager"), nn.Linear(4, 3))  # type: ignore[arg-type]
    run = learn(tmp_path / "run", model, sgd(model), shuffled())
    assert run.info.optimizer.groups == (("0.weight", "0.bias", "1.weight", "1.bias"),)
    plain = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3))
    left, right = (Tracer(each, run).self_influence(Rows()) for each in (model, plain))
    torch.testing.assert_close(left, right)


def test_accelerate(tmp_path: Path) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    plain = network()
    model, optimizer, loader = accelerator.prepare(plain, sgd(plain), shuffled())
    run = learn(tmp_path / "run", model, optimizer, loader)
    assert run.info.optimizer.name == "SGD"
    assert loader.base_dataloader.batch_sampler is not None
    # Batches that a resumed training skips were not learned from.
    rest = accelerator.skip_first_batches(loader, 1)
    run = learn(tmp_path / "rest", model, optimizer, rest)
    assert len(recorded(run)) == 4


def test_fabric(tmp_path: Path) -> None:
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    plain = network()
    model, optimizer = fabric.setup(plain, sgd(plain))
    loader = fabric.setup_dataloaders(shuffled())
    run = learn(tmp_path / "run", model, optimizer, loader)
    assert run.weights(run.checkpoints[0]).keys() == plain.state_dict().keys()


def test_a_wrapper_that_makes_flat_parameters(tmp_path: Path) -> None:
    class FullyShardedDataParallel(nn.Module):
        """As torch's older one is called."""

    model = FullyShardedDataParallel()
    with pytest.raises(InputError, match=r"shard it by torch.distributed.fsdp.fully_shard"):
        record(tmp_path / "run", model, sgd(network()), Rows())


def test_a_running_mean_of_the_weights(tmp_path: Path) -> None:
    model = network()
    averaged = AveragedModel(model)
    optimizer = sgd(model)
    kept = []
    with record(tmp_path / "run", model, optimizer, Rows(), averaged=averaged) as recording:
        for _ in range(2):
            for inputs, labels in recording.batches(shuffled()):
                step(model, optimizer, inputs, labels)
                averaged.update_parameters(model)
            kept.append(copy.deepcopy(averaged.module.state_dict()))
    own, mean = (Run.open(tmp_path / "run", averaged=each) for each in (False, True))
    for checkpoint, state in zip(mean.checkpoints, kept, strict=True):
        found = mean.weights(checkpoint)
        assert all(torch.equal(found[name], state[name]) for name in state)
        assert not torch.equal(found["0.weight"], own.weights(checkpoint)["0.weight"])


def test_no_running_mean(tmp_path: Path) -> None:
    model = network()
    learn(tmp_path / "run", model, sgd(model), shuffled())
    with pytest.raises(RunError, match="averaged weights at every checkpoint"):
        Run.open(tmp_path / "run", averaged=True)


def test_several_optimisers(tmp_path: Path) -> None:
    model = network()
    first, second = sgd(model[0], 0.1), torch.optim.AdamW(model[2].parameters(), lr=0.01)
    seen = []
    with record(tmp_path / "run", model, [first, second], Rows()) as recording:
        for _ in range(2):
            for number, (inputs, labels) in enumerate(recording.batches(shuffled())):
                seen.append(seen_rows(inputs))
                first.zero_grad()
                second.zero_grad()
                nn.functional.cross_entropy(model(inputs), labels).backward()
                first.step()
                if number:  # the other one rests at the first batch of a pass
                    second.step()
    run = Run.open(tmp_path / "run")
    assert run.info.optimizer.name == "SGD + AdamW"
    assert run.info.optimizer.groups == (("0.weight", "0.bias"), ("2.weight", "2.bias"))
    assert recorded(run) == seen
    assert run.steps()["learning_rates"].to_pylist()[:3] == [[0.1, 0.0], [0.1, 0.01], [0.1, 0.01]]
    assert run.checkpoints[1].rate_sums == pytest.approx((0.3, 0.02))


def test_an_optimiser_that_was_left_out(tmp_path: Path) -> None:
    model = network()
    first, second = sgd(model[0]), sgd(model[2])
    with (
        pytest.raises(InputError, match=r"changed and that none of them has \(2.weight, 2.bias\)"),
        record(tmp_path / "run", model, first, Rows()) as recording,
    ):
        for number, (inputs, labels) in enumerate(recording.batches(shuffled())):
            assert number < 2  # within two batches
            second.zero_grad()
            step(model, first, inputs, labels)
            second.step()


def test_steps_without_batches(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with (
        pytest.raises(InputError, match=r"iterate over recording.batches"),
        record(tmp_path / "run", model, optimizer, Rows()),
    ):
        for inputs, labels in shuffled():
            step(model, optimizer, inputs, labels)


@pytest.mark.parametrize("recorded_data", [Rows(), (torch.rand(N, 2), torch.zeros(N).long())])
def test_a_subset_of_a_subset(tmp_path: Path, recorded_data: Any) -> None:
    model = network()
    part = Subset(Subset(Rows(), range(1, N, 2)), [4, 0, 2])
    loader = DataLoader(part, batch_size=3, shuffle=True)
    run = learn(tmp_path / "run", model, sgd(model), loader, data=recorded_data)
    assert {row for rows in recorded(run) for row in rows} == {9, 1, 5}


def test_a_subset_that_is_the_data(tmp_path: Path) -> None:
    model, part = network(), Subset(Rows(), [7, 3])
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, part) as recording:
        for inputs, labels in recording.batches(DataLoader(part, batch_size=2)):
            step(model, optimizer, inputs, labels)
    assert recorded(Run.open(tmp_path / "run")) == [[0, 1]]


def test_a_loader_over_other_data(tmp_path: Path) -> None:
    model = network()
    other: ConcatDataset[Any] = ConcatDataset([Rows(), Rows()])
    with (
        pytest.raises(DataError, match=r"a loader over the 12 examples recorded.*one over 24"),
        record(tmp_path / "run", model, sgd(model), Rows()) as recording,
    ):
        next(iter(recording.batches(DataLoader(other, batch_size=2))))


def test_adapters_alone_are_kept(tmp_path: Path) -> None:
    """A checkpoint of a large frozen network holds what changed, though it was trained before."""
    model = nn.Sequential(nn.Linear(2, 400), nn.Linear(400, 400), nn.Linear(400, 3))
    model(torch.ones(1, 2)).sum().backward()
    for part in model[:2]:
        part.requires_grad_(False)
    trained = torch.optim.SGD(model[2].parameters(), lr=0.1)
    run = learn(tmp_path / "run", model, trained, shuffled())
    adapters = sum(4 * each.numel() for each in model[2].parameters())
    for checkpoint in run.checkpoints:
        assert not checkpoint.whole
        assert (run.folder / checkpoint.file).stat().st_size <= 1.1 * adapters
    found = run.weights(run.checkpoints[-1])
    assert all(torch.equal(found[name], each) for name, each in model.state_dict().items())
    (run.folder / "initial.safetensors").unlink()
    with pytest.raises(RunError):
        run.weights(run.checkpoints[0])
