"""Opinions out of fold: models fitted to all folds but one say what they think of that one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiotracer.opinions.folds import folds_of
from radiotracer.opinions.head import FLOOR, LINEAR, Head, Say
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.opinions import Opinions
from radiotracer.opinions.reduced import reduction_of

TRIED = 2
"""Folds on which heads are compared; the winner is fitted to the others, too."""

Progress = Callable[[str, int, int], None]

Task = TypeVar("Task")


@dataclass(frozen=True, eq=False)
class Part:
    """What the model of one fold says of the rows of that fold, log probabilities."""

    rows: NDArray[np.int64]
    said: NDArray[np.float32]
    say: Say


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
    reduction = reduction_of(features)
    reduced = reduction(features)
    told = _Told(count + TRIED * (len(heads) - 1), progress)

    def fit(head: Head, fold: int) -> Part:
        points = features if head.raw else reduced
        rest, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        say = head.fit(points[rest], labels[rest], classes)
        told()
        return Part(own, np.maximum(say(points[own]), FLOOR), say)

    def loss(parts: Sequence[Part]) -> float:
        said = np.concatenate([part.said for part in parts])
        return fit_noise(said, labels[np.concatenate([part.rows for part in parts])], seed).loss

    first = range(min(TRIED, count))
    tasks = [(head, fold) for head in heads for fold in first]
    done = _each(lambda task: fit(*task), tasks)
    tried = [done[at : at + len(first)] for at in range(0, len(done), len(first))]
    best = 0 if len(heads) == 1 else int(np.argmin([loss(parts) for parts in tried]))
    head = heads[best]
    rest = range(len(first), count)
    parts = [*tried[best], *_each(lambda fold: fit(head, fold), rest)]
    outputs = np.empty((len(labels), classes), dtype=np.float32)
    for part in parts:
        outputs[part.rows] = part.said
    shown = None
    if validation is not None:
        given = validation[0] if head.raw else reduction(validation[0])
        shown = np.stack([np.maximum(part.say(given), FLOOR) for part in parts])
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


class _Told:
    """Counts models, from any thread."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.progress = total, progress
        self.done, self.guard = 0, threading.Lock()

    def __call__(self) -> None:
        with self.guard:
            self.done += 1
            self.progress("models fitted out of fold", min(self.done, self.total), self.total)


def _each(fit: Callable[[Task], Part], tasks: Iterable[Task]) -> list[Part]:
    """Each task in a thread of its own, whose algebra then keeps to one core."""
    cores = min(len(os.sched_getaffinity(0)), int(os.environ.get("OMP_NUM_THREADS") or 1 << 10))
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        return list(pool.map(fit, tasks))
