"""Audit by carriers: do the rows of a suspect's classifier lean towards them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Images
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import Objective, frozen_copy, require_linear_head
from radiotracer.provenance.controls import CONTROLS
from radiotracer.provenance.designs._carriers.alignment import Alignment, Reals, align
from radiotracer.provenance.designs._carriers.marking import features_of
from radiotracer.stats import Uniformity, cosine_log10_p, fisher, uniformity

_NOTHING = 1e-5
"""The share of the rows below which a difference is the rounding of float32 weights."""

_TINY = np.finfo(np.float64).tiny

_AT_ONCE = 2**22
"""Numbers drawn at once for the controls: 32 MiB."""


@dataclass(frozen=True, eq=False)
class CarrierTest:
    """Classifier rows against carriers; position ``i`` of every array is the same class.

    Args:
        classes: Shape (k,).
        cosines: Of each class's row with its carrier, shape (k,), in [-1, 1].
        log10_p: Exact one-sided p-value of each, shape (k,); independent under the null.
        dimensions: d of the feature space.
    """

    classes: tuple[int, ...]
    cosines: Reals
    log10_p: Reals
    dimensions: int

    @property
    def combined(self) -> float:
        """log10 p of all the classes together (Fisher)."""
        return float(fisher(self.log10_p))

    @property
    def mean_cosine(self) -> float:
        """How far a row leans towards its carrier; 0 is expected by chance."""
        return float(self.cosines.mean())

    @property
    def effect(self) -> float:
        """The mean cosine in standard deviations of one class's: ``1 / sqrt(d)``."""
        return float(np.sqrt(self.dimensions) * self.mean_cosine)

    @property
    def sigma(self) -> float:
        """The mean cosine in standard deviations of itself: `effect` times ``sqrt(k)``."""
        return float(np.sqrt(len(self.classes)) * self.effect)


@dataclass(frozen=True, eq=False)
class WhiteBoxResult:
    """The facts of an audit by weights; what to conclude is not said here.

    Args:
        marked: The test of the classes that were marked.
        unmarked: The same for the others, as a control; None where every class was marked.
        control_log10_p: What `marked` would have said with fresh carriers, shape (controls,).
        control: Whether those are uniform, as they have to be.
        alignment: How the suspect's features were put into the extractor's terms.
        beyond_reference: Whether the extractor's own classifier was taken off (`contrasts`).
    """

    marked: CarrierTest
    unmarked: CarrierTest | None
    control_log10_p: Reals
    control: Uniformity
    alignment: Alignment
    beyond_reference: bool

    @property
    def log10_p(self) -> float:
        """Of the marked classes together."""
        return self.marked.combined


