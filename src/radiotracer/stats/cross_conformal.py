"""Conformal p-values of examples that different models judge, none of which saw the example.

K models were each fitted to all folds but one. The score of an example of fold k is one that model
k gives, so it must be ranked among scores of that same model: the reference is scored by every
model.

What holds: of a clean example that is exchangeable with the m reference examples, model k has seen
neither it nor any of them, so that its p-value by itself is valid, P(p <= alpha) <= alpha, and on
average at most a share alpha of all clean examples has p <= alpha. What is not proved: p-values of
one fold depend on each other positively (PRDS, see `conformal.py`), but those of different folds
rank the same reference by different models, so that the procedures of Benjamini and Hochberg or
Simes over all folds rest on models of different folds being alike, which they are, and not on a
theorem. Where instead the ranks of *one* example under all K models are pooled (Vovk 2015), the
worst case is P(p <= alpha) <= 2 alpha, which practice does not come close to (Barber et al. 2021):
nothing is pooled here.

Sources: Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74
(2015); Barber, Candes, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals of
Statistics 49 (2021), arXiv:1905.02928. Differs from both in that the reference is no part of any
fold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiotracer.errors import InputError, NotFiniteError


def cross_conformal_p_values(
    scores: ArrayLike, folds: ArrayLike, reference: ArrayLike
) -> NDArray[np.float64]:
    """``(1 + #{j: reference[k, j] >= score_i}) / (m + 1)`` for each i of fold k, shape (n,).

    Args:
        scores: Of the tested examples, shape (n,), by the model that did not see the example;
            higher = more suspicious.
        folds: Which model that was, integers in [0, K), shape (n,).
        reference: Of m clean examples that no model has seen, by every model, shape (K, m), m at
            least 1.

    Returns:
        float64, shape (n,), in [1 / (m + 1), 1].

    Raises:
        InputError: No reference, or shapes or folds that do not fit.
        NotFiniteError: A score is NaN or infinite.
    """
    given, of = np.asarray(scores, dtype=np.float64), np.asarray(folds)
    known = np.asarray(reference, dtype=np.float64)
    if given.ndim != 1 or of.shape != given.shape or known.ndim != 2 or not known.shape[1]:
        raise InputError(
            expected="scores and folds of shape (n,) and a reference of shape (K, m), m at least 1",
            came=f"shapes {given.shape}, {of.shape} and {known.shape}",
            do="score the reference examples by every model",
        )
    if not np.issubdtype(of.dtype, np.integer) or (
        of.size and not (of.min() >= 0 and of.max() < len(known))
    ):
        raise InputError(
            expected=f"folds that are integers in [0, {len(known)})",
            came=f"{of.dtype} from {of.min() if of.size else 0} to {of.max() if of.size else 0}",
            do="give a row of the reference for every fold",
        )
    if not (np.isfinite(given).all() and np.isfinite(known).all()):
        raise NotFiniteError(
            expected="finite scores", came="NaN or infinity", do="look for scores that overflow"
        )
    found = np.empty(given.shape)
    m = known.shape[1]
    for fold, row in enumerate(known):
        own = of == fold
        if own.any():
            as_high = m - np.searchsorted(np.sort(row), given[own], side="left")
            found[own] = (1.0 + as_high) / (1.0 + m)
    return found
