"""What a detector is: one way to rank examples, written as two small pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.gradients import LastLayerGradients, LastLayerSum
from radiotracer.opinions import Opinions

FALSE_DISCOVERY_RATE = 0.05
"""Share of clean examples among those flagged that a calibrated rule aims at."""


class Need(Enum):
    """What a detector reads beyond one forward pass of the training examples."""

    CLASSES = "a class number for each example"
    VALIDATION = "validation examples"
    COMPARISON = "what validation examples look like, where there are any"
    HEAD = "a network whose output is a linear layer's output"
    DIRECTION = "a Jacobian-vector product along the validation examples' summed gradient"
    UNIT_DIRECTION = "the same along the sum of their unit gradients, and gradient norms"
    NORM = "every example's gradient norm"
    LAYERS = "a network with layers that show one vector per example"
    EVERY_CLASS = "validation examples, two or more of every class"
    INCIDENT = "a known wrong prediction: incident="
    OUTPUT = "a known wrong output of a network without classes: incident="
    SAME_LOOK = "validation examples looked at like training ones, where there are any"
    CHECKPOINTS = "two checkpoints or more"
    OPINIONS = "out-of-fold opinions, as check has them"
    CLEANLAB = "the cleanlab extra: pip install 'radiotracer[cleanlab]'"


@dataclass(frozen=True)
class Observation:
    """What a scan sees of n examples at one checkpoint; a detector picks what it reads.

    Args:
        labels: Given labels, int64, shape (n,); `NO_CLASS` of targets that are no class numbers.
        losses: Shape (n,).
        outputs: Logits, shape (n, classes); what else a network gives where there are no classes.
        last_layer: Factors of the last layer's gradients, if some detector needs a head.
        query_sum: The validation examples' summed last-layer gradient, if some detector needs both.
        influence: ``eta <g_i, sum_j g_j>`` over the traced parameters, shape (n,), if needed.
        renormalised: ``eta <g_i, sum_j g_j / ||g_j||> / ||g_i||``, shape (n,), if needed.
        square_norm: ``eta ||g_i||^2`` over the traced parameters, shape (n,), if needed.
        norm: ``||g_i||`` over the traced parameters, shape (n,), where `square_norm` is.
        taught: ``eta <g_i, sum_j g_j / ||g_j||> / ||g_i||`` over the examples j of the incident,
            shape (n,), if needed.
        checkpoint: Which checkpoint it is, from 0.
        checkpoints: How many there are.
    """

    labels: Tensor
    losses: Tensor
    outputs: Tensor
    last_layer: LastLayerGradients | None = None
    query_sum: LastLayerSum | None = None
    influence: Tensor | None = None
    renormalised: Tensor | None = None
    square_norm: Tensor | None = None
    norm: Tensor | None = None
    taught: Tensor | None = None
    checkpoint: int = 0
    checkpoints: int = 1


@dataclass(frozen=True)
class Seen:
    """What the last checkpoint's layers make of n examples.

    Args:
        labels: Given labels, int64, shape (n,).
        outputs: Logits, shape (n, classes).
        layers: By layer name, from the input to the output, shape (n, d) each.
    """

    labels: Tensor
    outputs: Tensor
    layers: Mapping[str, Tensor]


@dataclass(frozen=True)
class Survey:
    """All examples at the last checkpoint, for detectors that compare them with each other.

    Where there is no training but out-of-fold opinions, `Seen.outputs` are their log probabilities,
    and `Seen.layers` has the frozen features as the penultimate ones, or nothing.

    Args:
        train: The training examples.
        validation: The validation ones, if there are any.
        incident: Those that are known to be predicted wrongly, and are; with their true labels.
        opinions: What models that never saw an example say of its label, if a detector needs
            `Need.OPINIONS`.
    """

    train: Seen
    validation: Seen | None
    incident: Seen | None = None
    opinions: Opinions | None = None


@dataclass(frozen=True)
class Trace:
    """A detector's observations, summed over the checkpoints, in float64.

    Args:
        train: Shape (n, k), for the training examples.
        labels: Their given labels, shape (n,); `NO_CLASS` where there are no classes.
        validation: Shape (m, k), for the validation examples; None when there are none, or when the
            detector needs no comparison.
        validation_labels: Their labels, shape (m,); None likewise.
        classes: How many classes; 0 where targets are no class numbers.
        checkpoints: How many checkpoints were summed over.
        seed: The scan's seed.
        survey: What the last checkpoint shows, if the detector needs `Need.LAYERS`, or what
            out-of-fold models say, if it needs `Need.OPINIONS`.
    """

    train: NDArray[np.float64]
    labels: NDArray[np.int64]
    validation: NDArray[np.float64] | None
    validation_labels: NDArray[np.int64] | None
    classes: int
    checkpoints: int
    seed: int
    survey: Survey | None = None


@dataclass(frozen=True)
class Ranking:
    """What a detector says of n examples.

    Args:
        scores: Shape (n,), float64: by convention the higher, the more suspicious.
        suggested: The class each example more likely belongs to, shape (n,), from detectors that
            know.
        p_values: How often a validation example would score as high, shape (n,), in (0, 1], from
            detectors that compare with validation examples; NaN where nothing was asked about an
            example, which then is not flagged.
        posteriors: How probable it is that each example was tampered with, shape (n,), in [0, 1],
            from detectors that estimate that.
        threshold: The score from which the detector's own scale calls an example tampered with,
            from detectors that have one.
        because: What `threshold` means, or what p-values or posteriors rest on, for people.
        clean_share: Estimated share of clean examples, by which q-values are multiplied, in (0, 1].
        inconclusive: Why nothing can be flagged, from detectors that judge their own evidence.
        fdr: The false discovery rate that the calibrated rule aims at, where there are p-values, in
            (0, 1).
    """

    scores: NDArray[np.float64]
    suggested: NDArray[np.int64] | None = None
    p_values: NDArray[np.float64] | None = None
    posteriors: NDArray[np.float64] | None = None
    threshold: float | None = None
    because: str = ""
    fdr: float = FALSE_DISCOVERY_RATE
    clean_share: float = 1.0
    inconclusive: str | None = None

    def __repr__(self) -> str:
        """How many, and what there is beside scores."""
        beside = [name for name in ("suggested", "p_values", "posteriors") if self._has(name)]
        return f"Ranking({len(self.scores):,} scores{''.join(f', {name}' for name in beside)})"

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None


class Detector(Protocol):
    """One way to rank training examples by suspicion.

    `observe` is called with every batch of training examples at every checkpoint (and, for those
    that need a comparison, of validation examples); what it returns is summed over the checkpoints.
    `rank` turns the sums into scores.
    """

    @property
    def name(self) -> str:
        """The name on the command line."""

    @property
    def summary(self) -> str:
        """One line for tables and reports."""

    @property
    def needs(self) -> frozenset[Need]:
        """What `observe` reads beyond a forward pass."""

    @property
    def baseline(self) -> bool:
        """Whether this is a yardstick rather than a method."""

    def observe(self, seen: Observation) -> Tensor:
        """This checkpoint's contribution, shape (n, k), any fixed k; 0 for what needs none."""

    def rank(self, trace: Trace) -> Ranking:
        """Scores from the sums over all checkpoints."""
