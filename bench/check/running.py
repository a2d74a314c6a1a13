"""From a case and a seed to facts."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from bench.check.cases import Case, spoiled
from bench.check.measuring import Found, measured
from bench.check.pools import PAIRED, Pool, held_out, images, photographs
from bench.check.rivals import by_trees, cleanlab, cleanlab_on, on_features
from radiotracer.backbones import BACKBONES
from radiotracer.data import Dataset, open_data
from radiotracer.errors import InputError
from radiotracer.opinions.crossfit import opinions_of
from radiotracer.opinions.forming import form_opinions
from radiotracer.recipes import random_flip

SHOWN = 1_000
"""Validation examples."""

TEXTS = 1_500
"""Mails that the larger backbone reads."""

FEW = 1_000
"""Rows of a table, at most."""

SHARE = 0.1
"""Of labels of texts and tables that are flipped."""

Points = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]
"""Features, right labels, given labels, and which of these are wrong."""


@dataclass(frozen=True)
class Photographs:
    """Where photographs lie, and which two classes are told apart by themselves."""

    folder: Path | None
    pair: tuple[str, str]

    def required(self) -> Path:
        """The folder."""
        if self.folder is None:
            raise InputError(
                expected="photos=, a folder with train/CLASS/*.jpg and test/CLASS/*.jpg",
                came="none",
                do="pass one, or choose another cell=",
            )
        return self.folder


@functools.cache
def pool_of(name: str, where: Photographs) -> Pool:
    """The pool of this name."""
    if name in ("fashion-mnist", "mnist"):
        return images(name)
    folder = where.required()
    if name == "pair":
        return photographs(folder, where.pair, PAIRED)
    if name == "test":
        return held_out(folder)
    return photographs(folder, each=None) if name == "all" else photographs(folder)


def points_of(case: Case, where: Photographs, seed: int) -> Points:
    """The examples of a case."""
    generator = np.random.default_rng([seed, case.n])
    if case.pool == "thousand":
        return of_a_thousand(pool_of("photographs", where), case.n, generator)
    pool = pool_of(case.pool, where)
    some = pool.some(case.n, generator)
    given = spoiled(some.labels, pool.classes, case, generator)
    return some.features, some.labels, given, given != some.labels


def of_a_thousand(pool: Pool, n: int, generator: np.random.Generator) -> Points:
    """Two photographs of the same kind for each of a thousand made-up labels."""
    some = pool.some(n, generator)
    order = np.argsort(some.labels, kind="stable")
    labels = np.arange(n, dtype=np.int64) // 2
    return some.features[order], labels, labels, np.zeros(n, dtype=bool)


def on_images(case: Case, where: Photographs, seed: int) -> Found:
    """What `check` says of images."""
    points, right, given, wrong = points_of(case, where, seed)
    shown = None
    if case.pool in ("photographs", "all"):
        generator = np.random.default_rng([seed, 1])
        known = pool_of("test", where).some(SHOWN, generator)
        shown = (known.features, known.labels)
    classes = int(right.max()) + 1
    opinions = opinions_of(points, given, classes, words="photographs", validation=shown, seed=seed)
    return measured(opinions, wrong, seed)


def rivals_on_images(case: Case, where: Photographs, seed: int) -> Found:
    """What others say of the same features."""
    points, _, given, wrong = points_of(case, where, seed)
    return dict(on_features(points, given, wrong, seed))


def on_texts(backbone: str | None, seed: int) -> Found:
    """Mails: all of them by one backbone, or fewer by all that are installed."""
    mails = open_data("spam-assassin")
    if backbone is None:
        mails = mails.take(np.sort(np.random.default_rng(0).permutation(len(mails))[:TEXTS]))
    flipped, manifest = random_flip(mails, share=SHARE, seed=seed)
    chosen = None if backbone is None else BACKBONES.get(backbone)
    opinions = form_opinions(flipped, backbone=chosen, seed=seed)
    facts = measured(opinions, manifest.is_tampered, seed)
    assert opinions.features is not None
    facts["rivals"] = cleanlab_on(opinions.features, flipped.labels, manifest.is_tampered, seed)
    return facts


def on_table(rows: Callable[[], Dataset], seed: int) -> Found:
    """A table; cleanlab is given our probabilities, and those of its own models."""
    flipped, manifest = random_flip(rows(), share=SHARE, seed=seed)
    wrong = manifest.is_tampered
    opinions = form_opinions(flipped, seed=seed)
    facts = measured(opinions, wrong, seed)
    sharp = opinions.noise.sharpness
    facts["rivals"] = {
        f"{when}, {method}": value
        for when, said in (("as said", opinions.outputs / sharp), ("sharpened", opinions.outputs))
        for method, value in cleanlab(softmax(said, axis=1), flipped.labels, wrong).items()
    } | by_trees(flipped.content, flipped.labels, wrong, seed)
    return facts


def tables(files: tuple[Path, ...]) -> dict[str, Callable[[], Dataset]]:
    """Tables by name: those that scikit-learn has, a made one, and files of R."""
    from sklearn import datasets

    def given(load: Callable[..., Any]) -> Dataset:
        return vectors(*load(return_X_y=True))

    known = {
        name: functools.partial(given, getattr(datasets, f"load_{name}"))
        for name in ("digits", "wine", "breast_cancer")
    }
    return {
        **known,
        "made": made,
        **{path.stem: functools.partial(of_r, path) for path in files},
    }


def made() -> Dataset:
    """Three classes in twenty columns."""
    from sklearn.datasets import make_classification

    return vectors(*make_classification(FEW, 20, n_informative=10, n_classes=3, random_state=0))


def of_r(path: Path) -> Dataset:
    """A data frame that R saved; the label is its only column of categories."""
    rdata: Any = importlib.import_module("rdata")
    (frame,) = rdata.read_rda(path).values()
    (label,) = frame.select_dtypes("category").columns
    rows = np.sort(np.random.default_rng(0).permutation(len(frame))[:FEW])
    frame = frame.iloc[rows]
    return vectors(frame.drop(columns=label).to_numpy(), frame[label].cat.codes.to_numpy())


def vectors(points: NDArray[Any], labels: NDArray[Any]) -> Dataset:
    """Numbers in memory as a data set."""
    return open_data((points.astype(np.float32), labels.astype(np.int64)))
