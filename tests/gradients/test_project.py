"""Random projections against gradients that were never projected."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from gradient_helpers import CASES, CLASSES, brute_force, make, objective_of
from pydantic import ValidationError
from torch import Tensor, nn

from radiotracer.gradients import (
    Batch,
    LossTask,
    Objective,
    Plan,
    ProjectionConfig,
    feature_widths,
    project,
    weighted_inner,
)
from radiotracer.gradients.ghost import engine, forms

SEEDS = 400
Z = 5.5
"""Standard errors that a mean over `SEEDS` may be off.

By the normal approximation one comparison fails wrongly with probability 4e-8, and all 700 of them
in `test_projections_are_unbiased` with 3e-5, for another choice of seeds; with these seeds the test
says the same every time.
"""


class Table(nn.Module):
    """A tall and a wide matrix, long vectors, a table with many rows and one with few."""

    def __init__(self) -> None:
        super().__init__()
        self.many = nn.Embedding(60, 5)
        self.few = nn.Embedding(4, 40)
        self.wide = nn.Linear(45, 3)
        self.tall = nn.Linear(3, 70)
        self.norm = nn.LayerNorm(70)
        self.square = nn.Linear(70, 50)
        self.head = nn.Linear(50, CLASSES, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        hidden = torch.cat([self.many(words), self.few(words % 4)], dim=2)
        hidden = self.norm(self.tall(torch.tanh(self.wide(hidden))))
        return self.head(torch.tanh(self.square(hidden)).mean(dim=1))


class Images(nn.Module):
    """Ordinary, depthwise, grouped, dilated and transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 12, 3, padding="same", bias=False),
            nn.Conv2d(12, 12, 3, groups=12),
            nn.Tanh(),
            nn.Conv2d(12, 40, (3, 2), stride=2, groups=2, dilation=(1, 2)),
            nn.Tanh(),
            nn.ConvTranspose2d(40, 3, 3, stride=2, output_padding=1),
        )
        self.head = nn.Linear(3, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.layers(inputs).mean(dim=(2, 3)))


def case(name: str, n: int = 4) -> tuple[Objective, Batch]:
    if name in CASES:
        model, batch = make(name)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, inputs = {
                "tables": lambda: (Table(), torch.randint(0, 60, (n, 6))),
                "images": lambda: (Images(), torch.randn(n, 2, 9, 8)),
            }[name]()
            model.double()
            inputs = inputs.double() if inputs.is_floating_point() else inputs
            batch = Batch(inputs, torch.randint(0, CLASSES, (n,)))
    return objective_of(model, batch), batch


