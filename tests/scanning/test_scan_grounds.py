"""What a list rests on is judged at its own rate, by whatever detector it is made."""

from __future__ import annotations

import numpy as np
import pytest

from radiotracer.detectors import OPINION_DETECTOR, Rule
from radiotracer.opinions import Opinions
from radiotracer.opinions.noise import fit_noise
from radiotracer.scanning import Scan, scan, scan_opinions
from tiny_world import World


@pytest.fixture(scope="module")
def unsure(tiny: World) -> Opinions:
    """Models that are right nine times in ten, and say so: enough for loose lists alone."""
    labels, classes = tiny.tampered.labels, len(tiny.tampered.class_names)
    random = np.random.default_rng(0)
    said = np.where(
        random.random(len(labels)) < 0.9, labels, random.integers(0, classes, len(labels))
    )
    outputs = np.full((len(labels), classes), np.log(0.1 / (classes - 1)))
    outputs[np.arange(len(labels)), said] = np.log(0.9)
    return Opinions(
        labels=labels,
        outputs=outputs,
        folds=np.arange(len(labels)) % 3,
        words="a table",
        noise=fit_noise(outputs, labels),
    )


@pytest.mark.parametrize("detector", [OPINION_DETECTOR, "loss"])
def test_grounds_are_those_of_the_rate(tiny: World, unsure: Opinions, detector: str) -> None:
    def found(rate: float) -> Scan:
        return scan_opinions(unsure, tiny.tampered, detectors=[detector], rule=Rule(fdr=rate))

    strict, loose = found(1e-6), found(0.8)
    assert strict.grounds is not None and strict.grounds.rate == 1e-6
    assert strict.decision.inconclusive == strict.grounds.why_not is not None
    assert not strict.decision.is_flagged.any()
    assert loose.grounds is not None and loose.grounds.why_not is None
    if detector == OPINION_DETECTOR:
        assert loose.decision.inconclusive is None


@pytest.mark.parametrize("detector", [None, "loss"])
def test_a_training_without_validation_examples(tiny: World, detector: str | None) -> None:
    """What the network confuses anyway is not known: the ranking stays, and nothing is flagged."""
    names = [] if detector is None else [detector]
    found = scan(tiny.model, tiny.run, tiny.tampered, detectors=names)
    assert found.decision.inconclusive is not None and not found.decision.is_flagged.any()
    assert "pass clean examples" in found.decision.inconclusive
    assert sorted(found.decision.ranks) == list(range(1, len(tiny.tampered) + 1))
    own = scan(tiny.model, tiny.run, tiny.tampered, detectors=names, rule=Rule(top_k=5))
    assert own.decision.inconclusive is None and own.decision.is_flagged.sum() == 5
    with_them = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=names)
    assert with_them.decision.inconclusive is None
