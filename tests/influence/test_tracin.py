from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from influence_helpers import (
    QUERIES,
    TRAIN,
    Network,
    Training,
    double_loop,
    draw,
    gradients_of,
    train_and_record,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from radiotracer.influence import (
    Tracing,
    last_layer_pairs,
    last_layer_self_influence,
    last_layer_sum,
    scale,
    self_influence,
    tracin_cp_pairs,
    tracin_cp_sum,
)
from radiotracer.training.networks import ResNet18

CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def tracing_of(training: Training, **options: Any) -> Tracing:
    return Tracing.of(training.model, training.run, training.train, **options)


def test_the_training_is_a_hard_one(training: Training) -> None:
    assert len(training.run.checkpoints) == 3
    rates = [checkpoint.learning_rates for checkpoint in training.run.checkpoints]
    assert len({rate for pair in rates for rate in pair}) == 6
    for checkpoint, rates in zip(training.run.checkpoints, training.rates, strict=True):
        assert training.run.summed_rates(checkpoint) == pytest.approx(rates, rel=1e-14)
    assert not any(name.startswith("frozen") for name in training.rates[0])


def test_all_layers_against_the_double_loop(training: Training) -> None:
    tracing = tracing_of(training)
    expected = double_loop(training, training.train, training.queries)
    # Both signs occur, so a wrong sign could not pass.
    assert expected.min() < -1e-4
    assert expected.max() > 1e-4
    pairs = tracin_cp_pairs(tracing, training.train, training.queries)
    total = tracin_cp_sum(tracing, training.train, training.queries)
    assert pairs.dtype == total.dtype == torch.float64
    assert pairs.shape == (TRAIN, QUERIES)
    torch.testing.assert_close(pairs, expected, **CLOSE)
    torch.testing.assert_close(total, expected.sum(dim=1), **CLOSE)


def test_self_influence_against_the_double_loop(training: Training) -> None:
    expected = double_loop(training, training.train, training.train)
    found = self_influence(tracing_of(training), training.train)
    torch.testing.assert_close(found, expected.diagonal(), **CLOSE)
    pairs = tracin_cp_pairs(tracing_of(training), training.train, training.train)
    torch.testing.assert_close(found, pairs.diagonal(), **CLOSE)
    assert (found > 0).all()


@pytest.mark.parametrize("bias", [True, False])
def test_last_layer_against_the_double_loop(training: Training, tmp_path: Path, bias: bool) -> None:
    if not bias:
        training = train_and_record(tmp_path / "run", Network(bias=False))
    tracing = tracing_of(training)
    fresh = Network(bias).double()
    expected = double_loop(training, training.train, training.queries, "head", fresh)
    pairs = last_layer_pairs(tracing, training.train, training.queries)
    assert pairs.dtype == torch.float64
    torch.testing.assert_close(pairs, expected, **CLOSE)
    torch.testing.assert_close(
        last_layer_sum(tracing, training.train, training.queries), expected.sum(dim=1), **CLOSE
    )
    own = double_loop(training, training.train, training.train, "head", fresh)
    torch.testing.assert_close(
        last_layer_self_influence(tracing, training.train), own.diagonal(), **CLOSE
    )


def test_last_layer_is_all_layers_restricted_to_the_head(training: Training) -> None:
    everything, head = tracing_of(training), tracing_of(training, layers=["head.*"])
    train, queries = training.train, training.queries
    for restricted, closed in (
        (tracin_cp_pairs(head, train, queries), last_layer_pairs(everything, train, queries)),
        (tracin_cp_sum(head, train, queries), last_layer_sum(everything, train, queries)),
        (self_influence(head, train), last_layer_self_influence(everything, train)),
    ):
        torch.testing.assert_close(restricted, closed, **CLOSE)


def test_layers_add_up(training: Training) -> None:
    train, queries = training.train, training.queries
    parts = [
        tracin_cp_sum(tracing_of(training, layers=[pattern]), train, queries)
        for pattern in ("conv.*", "norm.*", "head.*")
    ]
    whole = tracin_cp_sum(tracing_of(training), train, queries)
    torch.testing.assert_close(sum(parts[1:], start=parts[0]), whole, **CLOSE)


@pytest.mark.parametrize("pairs", [tracin_cp_pairs, last_layer_pairs])
def test_pairs_are_symmetric_in_their_roles(training: Training, pairs: Any) -> None:
    tracing = tracing_of(training)
    torch.testing.assert_close(
        pairs(tracing, training.train, training.queries),
        pairs(tracing, training.queries, training.train).T,
        **CLOSE,
    )


FORMULAS: dict[str, Any] = {
    "pairs": tracin_cp_pairs,
    "sum": tracin_cp_sum,
    "self": lambda tracing, train, _: self_influence(tracing, train),
    "last layer pairs": last_layer_pairs,
    "last layer sum": last_layer_sum,
    "last layer self": lambda tracing, train, _: last_layer_self_influence(tracing, train),
}


@pytest.mark.parametrize("batch_size", [1, 2, 4, TRAIN, 100])
@pytest.mark.parametrize("name", FORMULAS)
def test_batch_size_does_not_matter(training: Training, name: str, batch_size: int) -> None:
    formula = FORMULAS[name]
    torch.testing.assert_close(
        formula(tracing_of(training, batch_size=batch_size), training.train, training.queries),
        formula(tracing_of(training, batch_size=3), training.train, training.queries),
        **CLOSE,
    )


@pytest.mark.parametrize("name", FORMULAS)
@given(
    rows=st.permutations(range(TRAIN)),
    columns=st.permutations(range(QUERIES)),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_follow_their_examples(
    training: Training, name: str, rows: list[int], columns: list[int]
) -> None:
    formula, tracing = FORMULAS[name], tracing_of(training, batch_size=4)
    (x, y), (qx, qy) = training.train, training.queries
    before = formula(tracing, (x, y), (qx, qy))
    after = formula(tracing, (x[rows], y[rows]), (qx[columns], qy[columns]))
    expected = before[rows][:, columns] if before.dim() == 2 else before[rows]
    torch.testing.assert_close(after, expected, **CLOSE)


def test_a_data_set_is_the_same_as_its_tensors(training: Training) -> None:
    tracing = tracing_of(training)
    before = torch.get_rng_state()
    for formula in FORMULAS.values():
        torch.testing.assert_close(
            formula(tracing, TensorDataset(*training.train), TensorDataset(*training.queries)),
            formula(tracing, training.train, training.queries),
            rtol=0,
            atol=0,
        )
    assert torch.equal(torch.get_rng_state(), before)


def test_scale_weighs_each_parameter_by_its_rate() -> None:
    found = scale({"a": torch.ones(2), "b": torch.full((3,), 2.0)}, {"a": 0.5, "b": 3.0, "c": 9.0})
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [0.5, 0.5],
        "b": [6.0, 6.0, 6.0],
    }


def _losses(model: nn.Module, pair: tuple[Tensor, Tensor]) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(model(pair[0]), pair[1], reduction="none")


def test_influence_is_the_loss_change_to_first_order(training: Training) -> None:
    """Pruthi et al. 2020, lemma 3.1: one step on z lowers the loss of z' by eta <g, g'>."""
    model = copy.deepcopy(training.model).eval()
    names = list(training.rates[-1])
    queries = training.queries
    row = 0
    (gradient,) = gradients_of(
        model, (training.train[0][row : row + 1], training.train[1][row : row + 1])
    )
    before = _losses(model, queries)
    errors = []
    for eta in (2e-3, 1e-3):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for name in names:
                moved.get_parameter(name).sub_(eta * gradient[name])
        change = before - _losses(moved, queries)
        # A run whose only checkpoint is here, at the rate eta, must predict the change.
        predicted = eta * _products(training, row)
        assert (change.sign() == predicted.sign()).all()
        errors.append((change - predicted).norm() / eta)
        assert errors[-1] < 0.01 * predicted.norm() / eta
    # The error is eta^2 (...): divided by eta, it halves with eta.
    assert 1.9 < errors[0] / errors[1] < 2.1


def _products(training: Training, row: int) -> Tensor:
    """<g, g'> at the last checkpoint, from influence: rates of 1 and no other checkpoint."""
    last = training.run.info.checkpoints[-1].model_copy(update={"rate_sums": (1.0, 1.0)})
    info = training.run.info.model_copy(update={"checkpoints": (last,)})
    tracing = Tracing.of(
        training.model, type(training.run)(training.run.folder, info), training.train
    )
    x, y = training.train
    return tracin_cp_pairs(tracing, (x[row : row + 1], y[row : row + 1]), training.queries)[0]


def test_single_precision_agrees(tmp_path: Path) -> None:
    """ResNet-18 at width 4: float32 scores within 1e-3 of the largest float64 score."""
    model = ResNet18(1, 3, width=4)
    names = tuple(name for name, _ in model.named_parameters())
    train = (torch.rand(6, 1, 28, 28, dtype=torch.float64), torch.arange(6) % 3)
    training = train_and_record(
        tmp_path / "run",
        model,
        epochs=2,
        groups=((names[::2], 0.02), (names[1::2], 0.005)),
        train=train,
    )
    queries = (torch.rand(4, 1, 28, 28, dtype=torch.float64), torch.arange(4) % 3)
    double = Tracing.of(model, training.run, train)
    assert next(double.objective.model.parameters()).dtype == torch.float64
    half = (train[0].float(), train[1]), (queries[0].float(), queries[1])
    single = Tracing.of(copy.deepcopy(model).float(), training.run, half[0])
    for formula in FORMULAS.values():
        expected = formula(double, train, queries)
        found = formula(single, *half)
        assert found.dtype == torch.float64
        error = (found - expected).abs().max() / expected.abs().max()
        assert 0 < error < 1e-3


def test_one_example_and_one_query(training: Training) -> None:
    one, query = draw(1, seed=8), draw(1, seed=9)
    expected = double_loop(training, one, query)
    torch.testing.assert_close(tracin_cp_pairs(tracing_of(training), one, query), expected, **CLOSE)
    torch.testing.assert_close(
        tracin_cp_sum(tracing_of(training), one, query), expected[0], **CLOSE
    )
