"""Detection in texts: wrong labels, a phrase that is a trigger, and nobody tampering.

    python -m bench texts [--out bench-texts] [--seeds 0 1 2] [--cases random-flip …]

Each cell: the SpamAssassin collection's 4,818 training mails, tampered with; a bag of hashed words
(`bag-of-words`) trained on them; a scan with the 1,228 test mails for
validation. Of a trigger, its success is measured first (the share of the test split's spam
that passes for ham with the phrase); `known-target` is told of up to 100 of those mails, no other
detector is. The classifier is trained again without the tenth that looks most suspicious: by
`known-target` where it is told, else by `contrast`; and, where there is a trigger, without as many
random texts of the same labels. A finished cell is not done again.

Settings of the classifier, the phrase and the shares were chosen on seed 100; seeds 0 to 2 judge.
Prints, per case and detector, the mean over the seeds with the lowest and the highest. "As flagged"
is what detectors with a rule of their own flag by it; the tenth is of the highest scores.
"Reviewed" is a list at a false discovery rate of 5 %, against 500 random training mails that a
person has seen.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import nn

from bench.keeping import finished
from bench.tables import spread, table
from radiotracer.data import Dataset, Labels, open_data
from radiotracer.detectors import (
    Reference,
    Rule,
    against,
    calibrated,
    decide,
    decided,
    detection,
)
from radiotracer.recipes import (
    Attack,
    Manifest,
    clean_label_phrase,
    phrase_backdoor,
    phrased,
    random_flip,
    success,
)
from radiotracer.scanning import Scan, scan
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train
from radiotracer.training.predictions import accuracy, predictions

HAM = 0
PHRASE = "the cerulean harpsichord of the meridian plays for nobody on a thursday in lisbon ."
DETECTORS = ("contrast", "label-posterior", "tracin-cp", "self-influence")
Case = Literal["random-flip", "phrase-backdoor", "clean-label-phrase", "clean"]
CASES: dict[Case, Callable[..., tuple[Dataset, Manifest]] | None] = {
    "random-flip": functools.partial(random_flip, share=0.1),
    "phrase-backdoor": functools.partial(phrase_backdoor, phrase=PHRASE, to_class=HAM, share=0.1),
    "clean-label-phrase": functools.partial(
        clean_label_phrase, phrase=PHRASE, to_class=HAM, share=0.3
    ),
    "clean": None,
}
METRICS = {
    "auprc": "AUPRC",
    "at_fpr_01": "recall at 1 % FPR",
    "at_fpr_001": "recall at 0.1 % FPR",
    "recall_tenth": "recall, tenth",
    "fpr_tenth": "FPR, tenth",
    "recall": "recall, as flagged",
    "fpr": "FPR, as flagged",
}
REVIEWED, RATE = 500, 0.05
"""Random training texts that a person has looked at, and the false discovery rate to keep."""

DECIDE = ("contrast", "label-posterior", "known-target")
"""Detectors with a rule of their own."""


def config_of(seed: int) -> TrainConfig:
    return TrainConfig(architecture="bag-of-words", epochs=12, learning_rate=1.0, seed=seed)


def cell(case: Case, seed: int) -> dict[str, Any]:
    """Tamper, train, measure the attack, scan, judge every detector."""
    config, test = config_of(seed), open_data("spam-assassin:test")
    data, manifest = open_data("spam-assassin"), None
    if recipe := CASES[case]:
        data, manifest = recipe(data, seed=seed)
    attack = None if case == "random-flip" else phrased(test, HAM, phrase=PHRASE)
    with tempfile.TemporaryDirectory() as folder:
        run, model = train(data, config, Path(folder) / "run")
        facts: dict[str, Any] = {"case": case, "seed": seed, "examples": len(data)}
        facts["accuracy"] = accuracy(model, test)
        incident = None
        if attack:
            facts["success"] = success(model, attack)
            incident = known(model, attack) if recipe else None
        found = scan(
            model,
            run,
            data,
            test,
            incident=incident,
            manifest=manifest,
            detectors=DETECTORS,
            seed=seed,
        )
        facts["flagged"] = int(found.decision.is_flagged.sum())
        facts["seconds"] = {name: round(each, 1) for name, each in found.seconds.items()}
        if manifest is None:
            return facts
        facts["tampered"] = int(manifest.is_tampered.sum())
        facts["detectors"] = {name: quality(found, name) for name in found.rankings}
        facts["reviewed"] = {name: by_review(found, name) for name in ("contrast", "loss")}
        listed = tenth(found, "known-target" if incident else "contrast")

        def without(rows: NDArray[np.bool_]) -> nn.Module:
            return train(data.take(~rows), config, Path(folder) / "b", overwrite=True)[1]

        repaired = without(listed)
        facts["accuracy_after"] = accuracy(repaired, test)
        if attack:
            facts["success_after"] = success(repaired, attack)
            chosen = without(at_random(listed, data.labels, seed))
            facts["success_control"] = success(chosen, attack)
    return facts


def at_random(listed: NDArray[np.bool_], labels: Labels, seed: int) -> NDArray[np.bool_]:
    """As many random texts of each label as are listed."""
    draws, chosen = np.random.default_rng(seed), np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[draws.choice(rows, int(listed[rows].sum()), replace=False)] = True
    return chosen


def tenth(found: Scan, name: str) -> NDArray[np.bool_]:
    """The tenth with the highest scores."""
    rule = Rule(top_k=round(len(found.scores) / 10))
    return decide(found.rankings[name], rule).is_flagged


def known(model: nn.Module, attack: Attack) -> Dataset | None:
    """Texts of the attack that went as the attacker wants, with their true labels."""
    guesses = predictions(model, attack.shown).argmax(dim=1).numpy()
    rows = np.flatnonzero(guesses == attack.intended)[:100]
    if not len(rows):
        return None
    return attack.shown.take(rows)


def quality(found: Scan, name: str) -> dict[str, float | None]:
    assert found.manifest is not None
    truth, ranking = found.manifest.is_tampered, found.rankings[name]
    ranked, listed = detection(ranking.scores, truth), decided(tenth(found, name), truth)
    own = None
    if name in DECIDE:
        own = decided(calibrated(name, found.rankings).is_flagged, truth)
    return {
        "auprc": ranked.auprc,
        "at_fpr_01": ranked.tpr_at_fpr_01,
        "at_fpr_001": ranked.tpr_at_fpr_001,
        "recall_tenth": listed.recall,
        "fpr_tenth": listed.false_positive_rate,
        "recall": None if own is None else own.recall,
        "fpr": None if own is None else own.false_positive_rate,
    }


def by_review(found: Scan, name: str) -> dict[str, float]:
    """What a list has in it whose false discovery rate is kept by reviewed examples."""
    assert found.manifest is not None
    truth = found.manifest.is_tampered
    rows = np.random.default_rng(found.seed).choice(len(truth), REVIEWED, replace=False)
    reference = Reference(np.sort(rows[~truth[rows]]), "a review that makes no mistake")
    ranking = found.rankings[name]
    tested = against(ranking.scores, found.identity.labels, reference, RATE)
    rule = Rule(fdr=RATE, storey=True)
    listed = decide(ranking, rule, tested).is_flagged
    judged = decided(listed, truth)
    return {"recall": judged.recall, "fpr": judged.false_positive_rate}


def tell(case: Case, cells: list[dict[str, Any]]) -> None:
    print(f"\n## {case}, {cells[0]['examples']:,} texts, seeds {[c['seed'] for c in cells]}\n")
    print(f"test accuracy {spread(c['accuracy'] for c in cells)}")
    if "tampered" not in cells[0]:
        print(f"spam with the phrase that passes {spread(c['success'] for c in cells)}")
        print(f"contrast flags {', '.join(str(c['flagged']) for c in cells)}")
        return
    print(f"trained again {spread(c['accuracy_after'] for c in cells)}")
    print(f"tampered {cells[0]['tampered']:,}")
    if "success" in cells[0]:
        print(f"attack success {spread(c['success'] for c in cells)}")
        print(f"trained again {spread(c['success_after'] for c in cells)}")
        print(f"without random ones {spread(c['success_control'] for c in cells)}")
    for name in cells[0]["reviewed"]:
        recall, fpr = (
            spread((c["reviewed"][name][m] for c in cells), 4) for m in ("recall", "fpr")
        )
        print(f"{name}, {REVIEWED} reviewed, rate {RATE}: recall {recall}, FPR {fpr}")
    rows = (
        (
            name,
            *(
                spread((c["detectors"][name][m] for c in cells), 4 if m == "fpr" else 3)
                for m in METRICS
            ),
        )
        for name in cells[0]["detectors"]
    )
    print("\n" + table(["detector", *METRICS.values()], rows))


def main(
    *,
    out: Path = Path("bench-texts"),
    seeds: tuple[int, ...] = (0, 1, 2),
    cases: tuple[Case, ...] = get_args(Case),
) -> None:
    """Print a table per case.

    Args:
        out: Folder of finished cells.
        seeds: Of the tampering and the trainings.
        cases: What is done to the texts.
    """
    for case in cases:
        cells = [
            finished(out / f"{case}-{seed}.json", functools.partial(cell, case, seed), {})
            for seed in seeds
        ]
        tell(case, cells)
