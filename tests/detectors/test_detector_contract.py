"""What every detector promises, checked on every entry of the registry."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from contract_world import (
    CLASSES,
    FLIPPED,
    NOT_FOR_FLIPS,
    REORDERED,
    N,
    everyone,
    trace,
    world,
)

from radiotracer.detectors import (
    DEFAULT_DETECTOR,
    DETECTORS,
    FALLBACK,
    OPINION_DETECTOR,
    Need,
    Observation,
    Ranking,
    Reference,
    Rule,
    Seen,
    Survey,
    Trace,
    against,
    baseline_names,
    decide,
    detection,
)
from radiotracer.gradients import LastLayerGradients


def test_the_registry() -> None:
    assert all(name == detector.name for name, detector in DETECTORS.items())
    summaries = [detector.summary for detector in DETECTORS.values()]
    assert len(set(summaries)) == len(summaries)
    assert all(text and "\n" not in text and text.isprintable() for text in summaries)
    assert next(iter(DETECTORS)) == DEFAULT_DETECTOR
    assert baseline_names() == ("loss", "margin", "norm", "random")
    assert {name: detector.needs for name, detector in DETECTORS.items()} == {
        "contrast": {Need.COMPARISON, Need.LAYERS, Need.EVERY_CLASS},
        "label-posterior": {Need.CLASSES, Need.COMPARISON},
        "tracin-cp": {Need.VALIDATION, Need.DIRECTION},
        "tracin-last-layer": {Need.VALIDATION, Need.HEAD},
        "self-influence-last-layer": {Need.HEAD},
        "gas": {Need.VALIDATION, Need.UNIT_DIRECTION},
        "self-influence": {Need.NORM},
        "known-target": {Need.LAYERS, Need.EVERY_CLASS, Need.INCIDENT},
        "known-output": {Need.OUTPUT, Need.SAME_LOOK},
        "gas-unknown-target": {Need.CLASSES, Need.VALIDATION, Need.LAYERS, Need.HEAD},
        "deep-knn": {Need.CLASSES, Need.LAYERS, Need.HEAD},
        "spectral-signatures": {Need.CLASSES, Need.LAYERS, Need.HEAD},
        "activation-clustering": {Need.CLASSES, Need.LAYERS, Need.HEAD},
        "confident-learning": {Need.CLASSES, Need.LAYERS, Need.HEAD, Need.CLEANLAB},
        "out-of-fold": {Need.OPINIONS},
        "loss": set(),
        "gradient-norm": {Need.NORM},
        "loss-drop": {Need.CHECKPOINTS},
        "margin": {Need.CLASSES},
        "norm": {Need.HEAD},
        "random": set(),
    }


@pytest.mark.parametrize("name", [FALLBACK, "loss", "margin", "random"])
def test_what_a_scan_falls_back_on_needs_nothing_that_may_lack(name: str) -> None:
    assert DETECTORS[name].needs <= {Need.CLASSES, Need.COMPARISON}


@everyone
def test_higher_is_more_suspicious(name: str) -> None:
    detector = DETECTORS[name]
    scores = detector.rank(trace(detector, np.arange(N))).scores
    assert scores.shape == (N,) and scores.dtype == np.float64 and np.isfinite(scores).all()
    if name not in NOT_FOR_FLIPS:
        assert detection(scores, FLIPPED).auroc > 0.9


@everyone
def test_it_observes_one_row_per_example(name: str) -> None:
    found = DETECTORS[name].observe(world(0)[0])
    assert found.dim() == 2 and found.shape[0] == N
    assert found.shape[1] >= 1 or DETECTORS[name].needs & {Need.LAYERS, Need.OPINIONS}
    assert not found.requires_grad


@everyone
def test_scores_follow_the_examples_when_they_are_reordered(name: str) -> None:
    detector = DETECTORS[name]
    order = np.random.default_rng(0).permutation(N)
    plain, moved = (detector.rank(trace(detector, o)) for o in (np.arange(N), order))
    if name == "random":  # its order belongs to the rows, and must not
        np.testing.assert_array_equal(moved.scores, plain.scores)
        return
    tolerance = REORDERED.get(name, 1e-12)
    assert np.abs(plain.scores - plain.scores.mean()).max() > 2 * tolerance  # or anything passes
    np.testing.assert_allclose(moved.scores, plain.scores[order], rtol=1e-9, atol=tolerance)
    if plain.suggested is not None and moved.suggested is not None:
        np.testing.assert_array_equal(moved.suggested, plain.suggested[order])
    if plain.p_values is not None and moved.p_values is not None:
        np.testing.assert_allclose(moved.p_values, plain.p_values[order], rtol=1e-3)


@everyone
@pytest.mark.parametrize("batches", [2, 7, N])
def test_scores_do_not_depend_on_the_batches(name: str, batches: int) -> None:
    detector = DETECTORS[name]
    whole, split = (detector.rank(trace(detector, np.arange(N), b)) for b in (1, batches))
    np.testing.assert_allclose(split.scores, whole.scores, rtol=1e-6, atol=1e-7)


@everyone
def test_observing_and_ranking_change_nothing(name: str) -> None:
    detector = DETECTORS[name]
    seen, _ = world(0)
    before = copy.deepcopy(seen)
    detector.observe(seen)
    assert torch.equal(seen.outputs, before.outputs) and torch.equal(seen.labels, before.labels)
    assert torch.equal(seen.losses, before.losses)
    assert seen.last_layer is not None and before.last_layer is not None
    assert torch.equal(seen.last_layer.errors, before.last_layer.errors)
    assert torch.equal(seen.last_layer.features, before.last_layer.features)
    given = trace(detector, np.arange(N))
    kept = copy.deepcopy(given)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    first, second = detector.rank(given), detector.rank(given)
    np.testing.assert_array_equal(first.scores, second.scores)
    for field in ("train", "labels", "validation", "validation_labels"):
        np.testing.assert_array_equal(getattr(given, field), getattr(kept, field))
    if given.survey is not None and kept.survey is not None:
        for side, was in zip(sides(given.survey), sides(kept.survey), strict=True):
            assert torch.equal(side.labels, was.labels) and torch.equal(side.outputs, was.outputs)
            assert all(torch.equal(side.layers[layer], was.layers[layer]) for layer in was.layers)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def sides(survey: Survey) -> tuple[Seen, Seen, Seen]:
    assert survey.validation is not None and survey.incident is not None
    return survey.train, survey.validation, survey.incident


@everyone
def test_suggestions_are_what_the_examples_are(name: str) -> None:
    detector = DETECTORS[name]
    given = trace(detector, np.arange(N))
    ranking = detector.rank(given)
    assert isinstance(ranking, Ranking)
    able = (DEFAULT_DETECTOR, FALLBACK, OPINION_DETECTOR)
    assert (ranking.suggested is not None) == (name in able)
    if ranking.suggested is not None:
        assert ranking.suggested.shape == (N,)
        assert ((ranking.suggested >= 0) & (ranking.suggested < CLASSES)).all()
        assert (ranking.suggested[FLIPPED] == (np.arange(N) % CLASSES)[FLIPPED]).all()
        if name != DEFAULT_DETECTOR:  # which other label there was; contrast may find it right
            assert (ranking.suggested != given.labels).all()


@everyone
def test_p_values_follow_the_scores(name: str) -> None:
    detector = DETECTORS[name]
    ranking = detector.rank(trace(detector, np.arange(N)))
    able = ("contrast", "known-target", "known-output", OPINION_DETECTOR)
    assert (ranking.p_values is not None) == (name in able)
    if ranking.p_values is not None:
        assert ranking.p_values.shape == (N,)
        falling = ranking.p_values[np.argsort(-ranking.scores, kind="stable")]
        asked = falling[np.isfinite(falling)]
        assert np.isnan(falling[len(asked) :]).all()
        assert ((asked > 0) & (asked <= 1)).all() and (np.diff(asked) >= 0).all()
    if name == "contrast":
        assert ranking.p_values is not None and np.isfinite(ranking.p_values).all()
        assert ranking.p_values[FLIPPED].max() < np.median(ranking.p_values[~FLIPPED])


@everyone
def test_posteriors_are_probabilities_that_follow_the_scores(name: str) -> None:
    ranking = DETECTORS[name].rank(trace(DETECTORS[name], np.arange(N)))
    assert (ranking.posteriors is not None) == (name in (FALLBACK, OPINION_DETECTOR))
    if ranking.posteriors is not None:
        assert ((ranking.posteriors >= 0) & (ranking.posteriors <= 1)).all()
        assert (np.diff(ranking.posteriors[np.argsort(ranking.scores)]) >= -1e-12).all()
    if name == FALLBACK:
        assert ranking.posteriors is not None
        np.testing.assert_allclose(ranking.posteriors, np.minimum(np.exp(ranking.scores), 1))


@everyone
def test_a_reference_gives_every_detector_a_false_discovery_rate(name: str) -> None:
    """At a rate of a half, so that 80 of the honest examples are enough for 16 flipped ones."""
    detector = DETECTORS[name]
    given = trace(detector, np.arange(N))
    ranking = detector.rank(given)
    drawn = np.random.default_rng(2).choice(np.flatnonzero(~FLIPPED), 80, replace=False)
    reference = Reference(drawn, "a test")
    tested = against(ranking.scores, given.labels, reference, 0.5)
    decision = decide(ranking, Rule(fdr=0.5), tested)
    assert np.isnan(tested.p_values[reference.rows]).all()
    assert not decision.is_flagged[reference.rows].any()
    np.testing.assert_array_equal(decision.is_flagged, decision.ranks <= decision.is_flagged.sum())
    if name not in NOT_FOR_FLIPS:
        assert decision.is_flagged[FLIPPED].mean() > 0.5
        assert decision.is_flagged[~FLIPPED].mean() < 0.2


def test_the_formulas_of_the_baselines() -> None:
    outputs = torch.tensor([[2.0, 1.0, -1.0], [0.0, 3.0, 5.0]])
    labels = torch.tensor([0, 1])
    last = LastLayerGradients(
        errors=torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]),
        features=torch.tensor([[1.0, 2.0], [0.0, 0.0]]),
        weight_rate=0.1,
        bias_rate=0.1,
    )
    seen = Observation(labels, losses=torch.tensor([0.5, 2.0]), outputs=outputs, last_layer=last)
    expected = {"loss": [0.5, 2.0], "margin": [-1.0, 2.0], "norm": [5 * 6**0.5, 2.0]}
    for name, values in expected.items():
        detector = DETECTORS[name]
        sums = 4 * detector.observe(seen).double().numpy()
        given = Trace(sums, labels.numpy(), None, None, classes=3, checkpoints=4, seed=0)
        np.testing.assert_allclose(detector.rank(given).scores, values, rtol=1e-6)


def test_the_largest_fall_of_the_loss() -> None:
    """From 5 over 4, 1 and 3 it fell by 3 at most; from 1 over 2, 3 and 5 never."""
    detector = DETECTORS["loss-drop"]
    labels, losses = torch.zeros(2, dtype=torch.int64), torch.tensor([[5.0, 4, 1, 3], [1, 2, 3, 5]])
    sums = sum(
        detector.observe(
            Observation(labels, losses[:, c], torch.zeros(2, 0), checkpoint=c, checkpoints=4)
        )
        for c in range(4)
    )
    assert isinstance(sums, torch.Tensor)
    given = Trace(sums.numpy(), labels.numpy(), None, None, classes=0, checkpoints=4, seed=0)
    assert detector.rank(given).scores.tolist() == [3.0, -1.0]


def test_random_follows_the_seed_alone() -> None:
    detector = DETECTORS["random"]
    given = trace(detector, np.arange(N))
    other = dataclasses.replace(given, seed=6)
    assert (detector.rank(given).scores != detector.rank(other).scores).any()
    same = dataclasses.replace(given, train=given.train + 1, labels=given.labels[::-1])
    np.testing.assert_array_equal(detector.rank(given).scores, detector.rank(same).scores)
