"""Realistic findings to test with, and to look at: `python report_sample.py OUT.html [MNIST]`.

With a folder of unpacked IDX files the images are real; without, they are drawn here. Scores come
from a model of what detectors give, not from a training.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from radiotracer import present as report

NAMES = tuple("0123456789")


def drawn_digits(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images that need no data: a block per class in a noisy field."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    images = rng.integers(0, 40, (count, 28, 28, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[2 + 8 * row : 9 + 8 * row, 1 + 7 * column : 7 + 7 * column] = 230
    return images, labels


def mnist(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The training images, from unpacked IDX files."""
    images = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return images.reshape(-1, 28, 28, 1), labels.astype(np.int64)


def findings(
    images: NDArray[np.uint8],
    truth: NDArray[np.int64],
    *,
    manifest: bool = True,
    queries: bool = True,
    shown: int = 40,
    seed: int = 0,
) -> report.Findings:
    """A scan of `images` of which a tenth was tampered with: half at random, half 3 -> 9."""
    rng = np.random.default_rng(seed)
    n = len(images)
    given = truth.copy()
    random = rng.choice(n, n // 20, replace=False)
    given[random] = (truth[random] + rng.integers(1, 10, len(random))) % 10
    threes = np.flatnonzero(truth == 3)
    given[threes[: len(threes) // 2]] = 9
    tampered = given != truth
    scores = np.exp(rng.normal(-3.2, 1.5, n))
    scores[tampered] = np.exp(rng.normal(2.6, 0.75, int(tampered.sum())))
    threshold = 2.31
    flagged = scores >= threshold
    suggested = np.where(tampered & (rng.random(n) < 0.96), truth, (given + 1) % 10)
    ranking = np.argsort(-scores, kind="stable")

    def example(index: int, rank: int) -> report.Example:
        near = np.flatnonzero(truth == truth[index])[:5] if queries else []
        return report.Example(
            rank=rank,
            id=f"train/{index:05d}",
            thumbnail=report.picture_uri(images[index]),
            label=NAMES[given[index]],
            suggested_label=NAMES[suggested[index]],
            score=float(scores[index]),
            is_flagged=bool(flagged[index]),
            is_tampered=bool(tampered[index]) if manifest else None,
            original_label=NAMES[truth[index]] if manifest and tampered[index] else None,
            opponents=tuple(
                report.Opponent(
                    id=f"test/{j:05d}",
                    thumbnail=report.picture_uri(images[j]),
                    label=NAMES[truth[j]],
                    influence=-float(rng.random()) * 0.4,
                )
                for j in near
            ),
        )

    ranks = {int(index): rank for rank, index in enumerate(ranking, start=1)}
    wrong = [int(i) for i in ranking if flagged[i] and not tampered[i]][:15] if manifest else []
    kinds = [
        ("self-influence", "Last-layer self-influence, summed over the checkpoints", 41.2, 0.0),
        ("gas", "Opponents of every class direction, over the gradient's norm", 187.0, 2.6),
        ("tracin-cp", "Influence summed over the queries, opponents first", 175.3, 5.5),
        ("loss", "Loss, summed over the checkpoints", 12.8, 0.6),
        ("margin", "Smallest gap to the best other class", 12.9, 1.5),
        ("gradient-norm", "Length of the last-layer gradient", 20.4, 2.0),
        ("random", "A random order", 0.1, 99.0),
    ]
    rows, curves = [], []
    for place, (name, description, seconds, noise) in enumerate(kinds):
        noisy = np.log(scores) + rng.normal(0.0, noise, n) if noise else np.log(scores)
        metrics: dict[str, float] = {}
        if manifest:
            precision, recall, _ = precision_recall_curve(tampered, noisy)
            curves.append(report.precision_recall_curve(name, recall, precision))
            false_rate, true_rate, _ = roc_curve(tampered, noisy)
            chosen = noisy >= np.log(threshold)
            metrics = {
                "auroc": float(roc_auc_score(tampered, noisy)),
                "auprc": float(average_precision_score(tampered, noisy)),
                "tpr_at_fpr_0_01": float(np.interp(0.01, false_rate, true_rate)),
                "tpr_at_fpr_0_001": float(np.interp(0.001, false_rate, true_rate)),
                "precision": float(tampered[chosen].mean()),
                "recall": float(chosen[tampered].mean()),
                "false_positive_rate": float(chosen[~tampered].mean()),
            }
        rows.append(
            report.DetectorRow(
                name=name,
                description=description,
                seconds=seconds,
                is_default=place == 0,
                is_baseline=place > 2,
                **metrics,
            )
        )
    return report.Findings(
        title="Scan of mnist, tampered by label-flip",
        dataset=report.Dataset(name="mnist", examples=n, class_names=NAMES),
        validation=report.Validation(count=1000, source="mnist/test") if queries else None,
        tampered=int(tampered.sum()) if manifest else None,
        decision=report.Decision(
            detector="self-influence",
            rule="score ≥ 2.31 (two-component mixture of the log scores)",
            threshold=threshold,
            flagged=int(flagged.sum()),
        ),
        detectors=tuple(rows),
        flagged=tuple(example(int(i), ranks[int(i)]) for i in ranking[:shown]),
        false_positives=tuple(example(i, ranks[i]) for i in wrong),
        label_flow=report.label_flow(
            (NAMES[a], NAMES[b]) for a, b in zip(given[flagged], suggested[flagged], strict=True)
        ),
        distribution=report.score_distribution(
            scores,
            axis_title="self-influence: learning rate × squared gradient norm, summed",
            threshold=threshold,
            is_flagged=flagged,
            is_tampered=tampered if manifest else None,
        ),
        curves=tuple(curves),
        provenance=(
            ("command", "radiotracer scan runs/mnist-flip --queries mnist/test --out scan"),
            ("version", "radiotracer 0.1.0, torch 2.13.0, Python 3.11.7"),
            ("seed", "0"),
            ("run folder", "runs/mnist-flip"),
            ("model", "resnet18 at quarter width, 0.7 M parameters"),
            ("checkpoints", "4 of 4: epochs 1, 2, 3, 4"),
            ("learning rates", "0.1, 0.1, 0.05, 0.01"),
            ("data SHA-256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ),
        notes=(
            "2 files could not be read and were left out: broken/0001.png, broken/0002.png.",
            "The detector 'gas-full' was left out: no rule for the layer 'head.attention'.",
        ),
    )


if __name__ == "__main__":
    data = mnist(Path(sys.argv[2])) if len(sys.argv) > 2 else drawn_digits(3000)
    Path(sys.argv[1]).write_text(report.render(findings(*data)), encoding="utf-8")
