"""Self-influence: TracInCP of an example on itself, ``sum_c eta_c ||grad l(w_c, z)||^2 >= 0``.

Pruthi et al. 2020, section 5: mislabelled examples tend to have a large one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.gradients import DENSE_BATCH, Data, count, in_batches, per_example_gradients
from radiotracer.gradients import weighted_square_norm as square_norm
from radiotracer.influence.tracing import Tracing, require_finite_scores


def self_influence(tracing: Tracing, train: Data) -> Tensor:
    """Exact self-influence over all traced parameters, from dense per-example gradients.

    Returns:
        float64, shape (n_train,), never negative.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        start = 0
        for batch in in_batches(train, min(tracing.batch_size, DENSE_BATCH)):
            gradients = per_example_gradients(tracing.objective, batch)
            scores[start : start + len(batch.inputs)] += square_norm(gradients, rates)
            start += len(batch.inputs)
        require_finite_scores(scores, where=checkpoint.file)
    return scores
