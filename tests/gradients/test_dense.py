from __future__ import annotations

import pytest
import torch
from gradient_helpers import CASES, N, brute_force, make, objective_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from radiotracer.gradients import (
    Batch,
    dense,
    per_example_gradients,
    weighted_inner,
    weighted_square_norm,
)
from radiotracer.gradients.dense import dense_batches

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("name", CASES)
def test_dense_is_the_loop(name: str) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch)
    found = per_example_gradients(objective, batch)
    expected = brute_force(objective, batch)
    assert list(found) == list(expected) == list(objective.traced)
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], **CLOSE)


def test_dense_of_chosen_layers_and_of_one_example() -> None:
    model, batch = make("norms")
    objective = objective_of(model, batch, layers=["layers.*"])
    expected = brute_force(objective_of(model, batch), batch)
    one = Batch(batch.inputs[2:3], batch.targets[2:3])
    found = per_example_gradients(objective, one)
    assert set(found) == {name for name in expected if name.startswith("layers.")}
    for key, gradient in found.items():
        torch.testing.assert_close(gradient, expected[key][2:3], **CLOSE)
        # The untraced parameters want gradients too; a graph for them would outlive the batch.
        assert not gradient.requires_grad


@given(
    weights=st.tuples(*[st.floats(-3, 3)] * 3),
    left=st.integers(1, 4),
    right=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=50, deadline=None)
def test_weighted_products(weights: tuple[float, ...], left: int, right: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"a": (), "b": (3,), "c": (2, 2, 2)}
    factors = dict(zip(shapes, weights, strict=True))

    def draw(n: int) -> dict[str, torch.Tensor]:
        return {name: torch.randn(n, *shape, generator=generator) for name, shape in shapes.items()}

    a, b = draw(left), draw(right)
    found = weighted_inner(a, b, factors)
    assert found.shape == (left, right)
    assert found.dtype == torch.float64
    norms = weighted_square_norm(a, factors)
    assert norms.shape == (left,)
    for i in range(left):
        for j in range(right):
            plain = sum(
                factors[name] * float((a[name][i].double() * b[name][j].double()).sum())
                for name in shapes
            )
            assert float(found[i, j]) == pytest.approx(plain, rel=1e-12, abs=1e-12)
        plain = sum(factors[name] * float(a[name][i].double().square().sum()) for name in shapes)
        assert float(norms[i]) == pytest.approx(plain, rel=1e-12, abs=1e-12)


def test_products_of_small_floats_are_taken_in_double() -> None:
    # In float32 the squares of these would be zero.
    tiny = {"a": torch.full((N, 4), 1e-30)}
    assert weighted_square_norm(tiny, {"a": 1.0})[0] == pytest.approx(4e-60)
    assert weighted_inner(tiny, tiny, {"a": 1.0})[0, 0] == pytest.approx(4e-60)


def test_passes_hold_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch)
    names = ["0.weight", "2.bias"]
    each = 8 * (4 * 6 + 3)

    def sizes(most: int) -> list[int]:
        monkeypatch.setattr(dense, "DENSE_BYTES", most)
        found = [range(70)[rows] for rows in dense_batches(objective, 70, names)]
        assert [row for rows in found for row in rows] == list(range(70))
        return [len(rows) for rows in found]

    assert sizes(2**26) == [32, 32, 6]
    assert sizes(20 * each + 1) == [20, 20, 20, 10]
    assert sizes(1) == [1] * 70
    assert not list(dense_batches(objective, 70, []))


def test_what_cannot_be_vectorised_is_tried_once() -> None:
    class Counting(nn.Module):
        passes = 0

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            Counting.passes += 1
            return inputs * float(inputs.sum() > 0)

    model, batch = make("linear")
    objective = objective_of(nn.Sequential(*model, Counting()), batch)
    expected = brute_force(objective, batch)
    for passes in (N + 1, N):
        Counting.passes = 0
        found = per_example_gradients(objective, batch)
        assert Counting.passes == passes
        for key in expected:
            torch.testing.assert_close(found[key], expected[key], **CLOSE)