def audit_weights(
    suspect: nn.Module,
    extractor: nn.Module,
    carriers: Reals,
    images: Images,
    marked_classes: Sequence[int],
    *,
    head: str | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> WhiteBoxResult:
    """Test whether a suspect's classifier rows lean towards secret carriers.

    The rows are put into the extractor's feature space (`align`, `contrasts`), and each marked
    class's row is held against its carrier. The carriers were drawn uniformly and independently,
    and nothing here depends on them but the last cosine: under the null that the suspect does not
    either, every p-value is exact, whatever the suspect, the images and the fit.

    Source: Sablayrolles et al. 2020, "Radioactive data", the section on detection with access to
    the weights. Differs from it: rows are contrasts beyond the extractor's own, only marked classes
    are combined, p-values are computed in log space, and two controls come with them.

    Args:
        suspect: Any network whose output is a linear layer's, one logit for each class.
        extractor: What the images were marked with.
        carriers: Unit vectors, shape (classes, d): one for each class, d extractor features.
        images: uint8, shape (n, h, w, c), n above d + 1: held out from both networks, unmarked.
        marked_classes: At least one class, none twice.
        head: The suspect's last linear layer by name; None finds it.
        controls: How often the test is repeated with fresh carriers, at least 1.
        seed: At least 0. The fresh carriers are drawn by it.

    Raises:
        DataError: Shapes that do not fit: classes, features, too few images; unknown classes.
        InputError: A network that does not take the images or has no head; a setting out of range.
        NotFiniteError: Weights or features are NaN or infinite.
    """
    if controls < 1:
        raise InputError(expected="at least 1 control", came=str(controls), do="pass 1000")
    with frozen_copy(
        suspect, images, seed=seed, head=head, memory_format=torch.channels_last
    ) as network:
        weights, suspect_features = head_weights(network), features_of(network, images)
    with frozen_copy(extractor, images, seed=seed, memory_format=torch.channels_last) as network:
        reference, extractor_features = head_weights(network), features_of(network, images)
    require_carriers(carriers, weights, extractor_features)
    classes = len(carriers)
    marked = require_classes(marked_classes, classes)
    alignment = align(suspect_features, extractor_features)
    return tested(alignment, weights, reference, carriers, marked, controls, seed)


def contrasts(rows: Reals, reference: Reals) -> tuple[Reals, bool]:
    """What a classifier's rows say beyond any classifier of these classes.

    A vector that is added to every row changes no prediction, so each row is taken less the mean of
    all. And most of a row is what every classifier learns from clean images; the extractor's own
    rows show that part, and their best multiple is taken off. What is left is small, and a mark is
    a larger share of it.

    Args:
        rows: Shape (classes, d).
        reference: The extractor's rows, shape (its classes, d).

    Returns:
        Shape (classes, d); and whether `reference` was taken off. It is not where it has another
        number of classes, or where nothing would be left: a suspect that is the extractor itself.
    """
    rows = rows - rows.mean(axis=0)
    if rows.shape != reference.shape:
        return rows, False
    reference = reference - reference.mean(axis=0)
    rest = rows - reference * (np.vdot(rows, reference) / max(np.vdot(reference, reference), _TINY))
    if np.linalg.norm(rest) <= _NOTHING * np.linalg.norm(rows):
        return rows, False
    return rest, True


def against_carriers(rows: Reals, carriers: Reals, classes: Sequence[int]) -> CarrierTest:
    """The cosines of some classes' rows with their carriers, and their exact p-values.

    Args:
        rows: Shape (classes, d).
        carriers: Shape (classes, d).
        classes: Which, at least one.

    Raises:
        DataError: A row is 0.
    """
    chosen = list(classes)
    cosines = np.einsum("kd,kd->k", _unit(rows[chosen]), _unit(carriers[chosen]))
    dimensions = rows.shape[1]
    return CarrierTest(tuple(chosen), cosines, cosine_log10_p(cosines, dimensions), dimensions)


def against_fresh_carriers(rows: Reals, count: int, seed: int) -> NDArray[np.float64]:
    """What the test says of some rows under carriers that marked nothing: log10 p, shape (count,).

    Args:
        rows: Of the classes to combine, shape (k, d).
        count: How many sets of carriers.
        seed: At least 0.

    Raises:
        InputError: A negative seed.
        DataError: A row is 0.
    """
    if seed < 0:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, 0")
    generator, rows = np.random.default_rng(seed), _unit(rows)
    parts = []
    while count > 0:
        now = min(count, max(1, _AT_ONCE // rows.size))
        # Normal numbers point in a uniform direction (Muller 1959).
        fresh = generator.standard_normal((now, *rows.shape))
        cosines = np.einsum("mkd,kd->mk", fresh, rows) / np.linalg.norm(fresh, axis=2)
        parts.append(fisher(cosine_log10_p(cosines, rows.shape[1])))
        count -= now
    return np.concatenate(parts)


def tested(  # noqa: PLR0917 - one call from each test above
    alignment: Alignment,
    weights: Reals,
    reference: Reals,
    carriers: Reals,
    marked: tuple[int, ...],
    controls: int,
    seed: int,
) -> WhiteBoxResult:
    """The test of aligned rows, with its controls.

    Args:
        alignment: Of the features that `weights` are over.
        weights: Rows over the suspect's features, shape (classes, s).
        reference: The extractor's own rows.
        carriers: Shape (classes, d).
        marked: As from `require_classes`.
        controls: Sets of fresh carriers.
        seed: At least 0.
    """
    rows, beyond_reference = contrasts(alignment.rows(weights), reference)
    classes = len(carriers)
    others = tuple(c for c in range(classes) if c not in marked)
    control_log10_p = against_fresh_carriers(rows[list(marked)], controls, seed)
    return WhiteBoxResult(
        marked=against_carriers(rows, carriers, marked),
        unmarked=against_carriers(rows, carriers, others) if others else None,
        control_log10_p=control_log10_p,
        control=uniformity(control_log10_p),
        alignment=alignment,
        beyond_reference=beyond_reference,
    )


def head_weights(network: Objective) -> Reals:
    """The head's rows, shape (classes, features)."""
    weights = require_linear_head(network).weight.double().cpu().numpy()
    if not np.isfinite(weights).all():
        raise NotFiniteError(
            expected="finite classifier weights", came="NaN or infinity", do="check the suspect"
        )
    return np.asarray(weights)


def _unit(rows: Reals) -> Reals:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (norms > 0).all():
        raise DataError(
            expected="classifier rows that tell the classes apart",
            came="rows that are all the same",
            do="check that the suspect was trained",
        )
    return np.asarray(rows / norms)


def require_carriers(carriers: Reals, weights: Reals, features: Reals) -> None:
    """Raise `DataError` unless there is a carrier per row of `weights`, as long as `features`."""
    if carriers.ndim != 2 or len(carriers) != len(weights):
        raise DataError(
            expected=f"a carrier for each of the suspect's {len(weights)} classes",
            came=f"carriers of shape {carriers.shape}",
            do="audit a suspect that tells the classes of the marked data apart",
        )
    if carriers.shape[1] != features.shape[1]:
        raise DataError(
            expected=f"an extractor with {carriers.shape[1]} features, as the carriers have",
            came=f"one with {features.shape[1]}",
            do="pass the extractor that the images were marked with",
        )


def require_classes(marked: Sequence[int], classes: int) -> tuple[int, ...]:
    """The marked classes; `DataError` unless they are different ones of `classes`."""
    if not marked or len(set(marked)) != len(marked) or not set(marked) <= set(range(classes)):
        raise DataError(
            expected=f"different marked classes from 0 to {classes - 1}, at least one",
            came=f"{list(marked)[:20]}",
            do="pass the classes that were marked",
        )
    return tuple(int(c) for c in marked)
