"""Detectors whose score is one number per example and checkpoint, added up over the checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace


@dataclass(frozen=True)
class Summed:
    """A detector made of one function.

    Args:
        name: On the command line.
        summary: One line for tables and reports.
        suspicion: From what is seen of n examples at a checkpoint to shape (n,); higher = more
            suspicious.
        needs: What `suspicion` reads beyond a forward pass.
        baseline: Whether it is a yardstick.
        average: Divide the sum by the number of checkpoints. (Influence is a sum by definition: its
            learning rates are its weights.)
    """

    name: str
    summary: str
    suspicion: Callable[[Observation], Tensor]
    needs: frozenset[Need] = frozenset()
    baseline: bool = False
    average: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """This checkpoint's suspicion, shape (n, 1)."""
        return self.suspicion(seen).unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum, or the mean, over the checkpoints."""
        return Ranking(trace.train[:, 0] / (trace.checkpoints if self.average else 1))
