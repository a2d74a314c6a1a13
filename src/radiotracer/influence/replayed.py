"""What a formula over a replay returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from radiotracer.runs import Fidelity


@dataclass(frozen=True, eq=False)
class Replayed:
    """Influence along a replayed training.

    Args:
        scores: float64, shape (n_train,) or (n_train, n_queries); positive means a proponent.
        fidelity: Whether the replay is the recorded training. Where it is not exact, the scores
            are those of another training than the recorded one, however close.
    """

    scores: Tensor
    fidelity: Fidelity
