"""A clean reference: which one is compared with which, what is too little, what speaks against."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.detectors import Ranking, Reference, Rule, against, decide, reference_warnings
from radiotracer.errors import InputError

N = 1000
LABELS = np.arange(N) % 2
TAMPERED = np.arange(N) < 80


def scores_of(shift: float = 6.0) -> np.ndarray:
    """Class 1 scores higher by 3, so that a pooled reference and one per class differ."""
    noise = np.random.default_rng(3).standard_normal(N)
    found: np.ndarray = noise + 3.0 * LABELS + shift * TAMPERED
    return found


def reference_of(zeros: int, ones: int) -> Reference:
    honest = np.flatnonzero(~TAMPERED)[::-1]
    rows = [honest[LABELS[honest] == label][:size] for label, size in ((0, zeros), (1, ones))]
    return Reference(np.concatenate(rows), "a test")


def test_classes_are_told_apart_where_each_reference_is_large_enough() -> None:
    """At a rate of 0.2, 20 / 0.2 - 1 = 99 of a class."""
    scores = scores_of()
    apart = against(scores, LABELS, reference_of(99, 99), 0.2)
    pooled = against(scores, LABELS, reference_of(99, 98), 0.2)
    assert apart.by_class and not pooled.by_class
    assert apart.words == "against 198 reference examples, each class by itself: a test"
    assert pooled.words == "against 197 reference examples, all classes together: a test"
    for tested, reference in ((apart, reference_of(99, 99)), (pooled, reference_of(99, 98))):
        assert np.isnan(tested.p_values[reference.rows]).all()
        assert np.isnan(tested.smallest[reference.rows]).all()
        for row in (0, 1, 50, 51):
            own = reference.rows
            if tested.by_class:
                own = own[LABELS[own] == LABELS[row]]
            above = (scores[own] >= scores[row]).sum()
            assert tested.p_values[row] == pytest.approx((1 + above) / (len(own) + 1))
            assert tested.smallest[row] == pytest.approx(1 / (len(own) + 1))
    # Unlike a pooled one, it finds the class that scores low.
    found = [decide(Ranking(scores), Rule(fdr=0.2), t).is_flagged for t in (apart, pooled)]
    low = TAMPERED & (LABELS == 0)
    assert found[0][low].mean() > found[1][low].mean()


@given(seed=st.integers(0, 999))
def test_the_choice_does_not_depend_on_scores(seed: int) -> None:
    scores = np.random.default_rng(seed).standard_normal(N)
    assert against(scores, LABELS, reference_of(99, 99), 0.2).by_class
    assert not against(scores, LABELS, reference_of(99, 98), 0.2).by_class


def test_a_class_without_anything_to_test_needs_no_reference() -> None:
    labels = np.where(np.arange(N) < 900, 0, 1)
    every_one = np.concatenate([np.arange(100, 250), np.flatnonzero(labels == 1)])
    assert against(scores_of(), labels, Reference(every_one, "a test"), 0.2).by_class


def test_suspects_come_first_and_the_reference_last() -> None:
    scores = scores_of()
    reference = reference_of(99, 99)
    scores[reference.rows[0]] = 99.0  # known to be clean, whatever it scores
    for size in (99, 98):
        reference = reference_of(99, size)
        decision = decide(Ranking(scores), Rule(fdr=0.2), against(scores, LABELS, reference, 0.2))
        count = int(decision.is_flagged.sum())
        assert count > 60
        np.testing.assert_array_equal(decision.is_flagged, decision.ranks <= count)
        assert (decision.ranks[reference.rows] > N - len(reference)).all()
        assert (decision.threshold is None) == (size == 99)


def test_storey_finds_more() -> None:
    scores = np.random.default_rng(0).standard_normal(N) + 2.0 * (np.arange(N) < 500)
    reference = Reference(np.arange(800, N), "a test")
    tested = against(scores, LABELS, reference, 0.1)
    plain, storey = (
        decide(Ranking(scores), Rule(fdr=0.1, storey=s), tested) for s in (False, True)
    )
    assert storey.is_flagged.sum() > plain.is_flagged.sum() > 0
    assert not (plain.is_flagged & ~storey.is_flagged).any()
    assert "share of clean examples estimated at" in storey.words


@pytest.mark.parametrize(("size", "rate"), [(18, 0.05), (98, 0.01), (1, 0.4)])
def test_a_reference_that_can_never_flag(size: int, rate: float) -> None:
    with pytest.raises(InputError) as caught:
        against(scores_of(), LABELS, reference_of(size, 0), rate)
    assert str(caught.value) == (
        f"expected at least {round(1 / rate) - 1 if rate != 0.4 else 2} reference examples for a "
        f"false discovery rate of {rate:g}, and many times more where few examples are tampered "
        f"with; got {size} (a test); review more examples, or allow a larger fdr="
    )
    against(scores_of(), LABELS, reference_of(size + 1, 0), rate)


def test_inconclusive_says_how_many_are_needed_and_that_many_do() -> None:
    """80 of 980 tested ones stand out and allow p of 0.05 * 80 / 980 = 1 / 245."""
    scores = np.where(TAMPERED, 9.0, np.random.default_rng(1).random(N))
    scores[reference_of(2, 0).rows] = 1.0  # nothing honest is above the reference
    for size in (20, 100, 400):
        reference = reference_of(size, 0)
        decision = decide(Ranking(scores), Rule(fdr=0.05), against(scores, LABELS, reference, 0.05))
        tested = N - size
        enough = (80 * 0.05 / tested) >= 1 / (size + 1)
        assert decision.is_flagged.sum() == (80 if enough else 0)
        assert (decision.inconclusive is None) == enough
        if decision.inconclusive is not None:
            needed = int(np.ceil(tested / (0.05 * 80))) - 1
            assert decision.inconclusive == (
                f"80 of {tested} tested examples score above the whole reference, where about "
                f"{tested / (size + 1):.0f} clean ones would by chance, and the reference is too "
                f"small to tell: to flag so few at a false discovery rate of 0.05 takes {needed} "
                "reference examples"
            )
    assert enough  # of 400, so that both were seen


def test_nothing_above_the_reference_is_no_suspect_and_conclusive() -> None:
    scores = np.zeros(N)
    tested = against(scores, LABELS, reference_of(50, 50), 0.05)
    decision = decide(Ranking(scores), Rule(fdr=0.05), tested)
    assert not decision.is_flagged.any() and decision.inconclusive is None


def test_one_that_stands_out_may_need_more_than_there_are() -> None:
    scores = np.where(np.arange(N) < 1, 9.0, 0.0)
    tested = against(scores, LABELS, reference_of(50, 50), 0.05)
    reason = decide(Ranking(scores), Rule(fdr=0.05), tested).inconclusive
    assert reason is not None and reason.endswith("takes more than the 1,000 training examples")


def test_a_reference_beside_another_rule() -> None:
    tested = against(scores_of(), LABELS, reference_of(50, 50), 0.05)
    with pytest.raises(InputError, match="fdr= beside a clean reference"):
        decide(Ranking(scores_of()), Rule(top_k=3), tested)


@pytest.mark.parametrize("rows", [[], [1, 1], [-1, 2], [0.5], [[1, 2]]])
def test_rows_that_are_none(rows: list[object]) -> None:
    with pytest.raises(InputError, match=r"the rows of reference examples, each once \(mine\)"):
        Reference(np.array(rows), "mine")


@pytest.mark.parametrize("rows", [np.arange(N), np.array([5, N])])
def test_rows_of_other_data(rows: np.ndarray) -> None:
    with pytest.raises(InputError, match="a part of the 1,000 training examples"):
        against(scores_of(), LABELS, Reference(rows, "mine"), 0.5)


IDS = np.array([f"id{row}" for row in range(N)])


def test_a_tampered_reference_is_noticed() -> None:
    posteriors = np.where(TAMPERED, 0.9, 0.001)
    clean = reference_of(50, 50)
    assert reference_warnings(clean, posteriors, LABELS, IDS, by_class=False) == []
    spoilt = Reference(np.concatenate([clean.rows, [0, 2, 4]]), "a test")
    assert reference_warnings(spoilt, posteriors, LABELS, IDS, by_class=False) == [
        "3 of the 103 reference examples look more likely changed than not (about 2.8 changed ones "
        "are expected among all of them): id0, id2, id4. Review them again: a tampered reference "
        "hides tampered examples."
    ]
    many = Reference(np.concatenate([clean.rows, np.arange(7)]), "a test")
    (text,) = reference_warnings(many, posteriors, LABELS, IDS, by_class=True)
    assert "id0, id1, id2, id3, id4, .... Review" in text and "id5" not in text


def test_a_reference_that_is_no_random_sample_is_noticed_where_it_matters() -> None:
    calm = np.zeros(N)
    (text,) = reference_warnings(reference_of(90, 10), calm, LABELS, IDS, by_class=False)
    assert "no random sample of the training examples" in text and "chi-square p = 1e-15" in text
    assert reference_warnings(reference_of(90, 10), calm, LABELS, IDS, by_class=True) == []
    assert reference_warnings(reference_of(55, 45), calm, LABELS, IDS, by_class=False) == []


def test_random_samples_raise_no_alarm() -> None:
    """2,000 samples at p < 1e-3 each: more than 12 alarms happen by chance once in 10^6 runs."""
    random = np.random.default_rng(8)
    labels = random.integers(0, 10, N)
    alarms = sum(
        bool(
            reference_warnings(
                Reference(random.choice(N, 200, replace=False), "a test"),
                np.zeros(N),
                labels,
                IDS,
                by_class=False,
            )
        )
        for _ in range(2000)
    )
    assert alarms <= 12
