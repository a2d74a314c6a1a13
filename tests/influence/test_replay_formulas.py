from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from influence_helpers import CLASSES, QUERIES
from replay_oracle import (
    BATCHES,
    N,
    Watched,
    fresh,
    losses,
    one_by_one,
    tracin,
    watch_training,
)
from replay_oracle import tracin_ideal as ideal_by_hand
from torch import Tensor
from torch.utils.data import TensorDataset

from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.influence import (
    Replayed,
    Tracing,
    tracin_ideal,
    tracin_pairs,
    tracin_sum,
)
from radiotracer.runs import Run

sys.path.append(str(Path(__file__).parents[1] / "gradients"))
from gradient_helpers import left_as_found, lived_in

CLOSE = {"rtol": 1e-9, "atol": 1e-13}
SINGLE = tuple([row] for row in (3, 0, 7, 3, 8, 1, 2))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return watch_training(tmp_path_factory.mktemp("watched") / "run")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    return watch_training(tmp_path_factory.mktemp("single") / "run", SINGLE)


def tracing_of(watched: Watched, **options: Any) -> Tracing:
    return Tracing.of(fresh(), watched.run, watched.train, **options)


@pytest.mark.parametrize("batch_size", [1, 3, 512])
@pytest.mark.parametrize("only", ["", "norm", "head"])
def test_tracin_against_loops(watched: Watched, batch_size: int, only: str) -> None:
    layers = [f"{only}.*"] if only else []
    tracing = tracing_of(watched, batch_size=batch_size, layers=layers)
    expected = tracin(watched, only)
    # Both signs occur, so a wrong sign could not pass; a row that no batch held has no influence.
    assert expected.min() < -1e-4
    assert expected.max() > 1e-4
    assert (expected[9] == 0).all()
    pairs = tracin_pairs(tracing, watched.train, watched.queries)
    total = tracin_sum(tracing, watched.train, watched.queries)
    for found in (pairs, total):
        assert isinstance(found, Replayed)
        assert found.scores.dtype == torch.float64
        assert not found.scores.requires_grad
        assert found.fidelity.exact
        assert found.fidelity.checkpoints == 2
    torch.testing.assert_close(pairs.scores, expected, **CLOSE)
    torch.testing.assert_close(total.scores, expected.sum(dim=1), **CLOSE)


def test_a_data_set_is_the_same_as_its_tensors(watched: Watched) -> None:
    tracing = tracing_of(watched)
    sets = TensorDataset(*watched.train), TensorDataset(*watched.queries)
    for formula in (tracin_pairs, tracin_sum):
        found = formula(tracing, *sets)
        expected = formula(tracing, watched.train, watched.queries)
        assert torch.equal(found.scores, expected.scores)


def test_tracin_ideal_against_loops(single: Watched) -> None:
    found = tracin_ideal(tracing_of(single, batch_size=2), single.train, single.queries)
    assert found.fidelity.exact
    assert found.scores.shape == (N, QUERIES)
    assert found.scores.dtype == torch.float64
    expected = ideal_by_hand(single)
    assert expected.min() < -1e-4
    assert expected.max() > 1e-4
    torch.testing.assert_close(found.scores, expected, **CLOSE)
    # Lemma 3.1 of the source: nothing of the loss change is lost.
    change = losses(single, single.states[0]) - losses(single, single.states[-1])
    torch.testing.assert_close(found.scores.sum(dim=0), change, rtol=0, atol=1e-14)


def test_tracin_ideal_one_at_a_time(watched: Watched) -> None:
    found = tracin_ideal(tracing_of(watched), watched.train, watched.queries, one_at_a_time=True)
    expected, last = one_by_one(watched)
    torch.testing.assert_close(found.scores, expected, **CLOSE)
    assert expected[5].abs().min() > 0
    change = losses(watched, watched.states[0]) - losses(watched, last)
    torch.testing.assert_close(found.scores.sum(dim=0), change, rtol=0, atol=1e-13)
    assert not found.fidelity.exact
    assert str(found.fidelity).startswith("not the recorded training: ")


def test_tracin_ideal_wants_single_examples(watched: Watched, single: Watched) -> None:
    with pytest.raises(InputError) as caught:
        tracin_ideal(tracing_of(watched), watched.train, watched.queries)
    assert str(caught.value) == (
        "expected a run whose steps each learned from one example; got 4 examples at step 1; "
        "pass one_at_a_time=True for another training: the same order, one example per step"
    )
    # Where the batches are single already, it changes the training all the same.
    found = tracin_ideal(tracing_of(single), single.train, single.queries, one_at_a_time=True)
    assert not found.fidelity.exact


