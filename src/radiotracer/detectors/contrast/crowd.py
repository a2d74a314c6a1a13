"""Whether training examples of a label stand close together where validation ones of it do not.

Poisons that were made to resemble one target, or that carry one trigger, end up close to each other
inside the network, whatever their labels say. With clean examples, the validation ones of the same
label are spread alike: around an example, among its k nearest neighbours of its own label, as many
validation examples are expected as their number makes likely. The scan statistic of Kulldorff
(1997) weighs the excess, at the radius that shows it best: with k training neighbours within the
k-th one's distance, t validation examples of the label within it, and n_y and m_y examples of the
label,

    lambda = (t + 3) n_y / m_y           training neighbours expected
    crowd  = max_k  k log(k / lambda) - (k - lambda)   where k > lambda, else 0

which is a logarithm of a likelihood ratio (nats) between a Poisson rate of k and one of lambda. The
3 keeps a few validation examples that happen to be far away from counting as evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEIGHBOURS = 50
PSEUDO_COUNT = 3.0
ROWS = 1024
"""Examples whose distances are in memory at once."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Representations, shape (n, d), and labels, shape (n,)."""

    points: Tensor
    labels: NDArray[np.int64]

    def of(self, label: int) -> Tensor:
        """The points of a label."""
        return self.points[np.flatnonzero(self.labels == label)].float()


def crowd(around: Labelled, train: Labelled, validation: Labelled) -> NDArray[np.float64]:
    """The scan statistic around each point, in nats, shape (p,), at least 0.

    Args:
        around: The p points to look around. Where this is `train` itself, an example is not its
            own neighbour; where it is `validation`, an example does not vouch for itself.
        train: The training examples.
        validation: Validation examples, one at least of every label in `around`.
    """
    found = np.zeros(len(around.points))
    itself = around is train
    for label in np.unique(around.labels):
        own = np.flatnonzero(around.labels == label)
        mine, theirs = train.of(label), validation.of(label)
        # Distances are taken by matrix products, which are exact near the origin only.
        centre = theirs.mean(dim=0)
        mine, theirs = mine - centre, theirs - centre
        nearest = min(NEIGHBOURS, len(mine) - itself)
        if nearest < 1:
            continue
        for start in range(0, len(own), ROWS):
            rows = own[start : start + ROWS]
            here = around.points[rows].float() - centre
            # The nearest is the example itself: at distance 0, or so close that it sorts first.
            near = torch.cdist(here, mine).topk(nearest + itself, largest=False)[0]
            radii = near[:, 1:] if itself else near
            inside = _within(radii.contiguous(), torch.cdist(here, theirs))
            if around is validation:
                inside = (inside - 1).clamp_min(0)
            found[rows] = _excess(inside, len(mine) / len(theirs))
    return found


def _within(radii: Tensor, distances: Tensor) -> Tensor:
    """How many of the distances, shape (p, m), are at most each ascending radius, shape (p, k)."""
    # The radius that is the first to reach each distance; to sort all distances takes three times
    # as long.
    first = torch.searchsorted(radii, distances)
    counts = torch.zeros(len(radii), radii.shape[1] + 1, dtype=torch.float64)
    counts.scatter_add_(1, first, torch.ones_like(distances, dtype=torch.float64))
    return counts[:, :-1].cumsum(dim=1)


def _excess(validation_inside: Tensor, ratio: float) -> NDArray[np.float64]:
    """Shape (p, k) to (p,)."""
    k = torch.arange(1, validation_inside.shape[1] + 1, dtype=torch.float64)
    expected = (validation_inside + PSEUDO_COUNT) * ratio
    ratio_log = k * (k / expected).log() - (k - expected)
    excess: NDArray[np.float64] = torch.where(k > expected, ratio_log, 0.0).amax(dim=1).numpy()
    return excess
