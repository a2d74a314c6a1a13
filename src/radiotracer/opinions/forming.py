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
from radiotracer.errors import DataError
from radiotracer.opinions.crossfit import best_opinions
from radiotracer.opinions.head import FLOOR, LINEAR, Head, trees
from radiotracer.opinions.network import network
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.opinions import Opinions
from radiotracer.opinions.view import View, view_of
from radiotracer.scale import Runner

FEWEST = 20
"""Examples; of fewer nothing can be learned that would hold for another one."""

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

    def views(self, backbone: Backbone) -> list[View]:
        """What a backbone sees, for the models that can read it; the first for linear ones."""
        noun = f"{self.train.modality.noun}s"
        found = self._features(backbone, self.train, f"{noun} seen")
        shown = None
        if self.validation is not None:
            shown = self._features(backbone, self.validation, f"validation {noun} seen")
        view = view_of(backbone.name, found, shown)
        if backbone.pictures is not None:
            return [self._read(view, backbone.pictures, (network(self.seed),))]
        if backbone.sparse is not None:
            return [self._read(view, backbone.sparse(self.train), view.heads)]
        cells = None if backbone.cells is None else backbone.cells(self.train)
        if cells is None or backbone.cells is None:
            return [view]
        theirs = None if self.validation is None else backbone.cells(self.validation)
        by_trees = dataclasses.replace(
            view,
            points=cells.values,
            validation=None if theirs is None else theirs.values,
            heads=(trees(cells.categories),),
        )
        return [view, by_trees]

    def _read(self, view: View, read: Callable[[Dataset], Any], heads: Sequence[Head]) -> View:
        """The same view, of which models read something else than the features."""
        shown = None if self.validation is None else read(self.validation)
        return dataclasses.replace(view, points=read(self.train), validation=shown, heads=heads)

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
    kind = look.train.modality.name
    if chosen is not None:
        return look.views(backbone_of(chosen, kind))
    best = default_backbone(kind)
    for better in backbones_for(kind):
        if better is best:
            break
        look.note(f"{better.summary} would see more: {better.missing()}")
    seen = [look.views(each) for each in backbones_for(kind) if each is best or each.fits]
    views = [view for several in seen for view in several]
    return views if len(seen) < 2 else [*views, _together([several[0] for several in seen])]


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
