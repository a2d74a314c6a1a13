"""Words of texts, weighted: condensed to vectors, or all of them for models that read so many.

The weights are the usual ones (Sparck Jones 1972), the condensing is latent semantic analysis
(Deerwester et al. 1990): fitted to the training texts, without a look at their labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.backbone import BACKBONES, Backbone, Look
from radiotracer.errors import DataError

if TYPE_CHECKING:
    from radiotracer.data import Dataset

DIMENSIONS = 256
"""Numbers of a vector, at most."""

RARE = 100
"""From so many texts on, words that only one of them has are left out."""

MOST_WORDS = 200_000

READ = 20_000
"""Characters of a text that are read, from its beginning."""

LENGTH = 16.0
"""Of the vector of all words of a text: every view is of this order."""

WORDS = r"(?u)\b\w+\b"


@dataclass(frozen=True)
class _Words:
    """What was found in the training texts.

    Args:
        counts: Scikit-learn's vectorizer, fitted.
        directions: From weighted words to the vectors, shape (words, d); None: all words are kept.
    """

    counts: Any
    directions: NDArray[np.float64] | None

    def __call__(self, data: Dataset, rows: slice) -> NDArray[np.float32]:
        """float32, shape (len, d); a text without any known word is all 0."""
        weighted = self.counts.transform(_read(data.content[rows]))
        if self.directions is None:
            return np.asarray(weighted.toarray(), dtype=np.float32)
        return np.asarray(weighted @ self.directions, dtype=np.float32)

    def every_word(self, data: Dataset) -> Any:
        """All weighted words, a sparse float32 matrix, shape (n, words)."""
        return self.counts.transform(_read(data.content)) * np.float32(LENGTH)


def _read(texts: Sequence[str]) -> list[str]:
    return [text[:READ] for text in texts]


def _every_word(train: Dataset) -> Callable[[Dataset], Any]:
    _, counts = _counted(train)
    return _Words(counts, None).every_word


def _open(train: Dataset) -> Look:
    from sklearn.utils.extmath import randomized_svd

    weighted, counts = _counted(train)
    wanted = min(DIMENSIONS, weighted.shape[0])
    if weighted.shape[1] <= wanted:
        return _Words(counts, None)
    _, _, rows = randomized_svd(weighted, wanted, random_state=0)
    return _Words(counts, np.ascontiguousarray(rows.T))


def _counted(train: Dataset) -> tuple[Any, Any]:
    """The weighted words of the training texts, and what weighs them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    for least in (2, 1) if len(train) >= RARE else (1,):
        counts = TfidfVectorizer(
            sublinear_tf=True,
            dtype=np.float32,
            min_df=least,
            max_features=MOST_WORDS,
            token_pattern=WORDS,
        )
        try:
            return counts.fit_transform(_read(train.content)), counts
        except ValueError:
            continue  # not one word, or none that two texts share
    raise DataError(
        expected="texts with words, for tf-idf",
        came=f"none in {train.source}",
        do="look at the texts, or choose another backbone=",
    )


BACKBONES.register(
    Backbone(
        name="tf-idf",
        summary="TF-IDF of words",
        modalities=frozenset(("texts",)),
        open=_open,
        identify=lambda: f"tf-idf; {DIMENSIONS} dimensions",
        rank=50,
        fits=True,
        sparse=_every_word,
        kept=False,
    )
)
