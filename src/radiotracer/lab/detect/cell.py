"""One cell: tamper, train the victim, scan it, and judge every detector."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from radiotracer.detectors import DEFAULT_DETECTOR
from radiotracer.errors import InputError
from radiotracer.lab.detect.config import DetectConfig
from radiotracer.lab.detect.crafting import craft
from radiotracer.lab.detect.ground import Ground, trusted
from radiotracer.lab.detect.result import Cell, DetectorQuality, Place
from radiotracer.lab.predictions import accuracy
from radiotracer.lab.train import train
from radiotracer.recipes import Manifest, success
from radiotracer.scanning import Scan, scan


def run_cell(place: Place, ground: Ground, config: DetectConfig) -> Cell:
    """Do the whole of one cell; the victim's recording is thrown away.

    A recipe that cannot do what it is asked to is a result too: a cell with a `failure`.
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
    queries = trusted(ground.test, config.queries, place.seed, without=tampering.target)
    with tempfile.TemporaryDirectory() as folder:
        run, victim = train(
            tampering.examples,
            ground.training,
            Path(folder) / "run",
            start=ground.start,
        )
        found = scan(
            victim,
            run,
            tampering.examples,
            queries,
            manifest=tampering.manifest,
            # The first one decides, and the others are judged at as many suspects.
            detectors=(DEFAULT_DETECTOR, *config.detectors) if config.detectors else (),
            seed=place.seed,
        )
    finding: dict[str, object] = {
        "tampered": int(tampering.manifest.is_tampered.sum()),
        "accuracy": accuracy(victim, ground.test),
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
    return cell.model_copy(update=finding)


def _quality(found: Scan, name: str, manifest: Manifest, precision: float) -> DetectorQuality:
    judged = found.quality(name)
    assert judged is not None  # noqa: S101  # a recipe changes something, and never everything
    ranked, decided = judged
    truth = manifest.is_tampered
    return DetectorQuality(
        auroc=ranked.auroc,
        auprc=ranked.auprc,
        tpr_at_fpr_01=ranked.tpr_at_fpr_01,
        tpr_at_fpr_001=ranked.tpr_at_fpr_001,
        recall_at_precision=recall_at_precision(found.rankings[name].scores, truth, precision),
        precision=decided.precision,
        recall=decided.recall,
        false_positive_rate=decided.false_positive_rate,
        clean_removed=round(decided.false_positive_rate * int((~truth).sum())),
        seconds=round(found.seconds[name], 3),
    )


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
