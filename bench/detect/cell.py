"""One cell: tamper, train the victim, scan it, and judge every detector."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve
from torch import nn

from bench.detect.config import DetectConfig
from bench.detect.crafting import craft
from bench.detect.ground import Ground, validation
from bench.detect.repair import repair, retrain_by
from bench.detect.result import Cell, DetectorQuality, Place
from radiotracer.data import Dataset
from radiotracer.detectors import DEFAULT_DETECTOR, Ranking, Rule, decide, decided
from radiotracer.errors import DataError, InputError
from radiotracer.recipes import Attack, Manifest, success
from radiotracer.scanning import DEFAULT_DETECTORS, Scan, scan
from radiotracer.training.loop import train
from radiotracer.training.predictions import accuracy, predictions

INCIDENTS = 100
"""Wrong predictions that are known of a trigger, at most."""


def run_cell(place: Place, ground: Ground, config: DetectConfig) -> Cell:
    """Do the whole of one cell; the victim's recording is thrown away.

    Where the attack has worked, the detector that is told of a wrong prediction runs as well; no
    other one learns of it. A recipe that cannot do what it is asked to is a result too: a cell
    with a `failure`.
    """
    cell = Cell(
        data=place.data,
        protocol=place.protocol,
        recipe=place.recipe,
        seed=place.seed,
        examples=len(ground.victim),
        accuracy_clean=accuracy(ground.clean, ground.test),
    )
    try:
        tampering = craft(place.recipe, ground, config, place.seed)
    except InputError as error:
        return cell.model_copy(update={"failure": str(error)})
    attack = tampering.attack
    queries = validation(ground.test, config.queries, place.seed, without=tampering.target)
    with tempfile.TemporaryDirectory() as folder:
        run, victim = train(
            tampering.examples,
            ground.training,
            Path(folder) / "run",
            start=ground.start,
        )
        incident = None if attack is None else _known(victim, attack)
        found = scan(
            victim,
            run,
            tampering.examples,
            queries,
            incident=incident,
            manifest=tampering.manifest,
            # The first one decides, and the others are judged at as many flagged.
            detectors=(DEFAULT_DETECTOR, *(config.detectors or DEFAULT_DETECTORS)),
            seed=place.seed,
        )
    finding: dict[str, object] = {
        "tampered": int(tampering.manifest.is_tampered.sum()),
        "accuracy": accuracy(victim, ground.test),
        "accuracy_train": accuracy(victim, tampering.examples),
        "detectors": {
            name: _quality(found, name, tampering.manifest, config.precision)
            for name in found.rankings
        },
        "left_out": dict(found.left_out),
    }
    if attack is not None:
        finding["attack"] = attack.kind
        finding["attack_success"] = success(victim, attack)
        finding["attack_success_clean"] = success(ground.clean, attack)
    if not config.repair:
        return cell.model_copy(update=finding)
    try:
        finding["repair"] = repair(
            victim,
            tampering.examples,
            tampering.manifest.is_tampered,
            found.decision.is_flagged,
            test=ground.test,
            retrain=retrain_by(ground.training, start=ground.start),
            attack=attack,
            seed=place.seed,
        )
    except DataError as error:
        finding["repair_failure"] = str(error)
    return cell.model_copy(update=finding)


def _known(victim: nn.Module, attack: Attack) -> Dataset | None:
    """Images of the attack that the victim takes for what the attacker wants; None without any."""
    images = attack.shown
    wrong = predictions(victim, images).argmax(dim=1).numpy() == attack.intended
    return images.take(np.flatnonzero(wrong)[:INCIDENTS]) if wrong.any() else None


def _quality(found: Scan, name: str, manifest: Manifest, precision: float) -> DetectorQuality:
    judged = found.quality(name)
    assert judged is not None  # a recipe changes something, and never everything
    ranked, decided = judged
    truth = manifest.is_tampered
    return DetectorQuality(
        auroc=ranked.auroc,
        auprc=ranked.auprc,
        tpr_at_fpr_01=ranked.tpr_at_fpr_01,
        tpr_at_fpr_001=ranked.tpr_at_fpr_001,
        recall_at_tenth=_recall_at(found.rankings[name], truth, 0.1),
        recall_at_fifth=_recall_at(found.rankings[name], truth, 0.2),
        recall_at_precision=recall_at_precision(found.rankings[name].scores, truth, precision),
        precision=decided.precision,
        recall=decided.recall,
        false_positive_rate=decided.false_positive_rate,
        clean_removed=round(decided.false_positive_rate * int((~truth).sum())),
        seconds=round(found.seconds[name], 3),
    )


def _recall_at(ranking: Ranking, tampered: NDArray[np.bool_], share: float) -> float:
    """Recall of a list of a share of the examples, those with the highest scores."""
    listed = decide(ranking, Rule(top_k=round(share * len(tampered)))).is_flagged
    return decided(listed, tampered).recall


def recall_at_precision(
    scores: NDArray[np.float64], tampered: NDArray[np.bool_], precision: float
) -> float:
    """Largest recall of a list of the highest scores whose precision is at least `precision`.

    Args:
        scores: Higher is more suspicious, shape (n,).
        tampered: The truth, shape (n,), true somewhere.
        precision: In (0, 1].

    Returns:
        In [0, 1]; 0 where no list is that precise.
    """
    precisions, recalls, _ = precision_recall_curve(tampered, scores)
    return float(recalls[precisions >= precision].max())
