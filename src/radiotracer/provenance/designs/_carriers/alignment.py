"""One feature space in terms of another: what a linear classifier in the one is in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from radiotracer.errors import DataError, NotFiniteError

Reals = NDArray[np.float64]

SAME = 1e-4
"""Features are the same when they differ by at most this share of the largest one. Other batch
sizes, threads or processors change float32 features by about 1e-6, one step of training by more."""

RCOND = 1e-6
"""Singular values below this share of the largest count as 0: float32 features are noise there."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Suspect features, as well as extractor features say them: ``f ~ e @ matrix + constant``.

    Args:
        matrix: Shape (d, s), from d extractor features to s suspect features.
        frozen: Whether the suspect's features are the extractor's own; then the matrix is the
            identity and nothing was fitted.
        examples: How many images it stands on.
        rank: Directions of extractor features that vary over the images; d at most.
        residual: What is not explained: ``||F - fitted|| / ||F - mean||`` (Frobenius), 0 to 1.
        r_squared: The explained share of each suspect feature's variance, shape (s,), 0 to 1; NaN
            for a feature that never varies.
    """

    matrix: Reals
    frozen: bool
    examples: int
    rank: int
    residual: float
    r_squared: Reals

    def rows(self, weights: Reals) -> Reals:
        """Classifier rows over suspect features (classes, s) as rows over extractor's (classes, d).

        ``w . f ~ w . (e @ matrix) = (matrix @ w) . e``: the same logits, but for a constant and the
        residual.
        """
        return np.asarray(weights @ self.matrix.T)

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """First quartile, median and third quartile of `r_squared` where it is defined."""
        low, middle, high = np.nanquantile(self.r_squared, (0.25, 0.5, 0.75))
        return float(low), float(middle), float(high)


def align(suspect: Reals, extractor: Reals) -> Alignment:
    """Fit the suspect's features by the extractor's, by least squares with a constant.

    The images should be held out and unmarked. Whatever they are, the fit knows nothing of the
    carriers, so a test of the rows stays exact; a poor fit costs power only.

    Source: Sablayrolles et al. 2020, "Radioactive data", the section on the alignment of two
    networks' features. Differs from it: centred, so that a constant does not have to be said by
    directions that carry a mark; float64, with a stated tolerance for the rank, because networks
    with rectifiers have features that never vary; and left out where the features are the same.

    Args:
        suspect: Shape (n, s).
        extractor: Of the same n images, shape (n, d), n above d.

    Raises:
        DataError: Shapes that do not fit, too few images, or features that do not vary.
        NotFiniteError: A feature is NaN or infinite.
    """
    _require_pairs(suspect, extractor)
    examples, dimensions = extractor.shape
    if suspect.shape == extractor.shape and bool(
        np.abs(suspect - extractor).max() <= SAME * np.abs(extractor).max()
    ):
        return Alignment(
            matrix=np.eye(dimensions),
            frozen=True,
            examples=examples,
            rank=int(np.linalg.matrix_rank(_centred(extractor), rtol=RCOND)),
            residual=0.0,
            r_squared=np.where(_varies(extractor), 1.0, np.nan),
        )
    given, wanted = _centred(extractor), _centred(suspect)
    matrix, _, rank, _ = linalg.lstsq(given, wanted, cond=RCOND)
    missed = np.square(wanted - given @ matrix).sum(axis=0)
    spread = np.square(wanted).sum(axis=0)
    varies = _varies(suspect)
    r_squared = np.full(spread.shape, np.nan)
    r_squared[varies] = np.clip(1.0 - missed[varies] / spread[varies], 0.0, 1.0)
    return Alignment(
        matrix=matrix,
        frozen=False,
        examples=examples,
        rank=int(rank),
        residual=float(np.sqrt(missed.sum() / spread.sum())),
        r_squared=r_squared,
    )


def _centred(features: Reals) -> Reals:
    return np.asarray(features - features.mean(axis=0))


def _varies(features: Reals) -> NDArray[np.bool_]:
    """Which features differ between images, shape (d,); a variance of 0 may be lost in rounding."""
    return np.asarray((features != features[0]).any(axis=0))


def _require_pairs(suspect: Reals, extractor: Reals) -> None:
    if suspect.ndim != 2 or extractor.ndim != 2 or len(suspect) != len(extractor):
        raise DataError(
            expected="features of the same n images, shapes (n, s) and (n, d)",
            came=f"shapes {suspect.shape} and {extractor.shape}",
            do="show both networks the same images",
        )
    for features in (suspect, extractor):
        if not np.isfinite(features).all():
            raise NotFiniteError(
                expected="finite features",
                came="NaN or infinity",
                do="check the weights of both networks",
            )
    if len(extractor) <= extractor.shape[1] + 1:
        raise DataError(
            expected=f"more than {extractor.shape[1] + 1} images to align "
            f"{extractor.shape[1]} features with",
            came=str(len(extractor)),
            do="pass more held-out, unmarked images",
        )
    for whose, features in (("suspect", suspect), ("extractor", extractor)):
        if not _varies(features).any():
            raise DataError(
                expected=f"{whose} features that differ from image to image",
                came="the same ones for every image",
                do="check its weights and the images",
            )
