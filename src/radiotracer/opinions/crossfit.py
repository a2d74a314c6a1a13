"""Opinions out of fold: models fitted to all folds but one say what they think of that one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.folds import folds_of
from radiotracer.opinions.head import FLOOR, LINEAR, Head, Say
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.opinions import Opinions
from radiotracer.opinions.reduced import reduction_of

TRIED = 2
"""Folds on which heads are compared; the winner is fitted to the others, too."""

Progress = Callable[[str, int, int], None]


def opinions_of(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    *,
    words: str,
    validation: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None,
    heads: Sequence[Head] = LINEAR,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Opinions:
    """What models that never saw an example say of it.

    The kind of model is the one of `heads` under which the labels of two folds that it was not
    fitted to are likeliest, wrong labels and over-confidence accounted for (`fit_noise`).

    Args:
        features: Finite, float32, shape (n, d).
        labels: int64, shape (n,), in [0, classes).
        classes: C, at least 2.
        words: What the features are, for people.
        validation: Features, shape (m, d), and labels, shape (m,), of validation examples.
        heads: What may form opinions.
        seed: Which example is in which fold.
        progress: Told which model is fitted, and of how many.
    """
    began = time.perf_counter()
    folds = folds_of(labels, seed)
    count = int(folds.max()) + 1
    reduce = reduction_of(features)
    reduced = reduce(features)
    outputs = np.empty((len(labels), classes), dtype=np.float32)
    total = count + TRIED * (len(heads) - 1)
    done = 0

    def fit(head: Head, fold: int) -> tuple[NDArray[np.int64], NDArray[np.float32], Say]:
        nonlocal done
        points = features if head.raw else reduced
        rest, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        say = head.fit(points[rest], labels[rest], classes)
        done += 1
        progress("models fitted out of fold", min(done, total), total)
        return own, np.maximum(say(points[own]), FLOOR), say

    tried = []
    for head in heads:
        parts = [fit(head, fold) for fold in range(min(TRIED, count))]
        rows = np.concatenate([own for own, _, _ in parts])
        said = np.concatenate([each for _, each, _ in parts])
        tried.append((fit_noise(said, labels[rows], seed).loss, parts))
    best = int(np.argmin([loss for loss, _ in tried]))
    head, parts = heads[best], tried[best][1]
    parts += [fit(head, fold) for fold in range(len(parts), count)]
    for own, said, _ in parts:
        outputs[own] = said
    shown = None
    if validation is not None:
        given = validation[0] if head.raw else reduce(validation[0])
        shown = np.stack([np.maximum(say(given), FLOOR) for _, _, say in parts])
    noise = fit_noise(outputs, labels, seed)
    return Opinions(
        labels=labels,
        outputs=np.maximum(noise.sharpened(outputs), FLOOR),
        folds=folds,
        words=f"{words}; {head.words}, {count} folds",
        noise=noise,
        validation_labels=None if validation is None else validation[1],
        validation=None
        if shown is None
        else np.maximum(noise.sharpened(shown), FLOOR).astype(np.float32),
        features=features,
        validation_features=None if validation is None else validation[0],
        seconds=time.perf_counter() - began,
    )
