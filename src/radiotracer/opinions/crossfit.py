"""Opinions out of fold: models fitted to all folds but one say what they think of that one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiotracer.opinions.folds import folds_of
from radiotracer.opinions.head import FLOOR, LINEAR, Head, Say
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.opinions import Opinions
from radiotracer.opinions.view import View, view_of

TRIED = 2
"""Folds on which heads are compared; the winner is fitted to the others, too."""

Progress = Callable[[str, int, int], None]

Task = tuple[View, Head, int]
"""What to fit to what, without which fold."""


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
    """Opinions on features, by the best of several linear models; see `best_opinions`.

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
    view = view_of(words, features, None if validation is None else validation[0], heads)
    return best_opinions(
        [view],
        labels,
        classes,
        validation_labels=None if validation is None else validation[1],
        seed=seed,
        progress=progress,
    )


def best_opinions(
    views: Sequence[View],
    labels: NDArray[np.int64],
    classes: int,
    *,
    validation_labels: NDArray[np.int64] | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Opinions:
    """What models that never saw an example say of it.

    The view and the kind of model are those under which the labels of two folds that the models
    were not fitted to are likeliest, wrong labels and over-confidence accounted for (`fit_noise`).

    Args:
        views: Of the same n examples.
        labels: int64, shape (n,), in [0, classes).
        classes: C, at least 2.
        validation_labels: Shape (m,), where the views have validation examples.
        seed: Which example is in which fold.
        progress: Told which model is fitted, and of how many.
    """
    began = time.perf_counter()
    folds = folds_of(labels, seed)
    count = int(folds.max()) + 1
    able = [(view, head) for view in views for head in view.heads]
    told = _Told(count + TRIED * (len(able) - 1), progress)

    def fit(task: Task) -> Part:
        view, head, fold = task
        rest, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        say = head.fit(view.points[rest], labels[rest], classes)
        told()
        return Part(own, np.maximum(say(view.points[own]), FLOOR), say)

    def loss(parts: Sequence[Part]) -> float:
        said = np.concatenate([part.said for part in parts])
        return fit_noise(said, labels[np.concatenate([part.rows for part in parts])], seed).loss

    first = range(min(TRIED, count))
    done = _each(fit, [(view, head, fold) for view, head in able for fold in first])
    tried = [done[at : at + len(first)] for at in range(0, len(done), len(first))]
    best = 0 if len(able) == 1 else int(np.argmin([loss(parts) for parts in tried]))
    view, head = able[best]
    rest = [(view, head, fold) for fold in range(len(first), count)]
    parts = [*tried[best], *_each(fit, rest)]
    outputs = np.empty((len(labels), classes), dtype=np.float32)
    for part in parts:
        outputs[part.rows] = part.said
    noise = fit_noise(outputs, labels, seed)
    shown = view.validation
    said = None
    if shown is not None:
        each = np.stack([np.maximum(part.say(shown), FLOOR) for part in parts])
        said = np.maximum(noise.sharpened(each), FLOOR).astype(np.float32)
    return Opinions(
        labels=labels,
        outputs=np.maximum(noise.sharpened(outputs), FLOOR),
        folds=folds,
        words=f"{view.words}; {head.words}, {count} folds",
        noise=noise,
        validation_labels=validation_labels,
        validation=said,
        features=view.features,
        validation_features=view.validation_features,
        reduction=view.reduction,
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
    tasks = list(tasks)
    if any(head.alone for _, head, _ in tasks):
        return [fit(task) for task in tasks]
    cores = min(len(os.sched_getaffinity(0)), int(os.environ.get("OMP_NUM_THREADS") or 1 << 10))
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        return list(pool.map(fit, tasks))
