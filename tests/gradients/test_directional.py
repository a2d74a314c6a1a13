from __future__ import annotations

import pytest
import torch
from gradient_helpers import (
    CASES,
    LOSSES,
    N,
    along,
    brute_force,
    make,
    objective_of,
    random_direction,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from radiotracer.errors import NotFiniteError
from radiotracer.gradients import (
    Batch,
    Evaluation,
    Objective,
    directional,
    in_batches,
    require_finite_losses,
    summed_gradient,
)
from radiotracer.training.networks import ResNet18

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", CASES)
def test_directional_is_the_inner_product(name: str, loss: str) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch, loss=LOSSES[loss])
    direction = random_direction(objective)
    found = directional(objective, batch, direction)
    expected = along(brute_force(objective, batch), direction)
    assert expected.abs().min() > 1e-6
    torch.testing.assert_close(found.derivatives, expected, **CLOSE)
    model.eval()
    outputs = model(batch.inputs).detach()
    torch.testing.assert_close(found.outputs, outputs, **CLOSE)
    torch.testing.assert_close(found.losses, LOSSES[loss](outputs, batch.targets), **CLOSE)
    assert not found.derivatives.requires_grad
    assert not found.losses.requires_grad


@given(data=st.data())
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("name", ["norms", "tied", "called-twice"])
def test_neighbours_in_the_batch_do_not_matter(name: str, data: st.DataObject) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    whole = directional(objective, batch, direction).derivatives
    rows = data.draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=2 * N))
    some = Batch(batch.inputs[rows], batch.targets[rows])
    torch.testing.assert_close(
        directional(objective, some, direction).derivatives, whole[rows], **CLOSE
    )


@pytest.mark.parametrize("name", ["resnet18", "resnet9", "small-cnn", "conv"])
def test_a_batch_of_one(name: str) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    whole = directional(objective, batch, direction).derivatives
    parts = [
        directional(objective, one, direction).derivatives
        for one in in_batches((batch.inputs, batch.targets), 1)
    ]
    assert [part.shape for part in parts] == [(1,)] * N
    torch.testing.assert_close(torch.cat(parts), whole, **CLOSE)


def test_linear_in_the_direction_and_a_slope() -> None:
    model, batch = make("norms")
    objective = objective_of(model, batch)
    u, v = random_direction(objective, 1), random_direction(objective, 2)
    both = {name: 2 * u[name] - 3 * v[name] for name in u}
    expected = (
        2 * directional(objective, batch, u).derivatives
        - 3 * directional(objective, batch, v).derivatives
    )
    torch.testing.assert_close(directional(objective, batch, both).derivatives, expected, **CLOSE)
    # Positive where a step along +v raises the loss.
    step = 1e-6
    point = objective.parameters()
    moved = {
        sign: objective.evaluate(
            batch, {k: p + sign * step * v[k] for k, p in point.items()}
        ).losses
        for sign in (1, -1)
    }
    slope = (moved[1] - moved[-1]) / (2 * step)
    torch.testing.assert_close(
        directional(objective, batch, v).derivatives, slope.detach(), rtol=1e-6, atol=1e-8
    )


def test_patterns_restrict_exactly() -> None:
    model, batch = make("norms")
    everything = objective_of(model, batch)
    direction = random_direction(everything)
    gradients = brute_force(everything, batch)
    for patterns, expected in (
        (["head.*"], {"head.weight", "head.bias"}),
        (["*.bias"], {name for name in gradients if name.endswith("bias")}),
        (["layers.1.*", "head.bias"], {"layers.1.weight", "layers.1.bias", "head.bias"}),
    ):
        objective = objective_of(model, batch, layers=patterns)
        assert set(objective.traced) == expected
        part = {name: direction[name] for name in expected}
        # Entries of untraced parameters do not count even where they are given.
        for given_direction in (part, direction):
            torch.testing.assert_close(
                directional(objective, batch, given_direction).derivatives,
                along(gradients, part),
                **CLOSE,
            )
        assert set(summed_gradient(objective, [batch])) == expected


def test_trained_restricts_too() -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch, trained={"0.weight", "2.bias", "elsewhere"})
    assert objective.traced == ("0.weight", "2.bias")
    objective = objective_of(model, batch, trained={"0.weight", "2.bias"}, layers=["*.weight"])
    assert objective.traced == ("0.weight",)


@pytest.mark.parametrize("name", CASES)
def test_summed_gradient_is_the_sum(name: str) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch)
    seen: list[tuple[Batch, Evaluation]] = []
    found = summed_gradient(
        objective,
        in_batches((batch.inputs, batch.targets), 3),
        lambda part, evaluation: seen.append((part, evaluation)),
    )
    for key, gradient in brute_force(objective, batch).items():
        torch.testing.assert_close(found[key], gradient.sum(dim=0), **CLOSE)
        assert not found[key].requires_grad
    assert [len(part.inputs) for part, _ in seen] == [3, 3, 1]
    assert torch.equal(torch.cat([part.inputs for part, _ in seen]), batch.inputs)
    outputs = torch.cat([evaluation.outputs for _, evaluation in seen])
    torch.testing.assert_close(outputs, objective.model(batch.inputs), **CLOSE)
    assert all(parameter.grad is None for parameter in objective.model.parameters())


def test_no_examples_sum_to_zero() -> None:
    model, batch = make("called-twice")
    objective = objective_of(model, batch)
    found = summed_gradient(objective, [])
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in objective.parameters().items()
    }
    assert all(not value.any() for value in found.values())
    direction = directional(objective, batch, found).derivatives
    assert torch.equal(direction, torch.zeros(N, dtype=torch.float64))


def test_under_no_grad() -> None:
    model, batch = make("norms")
    objective = objective_of(model, batch)
    expected = summed_gradient(objective, [batch])
    with torch.no_grad():
        found = summed_gradient(objective, [batch])
        derivatives = directional(objective, batch, expected).derivatives
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(derivatives, directional(objective, batch, expected).derivatives)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_losses(bad: float) -> None:
    losses = torch.tensor([1.0, bad, 2.0, bad])
    with pytest.raises(NotFiniteError) as caught:
        require_finite_losses(losses, where="here")
    assert str(caught.value) == (
        "expected finite losses at here; got 2 NaN or infinite, first at row 1 of a batch; "
        "check the inputs and the weights, or lower the learning rate and train again"
    )
    require_finite_losses(torch.ones(3), where="here")


def test_frozen_in_the_callers_network_is_traced_all_the_same() -> None:
    model, batch = make("linear")
    expected = summed_gradient(objective_of(model, batch), [batch])
    model.requires_grad_(False)
    found: dict[str, Tensor] = summed_gradient(objective_of(model, batch), [batch])
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_large_inputs_are_added_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = ResNet18(1, 10, width=4).double()
    batch = Batch(torch.rand(9, 1, 28, 28, dtype=torch.float64), torch.arange(9) % 10)
    objective = Objective.of(model, example=batch.inputs[:1])
    direction = summed_gradient(objective, [batch])
    whole = directional(objective, batch, direction).derivatives
    monkeypatch.setattr("radiotracer.gradients.derivatives.forward_rules._LARGE", 1)
    in_parts = directional(objective, batch, direction).derivatives
    torch.testing.assert_close(in_parts, whole, rtol=1e-10, atol=0)
