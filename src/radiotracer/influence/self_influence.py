"""Self-influence: TracInCP of an example on itself, ``sum_c eta_c ||grad l(w_c, z)||^2 >= 0``.

Pruthi et al. 2020, section 5: mislabelled examples tend to have a large one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.gradients import Data, count
from radiotracer.influence.pairs import square_norms
from radiotracer.influence.tracing import Tracing, require_finite_scores


def self_influence(tracing: Tracing, train: Data) -> Tensor:
    """Exact self-influence over all traced parameters: one forward and backward pass each.

    Returns:
        float64, shape (n_train,), never negative.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        scores += square_norms(tracing.objective, tracing.held(train, checkpoint), rates)
        require_finite_scores(scores, where=checkpoint.file)
    return scores
