"""The engines work where the network is: shown on a device that refuses to mix with the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gradient_helpers import N, make, objective_of
from torch import Tensor

from elsewhere import THERE, Elsewhere, moved
from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Objective,
    ProjectionConfig,
    available_devices,
    device_named,
    device_of,
    directional,
    directional_many,
    engine_notes,
    in_batches,
    inner,
    keep,
    measure,
    per_example_gradients,
    precision,
    project,
    route_of,
    square_norm,
    summed_gradient,
    weighted_square_norm,
)
from radiotracer.gradients.derivatives.double_backward import double_backward
from radiotracer.gradients.derivatives.one_by_one import one_by_one


def every(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    """What each engine says of a batch."""
    rates = dict.fromkeys(objective.traced, 0.5)
    gradient = summed_gradient(objective, [batch])
    seen = directional(objective, batch, gradient)
    kept = keep(objective, batch)
    measured = measure(objective, batch, [gradient], rates)
    dense = per_example_gradients(objective, batch)
    point = objective.parameters()
    return {
        "losses": seen.losses,
        "directional": seen.derivatives,
        "directional_many": directional_many(objective, batch, [gradient] * 2).derivatives,
        "double backward": double_backward(objective, batch, point, gradient)[1],
        "one by one": one_by_one(objective, batch, point, gradient)[1],
        "square_norm": square_norm(objective, batch, rates),
        "inner": inner(objective, batch, kept, rates),
        "kept": kept.square_norm(rates),
        "along": measured.along,
        "weighted": measured.weighted_square_norm,
        "dense": torch.cat([each.reshape(N, -1) for each in dense.values()], dim=1),
        "dense norm": weighted_square_norm(dense, rates),
        "project": project(objective, batch, ProjectionConfig(dimension=8), rates),
    }


def there_and_here(name: str, dtype: torch.dtype, *, double: bool = True) -> tuple[Any, Any, Any]:
    model, batch = make(name)
    batch = Batch(
        batch.inputs.to(dtype) if batch.inputs.is_floating_point() else batch.inputs, batch.targets
    )
    here = every(objective_of(model.to(dtype), batch), batch)
    with Elsewhere(double=double):
        objective = objective_of(moved(model), batch)
        (ours,) = in_batches((batch.inputs, batch.targets), N, device=objective.device)
        there = every(objective, ours)
        assert {each.device for each in there.values()} == {THERE}
        there = {key: each.cpu() for key, each in there.items()}
    return here, there, objective


@pytest.mark.parametrize("name", ["linear", "conv", "tied", "called-twice", "small-cnn"])
def test_every_engine_works_where_the_network_is(name: str) -> None:
    here, there, objective = there_and_here(name, torch.float64)
    for key, expected in here.items():
        # The last bits depend on where in memory the numbers lie.
        torch.testing.assert_close(there[key], expected, rtol=1e-12, atol=1e-12, msg=key)
    route = route_of(objective)
    assert route is not None and route.name == "forward-mode"
    assert engine_notes(objective) == ()


@pytest.mark.parametrize("name", ["linear", "conv", "tied"])
def test_a_device_without_float64_sums_in_float32_and_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_WITHOUT_DOUBLE", (THERE.type,))
    here, there, objective = there_and_here(name, torch.float32, double=False)
    for key, expected in here.items():
        assert there[key].dtype == torch.float32
        error = (there[key].double() - expected.double()).abs().max()
        assert error <= 1e-5 * expected.abs().max(), key
    assert engine_notes(objective) == ("Sums in float32: meta has no float64.",)


def test_the_place_to_test_with_refuses_to_mix() -> None:
    with Elsewhere():
        there = torch.ones(3).to(THERE)
        assert torch.equal((there + torch.tensor(1.0)).cpu(), torch.full((3,), 2.0))
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)


def test_a_network_is_where_its_parameters_are() -> None:
    assert device_of(torch.nn.ReLU()) == torch.device("cpu")
    assert device_of(torch.nn.Linear(2, 2, device="meta")) == torch.device("meta")
    assert device_of(torch.nn.BatchNorm1d(2, affine=False, device="meta")) == torch.device("meta")


def with_accelerators(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    found = torch.device("cuda") if count else None
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: found)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)


@pytest.mark.parametrize(("count", "expected"), [(0, "cpu"), (2, "cuda")])
def test_auto_is_the_accelerator_where_there_is_one(
    count: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_accelerators(monkeypatch, count)
    assert str(device_named("auto")) == expected
    assert str(device_named("cpu")) == "cpu"


def test_an_accelerator_is_named_with_or_without_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_accelerators(monkeypatch, 2)
    assert available_devices() == ["cpu", "cuda:0", "cuda:1"]
    assert str(device_named("cuda")) == "cuda"
    assert str(device_named("cuda:1")) == "cuda:1"


@pytest.mark.parametrize("name", ["cuda:2", "mps", "meta", "nonsense", "", "cpu:x"])
def test_a_device_that_is_not_here_is_refused_with_those_which_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_accelerators(monkeypatch, 2)
    with pytest.raises(InputError, match=r"\(auto, cpu, cuda:0, cuda:1\)") as caught:
        device_named(name)
    assert caught.value.came == repr(name)
