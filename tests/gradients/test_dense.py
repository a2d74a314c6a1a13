from __future__ import annotations

import pytest
import torch
from gradient_helpers import CASES, N, brute_force, make, objective_of
from hypothesis import given, settings
from hypothesis import strategies as st

from radiotracer.gradients import (
    Batch,
    per_example_gradients,
    weighted_inner,
    weighted_square_norm,
)

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