def gradients_of(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    objective.model.requires_grad_(True)
    found = brute_force(objective, batch)
    objective.model.requires_grad_(False)
    return found


def unlike(objective: Objective) -> dict[str, float]:
    """A learning rate for each parameter, none of them 1 and no two alike."""
    return {name: 0.03 * (i + 1) for i, name in enumerate(objective.traced)}


def by_parameter(
    objective: Objective, features: Tensor, projection: ProjectionConfig
) -> dict[str, Tensor]:
    widths = feature_widths(objective, projection)
    return dict(zip(widths, features.split(list(widths.values()), dim=1), strict=True))


@pytest.mark.parametrize("name", [*CASES, "tables", "images"])
def test_with_room_for_all_numbers_products_are_exact(name: str) -> None:
    objective, batch = case(name)
    rates, room = unlike(objective), ProjectionConfig(dimension=10**6)
    features = project(objective, batch, room, rates)
    assert features.dtype == torch.float64
    gradients = gradients_of(objective, batch)
    expected = weighted_inner(gradients, gradients, rates)
    torch.testing.assert_close(features @ features.T, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["tables", "images"])
def test_projections_are_unbiased(name: str) -> None:
    """Each parameter by itself: a scale that depends on the layer's shape would show."""
    objective, batch = case(name)
    rates = unlike(objective)
    exact = {
        parameter: weighted_inner({parameter: found}, {parameter: found}, rates)
        for parameter, found in gradients_of(objective, batch).items()
    }
    drawn: dict[str, list[Tensor]] = {parameter: [] for parameter in exact}
    for seed in range(SEEDS):
        projection = ProjectionConfig(dimension=24, seed=seed)
        features = project(objective, batch, projection, rates)
        for parameter, part in by_parameter(objective, features, projection).items():
            drawn[parameter].append(part @ part.T)
    compressed = 0
    for parameter, truth in exact.items():
        products = torch.stack(drawn[parameter])
        # How much too long or too short all of a parameter's products are, on average.
        scales = (products * truth).sum(dim=(1, 2)) / truth.square().sum()
        for values, expected in ((products, truth), (scales, torch.ones(()))):
            error = values.std(dim=0) / math.sqrt(SEEDS)
            rounding = 1e-9 * truth.abs().max()
            off = (values.mean(dim=0) - expected).abs() / (error + rounding)
            assert off.max() < Z, (parameter, float(off.max()))
        if objective.parameters()[parameter].numel() > 24:
            compressed += 1
            assert 0.01 < scales.std() < 1.5, (parameter, float(scales.std()))
    assert compressed >= 4


@pytest.mark.parametrize("name", ["tables", "images"])
def test_errors_shrink_with_the_dimension(name: str) -> None:
    objective, batch = case(name)
    rates = unlike(objective)
    gradients = gradients_of(objective, batch)
    means = []
    for dimension in (4, 16, 64, 256):
        errors = []
        for seed in range(20):
            projection = ProjectionConfig(dimension=dimension, seed=seed)
            features = project(objective, batch, projection, rates)
            for parameter, part in by_parameter(objective, features, projection).items():
                found = {parameter: gradients[parameter]}
                exact = weighted_inner(found, found, rates)
                errors.append(float((part @ part.T - exact).norm() / exact.norm()))
        means.append(sum(errors) / len(errors))
    assert means == sorted(means, reverse=True)
    assert means[-1] < means[0] / 3


@pytest.mark.parametrize("dimension", [1, 2, 7, 24])
@pytest.mark.parametrize("name", [*CASES, "tables", "images"])
def test_factors_and_written_gradients_give_the_same_features(
    name: str, dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parameter's gradients may come in one form for an example and in another for a query."""
    objective, batch = case(name)
    projection = ProjectionConfig(dimension=dimension, seed=5)
    factored = project(objective, batch, projection, unlike(objective))
    monkeypatch.setattr(forms, "BLOCK", 1)
    in_blocks = project(objective, batch, projection, unlike(objective))
    torch.testing.assert_close(in_blocks, factored, rtol=1e-9, atol=1e-12)
    written = Plan({}, dict.fromkeys(objective.traced, "for the test"))
    monkeypatch.setattr(engine, "plan_for", lambda *_: written)
    dense = project(objective, batch, projection, unlike(objective))
    torch.testing.assert_close(dense, factored, rtol=1e-9, atol=1e-12)
    widths = feature_widths(objective, projection)
    assert list(widths) == list(objective.traced)
    assert all(0 < width <= dimension for width in widths.values())
    assert factored.shape == (len(batch.inputs), sum(widths.values()))


def test_factors_of_another_matrix_than_the_parameter_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule may give outer products of vectors that split the parameter's axes elsewhere."""
    left, right = torch.linspace(-1, 2, 144, dtype=torch.float64).view(2, 4, 3, 6)
    outer = forms.Outer((2, 3, 6), left, right)
    batch = Batch(torch.zeros(4, 1), torch.zeros(4))
    model = nn.Module()
    model.weight = nn.Parameter(torch.zeros(2, 3, 6, dtype=torch.float64))
    objective = Objective(model, LossTask(lambda outputs, _: outputs), ("weight",), None)
    found = []
    for form in (outer, forms.Full((2, 3, 6), outer.full())):

        def walk(_: Objective, __: Batch, consume: Any, form: forms.Form = form) -> None:
            consume("weight", form, slice(0, 4))

        monkeypatch.setattr(sys.modules["radiotracer.gradients.project"], "walk", walk)
        found.append(project(objective, batch, ProjectionConfig(dimension=20), {"weight": 1}))
    torch.testing.assert_close(*found)
    assert found[0].any()


def test_each_side_carries_the_root_of_the_rate() -> None:
    objective, batch = case("tables")
    projection = ProjectionConfig(dimension=24)
    plain = project(objective, batch, projection, dict.fromkeys(objective.traced, 1.0))
    rates = unlike(objective) | {"head.weight": 0.0}
    scaled = by_parameter(objective, project(objective, batch, projection, rates), projection)
    for parameter, part in by_parameter(objective, plain, projection).items():
        torch.testing.assert_close(scaled[parameter], math.sqrt(rates[parameter]) * part)
    assert not scaled["head.weight"].any()


def test_the_same_features_on_every_call_and_in_every_batch() -> None:
    rates = unlike(case("images")[0])
    first, second = (
        project(*case("images"), ProjectionConfig(dimension=24, seed=3), rates) for _ in range(2)
    )
    assert torch.equal(first, second)
    objective, batch = case("images")
    one = project(
        objective,
        Batch(batch.inputs[2:3], batch.targets[2:3]),
        ProjectionConfig(dimension=24, seed=3),
        rates,
    )
    torch.testing.assert_close(one[0], first[2], rtol=1e-9, atol=1e-12)


def test_features_do_not_depend_on_which_other_parameters_are_traced() -> None:
    objective, batch = case("tables")
    rates, projection = unlike(objective), ProjectionConfig(dimension=24, seed=3)
    whole = by_parameter(objective, project(objective, batch, projection, rates), projection)
    for traced in (objective.traced[::-1], objective.traced[2:5]):
        part = replace(objective, traced=traced)
        found = by_parameter(part, project(part, batch, projection, rates), projection)
        assert list(found) == list(traced)
        for parameter, features in found.items():
            torch.testing.assert_close(features, whole[parameter], rtol=1e-9, atol=1e-12)


class Twins(nn.Module):
    """Layers of one shape that always have the same gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(30, 20)
        self.b = nn.Linear(30, 20)
        self.b.load_state_dict(self.a.state_dict())
        self.head = nn.Linear(20, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(torch.tanh(self.a(inputs) + self.b(inputs)))


def test_no_two_parameters_and_no_two_seeds_share_a_projection() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, batch = Twins(), Batch(torch.randn(3, 30), torch.tensor([0, 1, 2]))
    objective = objective_of(model, batch)
    rates = dict.fromkeys(objective.traced, 1.0)
    seen = []
    for seed in (0, 1, 10):
        projection = ProjectionConfig(dimension=16, seed=seed)
        parts = by_parameter(objective, project(objective, batch, projection, rates), projection)
        assert parts["a.weight"].dtype == torch.float32
        seen += [parts["a.weight"], parts["b.weight"], parts["a.bias"], parts["b.bias"]]
    for i, left in enumerate(seen):
        for right in seen[:i]:
            assert not torch.allclose(left, right)


def test_projections_are_the_same_for_ever() -> None:
    """A store outlives releases of what draws random numbers: a hash does not change."""
    model = nn.Linear(20, 30).double()
    batch = Batch(torch.arange(20.0, dtype=torch.float64).unsqueeze(0), torch.tensor([1]))
    slopes = torch.arange(30.0, dtype=torch.float64)
    objective = objective_of(model, batch, loss=lambda outputs, _: outputs @ slopes)
    found = project(
        objective,
        batch,
        ProjectionConfig(dimension=9, seed=7),
        dict.fromkeys(objective.traced, 4.0),
    )
    weight = [-6685.333333, -3488, 4360, 8770.666667, 4576, -5720, 5704, 2976, -3720]
    bias = [-22, -158, 38, 58, -32, 64, -52, -56, 14]
    assert [round(value, 6) for value in found[0].tolist()] == weight + bias


@pytest.mark.parametrize("wrong", [{"dimension": 0}, {"seed": -1}, {"width": 3}])
def test_settings_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ProjectionConfig(**wrong)
