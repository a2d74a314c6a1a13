"""From a data set to opinions about its labels: which views there are of examples of this kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, issparse

from radiotracer.backbones import (
    Backbone,
    backbone_of,
    backbones_for,
    default_backbone,
    features_of,
    read_features,
    read_probabilities,
)
from radiotracer.backbones.given import Given
from radiotracer.data import Dataset
from radiotracer.data.table import Table
from radiotracer.errors import DataError
from radiotracer.opinions.crossfit import best_opinions
from radiotracer.opinions.head import FLOOR, LINEAR, trees
from radiotracer.opinions.network import network, small
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.opinions import Opinions
from radiotracer.opinions.view import View, view_of
from radiotracer.scale import Runner

FEWEST = 20
"""Examples; of fewer nothing can be learned that would hold for another one."""

FEW_COLUMNS = 100
"""Numbers of a vector up to which boosted trees are tried, too: each may mean something."""

MOST_CATEGORIES = 255
"""Categories of a column that trees tell apart; of more they take the numbers for an order."""

TOO_GOOD = 0.999
"""Agreement of given probabilities with the labels from which on they are not believed."""

Progress = Callable[[str, int, int], None]
Chosen = str | Backbone | Callable[..., object]


def form_opinions(
    train: Dataset,
    validation: Dataset | None = None,
    *,
    backbone: Chosen | None = None,
    features: Given | None = None,
    validation_features: Given | None = None,
    probabilities: Given | None = None,
    seed: int = 0,
    runner: Runner | None = None,
    progress: Progress = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> Opinions:
    """What models that never saw an example say of its label.

    Args:
        train: The n examples.
        validation: Clean examples of the same kind that are not among them.
        backbone: What sees the examples (`radiotracer.backbones.backbone_of`); None is the best one
            that is installed. Of texts TF-IDF is tried beside it.
        features: Features that somebody computed, instead.
        validation_features: The same of the validation examples.
        probabilities: Out-of-sample probabilities that somebody's models gave, instead of both.
        seed: Which example is in which fold.
        runner: Who computes features.
        progress: Told what is done, how much of it, and how much there is.
        note: Told, in words, which backbone is used and why.

    Raises:
        DataError: Too few examples, of one class; what is given is of other data or no such thing.
        InputError: A backbone that does not fit, is missing, or tells no example apart.
        NotFiniteError: NaN or infinity in features or probabilities.
    """
    _require_enough(train)
    if probabilities is not None:
        return _given_opinions(train, probabilities, seed)
    views = (
        _given_view(train, validation, features, validation_features)
        if features is not None
        else _views(Looking(train, validation, seed, runner, progress, note), backbone)
    )
    return best_opinions(
        views,
        train.labels,
        len(train.class_names),
        validation_labels=None
        if views[0].validation is None or validation is None
        else validation.labels,
        seed=seed,
        progress=progress,
    )


def _require_enough(train: Dataset) -> None:
    if len(train) < FEWEST:
        raise DataError(
            expected=f"at least {FEWEST} examples to learn from",
            came=str(len(train)),
            do="check more of them",
        )
    present = np.unique(train.labels)
    if len(present) < 2:
        raise DataError(
            expected=f"examples of at least 2 classes in {train.source}",
            came=f"{len(train):,} of {train.class_names[present[0]]!r} alone",
            do="add another class",
        )


@dataclass(frozen=True)
class Looking:
    """How examples are looked at; see `form_opinions`."""

    train: Dataset
    validation: Dataset | None
    seed: int
    runner: Runner | None
    progress: Progress
    note: Callable[[str], None]

    def view(self, backbone: Backbone) -> View:
        """What a backbone sees, for linear models."""
        noun = f"{self.train.modality.noun}s"
        found = self._features(backbone, self.train, f"{noun} seen")
        shown = None
        if self.validation is not None:
            shown = self._features(backbone, self.validation, f"validation {noun} seen")
        view = view_of(backbone.name, found, shown)
        if backbone.sparse is None:
            return view
        read = backbone.sparse(self.train)
        other = None if self.validation is None else read(self.validation)
        return dataclasses.replace(view, points=read(self.train), validation=other)

    def _features(self, backbone: Backbone, data: Dataset, what: str) -> NDArray[np.float32]:
        def tell(_: str, done: int, of: int) -> None:
            self.progress(f"{what} by {backbone.name}", done, of)

        return features_of(
            data,
            backbone,
            train=self.train,
            runner=self.runner,
            progress=tell,
            note=self.note,
        )


def _views(look: Looking, chosen: Chosen | None) -> list[View]:
    train, validation = look.train, look.validation
    kind = train.modality.name
    if chosen is not None:
        return [look.view(backbone_of(chosen, kind))]
    able = [each for each in backbones_for(kind) if each.missing() is None]
    if kind == "images" and not able:
        look.note(f"no backbone for photographs is installed: {backbones_for(kind)[0].install}")
        return [_pixels(look)]
    best = default_backbone(kind)
    for better in backbones_for(kind):
        if better is best:
            break
        look.note(f"{better.summary} would see more: {better.missing()}")
    views = [look.view(each) for each in backbones_for(kind) if each is best or each.fits]
    if len(views) > 1:
        views.append(_together(views))
    if isinstance(train.content, Table):
        views.append(_columns(train, validation))
    elif kind == "vectors" and train.content.shape[1] <= FEW_COLUMNS:
        shown = None if validation is None else validation.content
        cells = dataclasses.replace(views[0], points=train.content, validation=shown)
        views.append(dataclasses.replace(cells, heads=(trees(),)))
    return views


def _pixels(look: Looking) -> View:
    shown = None if look.validation is None else small(look.validation.content)
    return View("pixels", small(look.train.content), shown, (network(look.seed),))


def _together(views: Sequence[View]) -> View:
    """All of them side by side, each with the same weight."""

    def joined(parts: Sequence[Any]) -> Any:
        if any(part is None for part in parts):
            return None
        if any(issparse(part) for part in parts):
            return hstack([csr_array(part) for part in parts], format="csr")
        return np.concatenate(parts, axis=1)

    return View(
        " and ".join(view.words for view in views),
        joined([view.points for view in views]),
        joined([view.validation for view in views]),
        LINEAR,
        features=joined([view.features for view in views]),
        validation_features=joined([view.validation_features for view in views]),
    )


def _columns(train: Dataset, validation: Dataset | None) -> View:
    """The cells of a table as they are, for trees: numbers of any scale, gaps, categories."""
    table = train.content
    categories = [
        place
        for place, column in enumerate(table.columns)
        if column.categories is not None and len(column.categories) <= MOST_CATEGORIES
    ]
    inputs = train.modality.inputs
    every = slice(0, len(train))
    return View(
        "columns",
        table.values,
        None if validation is None else validation.content.values,
        (trees(categories),),
        features=np.asarray(inputs(table, every), dtype=np.float32),
        validation_features=None
        if validation is None
        else np.asarray(inputs(validation.content, slice(0, len(validation))), dtype=np.float32),
    )


def _given_view(
    train: Dataset, validation: Dataset | None, features: Given, shown: Given | None
) -> list[View]:
    found = read_features(features, train)
    other = None
    if validation is not None and shown is not None:
        other = read_features(shown, validation)
        if other.shape[1] != found.shape[1]:
            raise DataError(
                expected=f"validation features of {found.shape[1]} numbers each",
                came=str(other.shape[1]),
                do="compute both in the same way",
            )
    return [view_of("given features", found, other)]


def _given_opinions(train: Dataset, given: Given, seed: int) -> Opinions:
    chances = read_probabilities(given, train)
    said = np.maximum(np.log(np.maximum(chances, 1e-300)), FLOOR)
    right = int((said.argmax(axis=1) == train.labels).sum())
    if right >= TOO_GOOD * len(train):
        raise DataError(
            expected="out-of-sample probabilities, by models that did not see the example",
            came=f"the given label as the likeliest class of {right:,} of {len(train):,} examples",
            do="predict by cross-validation (scikit-learn: cross_val_predict)",
        )
    noise = fit_noise(said, train.labels, seed)
    return Opinions(
        labels=train.labels,
        outputs=np.maximum(noise.sharpened(said), FLOOR),
        folds=np.zeros(len(train), dtype=np.int64),
        words="given probabilities",
        noise=noise,
    )
