"""From scores to suspects: tails, ties, budgets, the calibrated default."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.detectors import DETECTORS, Ranking, Rule, Tail, calibrated, decide
from radiotracer.detectors.label_posterior import CALIBRATED_THRESHOLD
from radiotracer.errors import InputError

SCORES = np.array([0.5, -3.0, 2.0, 0.5, -0.1])
values = st.floats(-5, 5) | st.sampled_from([0.0, 1.0, -1.0])
score_lists = st.lists(values, min_size=1, max_size=30).map(np.array)
tails = st.sampled_from(["upper", "lower", "both"])


@pytest.mark.parametrize(
    ("tail", "flagged", "ranks", "words", "threshold"),
    [
        ("upper", [1, 0, 1, 1, 0], [2, 5, 1, 3, 4], "score >= 0.5", 0.5),
        ("lower", [0, 1, 0, 0, 0], [3, 1, 5, 4, 2], "score <= -0.5", None),
        ("both", [1, 1, 1, 1, 0], [3, 1, 2, 4, 5], "score >= 0.5 or score <= -0.5", None),
    ],
)
def test_a_threshold(
    tail: Tail, flagged: list[int], ranks: list[int], words: str, threshold: float | None
) -> None:
    decision = decide(Ranking(SCORES), Rule(threshold=0.5, tail=tail))
    assert decision.is_flagged.tolist() == [bool(each) for each in flagged]
    assert decision.is_flagged.dtype == np.bool_ and decision.ranks.dtype == np.int64
    assert decision.ranks.tolist() == ranks
    assert decision.words == words
    assert decision.threshold == threshold


@pytest.mark.parametrize(
    ("tail", "flagged", "words"),
    [
        ("upper", [1, 0, 1, 0, 0], "the 2 highest scores"),
        ("lower", [0, 1, 0, 0, 1], "the 2 lowest scores"),
        ("both", [0, 1, 1, 0, 0], "the 2 largest absolute scores"),
    ],
)
def test_a_budget(tail: Tail, flagged: list[int], words: str) -> None:
    decision = decide(Ranking(SCORES), Rule(top_k=2, tail=tail))
    assert decision.is_flagged.tolist() == [bool(each) for each in flagged]
    assert (decision.words, decision.threshold) == (words, None)


def test_the_reason_is_told() -> None:
    assert decide(Ranking(SCORES), Rule(top_k=1, because="a reason")).words == (
        "the 1 highest scores (a reason)"
    )


def test_equal_scores_stay_in_the_order_of_the_data() -> None:
    decision = decide(Ranking(np.zeros(6)), Rule(top_k=2))
    assert decision.ranks.tolist() == [1, 2, 3, 4, 5, 6]
    assert decision.is_flagged.tolist() == [True, True, False, False, False, False]


def test_budgets_of_nothing_and_of_too_much() -> None:
    assert not decide(Ranking(SCORES), Rule(top_k=0)).is_flagged.any()
    assert decide(Ranking(SCORES), Rule(top_k=99)).is_flagged.all()


@given(scores=score_lists, tail=tails, top=st.integers(0, 40))
def test_properties_of_a_budget(scores: np.ndarray, tail: Tail, top: int) -> None:
    decision = decide(Ranking(scores), Rule(top_k=top, tail=tail))
    suspicion = {"upper": scores, "lower": -scores, "both": abs(scores)}[tail]
    assert sorted(decision.ranks.tolist()) == list(range(1, len(scores) + 1))
    assert (np.diff(suspicion[np.argsort(decision.ranks)]) <= 0).all()
    assert decision.is_flagged.sum() == min(top, len(scores))
    np.testing.assert_array_equal(decision.is_flagged, decision.ranks <= top)


@given(scores=score_lists, tail=tails, threshold=values, shift=st.floats(0, 3))
def test_properties_of_a_threshold(
    scores: np.ndarray, tail: Tail, threshold: float, shift: float
) -> None:
    decision = decide(Ranking(scores), Rule(threshold=threshold, tail=tail))
    count = int(decision.is_flagged.sum())
    # Suspects are always the first ranks, and a higher threshold never flags more.
    np.testing.assert_array_equal(decision.is_flagged, decision.ranks <= count)
    stricter = decide(Ranking(scores), Rule(threshold=threshold + shift, tail=tail))
    assert not (stricter.is_flagged & ~decision.is_flagged).any()
    mirrored = decide(Ranking(-scores), Rule(threshold=threshold, tail=tail))
    if tail == "both":
        np.testing.assert_array_equal(mirrored.is_flagged, decision.is_flagged)
    else:
        other: Tail = "lower" if tail == "upper" else "upper"
        swapped = decide(Ranking(scores), Rule(threshold=threshold, tail=other))
        np.testing.assert_array_equal(mirrored.is_flagged, swapped.is_flagged)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {},
            "expected one of threshold=, top_k= and fdr=; got none; pass one of them",
        ),
        (
            {"threshold": 1.0, "top_k": 1},
            "expected one of threshold=, top_k= and fdr=; got 2 of them; pass one of them",
        ),
        ({"threshold": float("nan")}, "expected a finite threshold=; got nan; pass a number"),
        ({"threshold": -float("inf")}, "expected a finite threshold=; got -inf; pass a number"),
        (
            {"fdr": 1.0},
            "expected fdr= in (0, 1), a false discovery rate; got 1; pass, say, fdr=0.05",
        ),
        (
            {"top_k": 1, "storey": True},
            "expected fdr= beside storey=; got another rule; leave out storey=",
        ),
        ({"top_k": -1}, "expected top_k= of at least 0; got -1; pass, say, top_k=100"),
    ],
)
def test_rules_that_are_none(options: dict[str, float], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Rule(**options)  # type: ignore[arg-type]
    assert str(caught.value) == text


POSTERIOR = Ranking(np.log([0.9, 0.5, 0.49, 0.1]), threshold=CALIBRATED_THRESHOLD, because="half")
OTHER = Ranking(np.array([0.1, 0.2, 0.3, 0.4]))


def test_the_calibrated_default_without_p_values() -> None:
    decision = calibrated("label-posterior", {"label-posterior": POSTERIOR})
    assert decision.threshold == CALIBRATED_THRESHOLD
    assert decision.is_flagged.tolist() == [True, True, False, False]
    for name in DETECTORS.keys() - {"label-posterior"}:
        decision = calibrated(name, {name: OTHER, "label-posterior": POSTERIOR})
        assert decision.is_flagged.tolist() == [False, False, True, True]
        assert decision.words == "the 2 highest scores (as many as label-posterior flags)"
    innocent = Ranking(np.log([0.1, 0.2]), threshold=CALIBRATED_THRESHOLD)
    found = calibrated("loss", {"loss": OTHER, "label-posterior": innocent})
    assert not found.is_flagged.any() and found.inconclusive is None


@pytest.mark.parametrize("name", ["label-posterior", "loss"])
def test_the_calibrated_default_without_grounds(name: str) -> None:
    groundless = dataclasses.replace(
        POSTERIOR, posteriors=np.exp(POSTERIOR.scores), inconclusive="nothing to compare with"
    )
    rankings = {"loss": OTHER, "label-posterior": groundless}
    for found in (
        calibrated(name, rankings),
        decide(rankings[name], Rule(fdr=0.5), None, groundless),
    ):
        assert found.inconclusive == "nothing to compare with"
        assert not found.is_flagged.any() and found.threshold is None
        assert sorted(found.ranks) == [1, 2, 3, 4]
    # Who says how many takes that upon themselves.
    assert decide(rankings[name], Rule(top_k=2)).is_flagged.sum() == 2


def test_the_calibrated_default_with_p_values() -> None:
    tested = Ranking(np.array([9.0, 8.0, 1.0, 0.0]), p_values=np.array([1e-6, 0.02, 0.5, 1.0]))
    rankings = {"loss": OTHER, "contrast": tested, "label-posterior": POSTERIOR}
    decision = calibrated("contrast", rankings)
    assert decision.words.startswith("false discovery rate at most 5 %")
    assert decision.is_flagged.tolist() == [True, True, False, False]
    assert decision.threshold == 8.0
    # Benjamini and Hochberg: p n / rank, made monotone from the largest.
    assert decision.q_values is not None
    np.testing.assert_allclose(decision.q_values, [4e-6, 0.04, 2 / 3, 1.0])
    budget = calibrated("loss", rankings)
    assert budget.words == "the 2 highest scores (as many as contrast flags)"


def test_a_false_discovery_rate_needs_something_to_estimate_it_by() -> None:
    with pytest.raises(InputError, match="a detector with p-values"):
        decide(OTHER, Rule(fdr=0.05))
    with pytest.raises(InputError, match="clean_reference= for an estimated share"):
        decide(OTHER, Rule(fdr=0.05, storey=True))
    nothing = Ranking(np.zeros(3), p_values=np.ones(3))
    decision = decide(nothing, Rule(fdr=0.05))
    assert not decision.is_flagged.any() and decision.threshold is None
    assert decision.inconclusive is None
    assert decision.words == (
        "false discovery rate at most 5 % "
        "(p-values from validation examples that were not trained on: no guarantee)"
    )


def test_posteriors_estimate_a_false_discovery_rate() -> None:
    """The list grows while the mean of 1 - posterior is at most the rate, dips included."""
    posteriors = np.array([1.0, 0.1, 0.95, 0.9, 0.2, 0.0])
    scores = np.array([6.0, 1.0, 4.0, 5.0, 2.0, 0.0])
    decision = decide(Ranking(scores), Rule(fdr=0.05), None, Ranking(scores, posteriors=posteriors))
    assert decision.is_flagged.tolist() == [True, False, True, True, False, False]
    assert decision.q_values is not None and decision.p_values is None
    # By falling score the means are 0, 0.05, 0.05, 0.2375, 0.37, 0.475.
    np.testing.assert_allclose(decision.q_values, [0, 0.37, 0.05, 0.05, 0.2375, 0.475])
    assert decision.threshold == 4.0
    assert decision.words.endswith("(estimated by the posteriors of label-posterior: no guarantee)")
    dip = Ranking(np.array([3.0, 2.0, 1.0]), posteriors=np.array([0.8, 1, 1]))
    found = decide(dip, Rule(fdr=0.1))
    assert found.is_flagged.all()


@given(scores=score_lists, seed=st.integers(0, 99), rate=st.sampled_from([0.05, 0.3, 0.6]))
def test_the_longest_list_by_brute_force(scores: np.ndarray, seed: int, rate: float) -> None:
    posteriors = np.random.default_rng(seed).random(len(scores))
    order = np.argsort(-scores, kind="stable")
    sizes = [k for k in range(1, len(scores) + 1) if (1 - posteriors[order[:k]]).mean() <= rate]
    decision = decide(Ranking(scores), Rule(fdr=rate), None, Ranking(scores, posteriors=posteriors))
    assert set(np.flatnonzero(decision.is_flagged)) == set(order[: max(sizes, default=0)])
    np.testing.assert_array_equal(decision.is_flagged, decision.ranks <= decision.is_flagged.sum())