def test_tracin_is_tracin_ideal_to_first_order(tmp_path: Path) -> None:
    """Per step the error is of order eta^2: relative to eta it halves when the rates are halved."""
    errors = []
    for factor in (2e-3, 1e-3):
        watched = watch_training(tmp_path / str(factor), passes=1, momentum=0.0, factor=factor)
        tracing = tracing_of(watched)
        ideal = tracin_ideal(tracing, watched.train, watched.queries, one_at_a_time=True)
        exact, _ = one_by_one(watched)
        # Along the path of one example per step, in evaluation mode, as the ideal is.
        first_order = _first_order(watched)
        torch.testing.assert_close(ideal.scores, exact, **CLOSE)
        errors.append((ideal.scores - first_order).norm() / factor)
        assert errors[-1] < 0.02 * first_order.norm() / factor
    assert 1.8 < errors[0] / errors[1] < 2.2


def _first_order(watched: Watched) -> Tensor:
    """TracIn at the initial weights alone, which small rates hardly leave, in evaluation mode."""
    still = Watched(
        watched.model,
        watched.train,
        watched.queries,
        watched.batches,
        watched.rates,
        [watched.states[0]] * len(watched.states),
    )
    return tracin(still)


FORMULAS: dict[str, Any] = {
    "pairs": tracin_pairs,
    "sum": tracin_sum,
    "ideal": lambda *given, **named: tracin_ideal(*given, one_at_a_time=True, **named),
}


def test_a_training_with_dropout_is_reported(tmp_path: Path) -> None:
    watched = watch_training(tmp_path / "run", drop=0.5)
    tracing = Tracing.of(fresh(0.5), watched.run, watched.train)
    for formula in (tracin_pairs, tracin_sum):
        found = formula(tracing, watched.train, watched.queries)
        assert not found.fidelity.exact
        assert "random layers" in str(found.fidelity)
        again = formula(tracing, watched.train, watched.queries)
        assert torch.equal(found.scores, again.scores)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("name", FORMULAS)
def test_everything_is_left_as_found(tmp_path: Path, name: str, enabled: bool) -> None:
    watched = watch_training(tmp_path / "run", drop=0.5, passes=1)
    model = lived_in(fresh(0.5))
    with torch.set_grad_enabled(enabled), left_as_found(model):
        tracing = Tracing.of(model, watched.run, watched.train)
        FORMULAS[name](tracing, watched.train, watched.queries)


@pytest.mark.parametrize("name", FORMULAS)
def test_input_that_cannot_be_used(watched: Watched, name: str) -> None:
    formula, tracing = FORMULAS[name], tracing_of(watched)
    inputs, targets = watched.queries
    spoilt = inputs.clone()
    spoilt[2, 0, 1, 1] = torch.nan
    with pytest.raises(NotFiniteError, match="NaN or infinity in row 2"):
        formula(tracing, watched.train, (spoilt, targets))
    with pytest.raises(DataError, match="expected at least one example; got none"):
        formula(tracing, watched.train, (inputs[:0], targets[:0]))
    with pytest.raises(DataError, match="other data: 1 changed label"):
        labels = watched.train[1].clone()
        labels[0] = (labels[0] + 1) % CLASSES
        formula(tracing, (watched.train[0], labels), watched.queries)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_loss_that_overflows_is_no_score(watched: Watched, name: str) -> None:
    def overflows(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.square().sum(dim=1) * torch.inf

    with pytest.raises(
        NotFiniteError, match=r"the initial weights|step 1 of the replay|the first two"
    ):
        FORMULAS[name](tracing_of(watched, loss=overflows), watched.train, watched.queries)


@pytest.mark.parametrize("name", FORMULAS)
def test_runs_recorded_before_replays(watched: Watched, name: str) -> None:
    info = watched.run.info.model_copy(update={"initial": None})
    old = Tracing.of(fresh(), Run(watched.run.folder, info), watched.train)
    with pytest.raises(RunError, match="got one recorded before they were kept; record the train"):
        FORMULAS[name](old, watched.train, watched.queries)


def test_the_training_is_a_hard_one(watched: Watched) -> None:
    assert [len(rows) for rows in watched.batches] == [4, 4, 2] * 2
    assert len({rate for rates in watched.rates for rate in rates.values()}) == 12
    assert watched.run.steps()["batch"].to_pylist() == [*BATCHES] * 2
