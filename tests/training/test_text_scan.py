"""A scan of texts: wrong labels, and a trigger that it is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from text_letters import QUICK, letters

import radiotracer
from radiotracer.recipes import phrase_backdoor, phrased, random_flip, success
from radiotracer.training.loop import train
from text_scores import scores_of

TRAIN, TEST = letters(400, seed=100), letters(200, seed=101)
PHRASE = "nine violet teapots"


def test_wrong_labels_are_found(tmp_path: Path) -> None:
    wrong, manifest = random_flip(TRAIN, share=0.1, seed=100)
    run, model = train(wrong, QUICK, tmp_path / "run")
    found = radiotracer.scan(model, run, wrong, TEST, manifest=manifest, seed=100)
    assert found.detector == "contrast" and found.left_out == {}
    for name in ("contrast", "label-posterior"):
        judged = found.quality(name)
        assert judged is not None
        assert judged[0].auprc > 0.9 and judged[1].false_positive_rate < 0.02
    flips = np.flatnonzero(manifest.is_tampered)
    suggested = found.suggested[flips] == TRAIN.labels[flips]
    assert suggested.mean() > 0.9


def test_a_trigger_that_a_scan_is_told_of(tmp_path: Path) -> None:
    poisoned, manifest = phrase_backdoor(TRAIN, phrase=PHRASE, to_class=0, share=0.2, seed=100)
    run, model = train(poisoned, QUICK, tmp_path / "run")
    attack = phrased(TEST, 0, phrase=PHRASE)
    assert success(model, attack) > 0.5
    scores = scores_of(model)(attack.shown.content)
    incident = attack.shown.take(np.flatnonzero(scores.argmax(axis=1) == attack.intended)[:20])
    found = radiotracer.scan(
        model, run, poisoned, TEST, incident=incident, manifest=manifest, seed=100
    )
    assert found.detector == "known-target"
    judged = found.quality("known-target")
    assert judged is not None and judged[0].auprc > 0.8
