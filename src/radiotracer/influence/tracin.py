"""TracIn with minibatches, over every step of a training (Pruthi et al. 2020, section 3.2).

    TracIn(z, z') = sum over steps t with z in B_t of
                    (eta_t / |B_t|) <grad l(w_t, z), grad m(w_t, z')>

with l the loss that was trained on and m what is asked of the query; in the source both are one.
The weights w_t come from a replay of the recorded training. Differs from the source in:

- eta_t may differ between parameter groups, and then weighs each parameter's part of the inner
  product; parameters that the optimiser did not train do not count.
- Gradients are taken in evaluation mode, with the running statistics that batch normalisation has
  before step t. The training's own gradient normalises each example by its batch, so that an
  example has no gradient of its own there.
- An example that occurs twice in a batch counts twice.

Momentum, weight decay and the scaling of adaptive optimisers are not in the formula, as in the
source: it is the loss change of plain gradient descent to first order, at the weights that the
training really visited.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from radiotracer.gradients import (
    Batch,
    Data,
    count,
    directional,
    inner,
    require_finite_losses,
    summed_gradient,
)
from radiotracer.influence.pairs import query_blocks
from radiotracer.influence.replayed import Replayed
from radiotracer.influence.tracin_cp import scale
from radiotracer.influence.tracing import Tracing, require_finite_scores
from radiotracer.runs import Step, TrainingLoss, replay


def tracin_sum(
    tracing: Tracing,
    train: Data,
    queries: Data,
    *,
    training_loss: TrainingLoss | None = None,
) -> Replayed:
    """``sum_j TracIn(z_i, z'_j)`` over all queries.

    Per step one backward pass over the queries and one Jacobian-vector product over the batch, on
    top of the step itself.

    Args:
        tracing: The run and its network.
        train: The data that the run was trained on.
        queries: The queries.
        training_loss: The loss that was trained on, a single number per batch; None is the mean
            of what the tracing's task says. What is traced is the task's.

    Returns:
        Scores of shape (n_train,), and whether the replay is exact.

    Raises:
        RunError, DataError: As `radiotracer.runs.replay`.
        NotFiniteError: A loss or a score is NaN or infinite.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)

    def look(step: Step, state: dict[str, Tensor]) -> None:
        tracing.objective.load(state)
        gradient = summed_gradient(tracing.asked, tracing.batches(queries))
        direction = scale(gradient, _shares(step))
        for rows, batch in _parts(step, tracing):
            found = directional(tracing.objective, batch, direction)
            require_finite_losses(found.losses, where=f"step {step.number} of the replay")
            scores.index_add_(0, rows, found.derivatives.cpu().double())
        require_finite_scores(scores, where=f"step {step.number} of the replay")
        tracing.told_step(step.number)

    fidelity = replay(
        tracing.replayable(),
        tracing.run,
        train,
        step_loss=tracing.step_loss(training_loss),
        before=look,
    )
    return Replayed(scores, fidelity)


def tracin_pairs(
    tracing: Tracing,
    train: Data,
    queries: Data,
    *,
    training_loss: TrainingLoss | None = None,
) -> Replayed:
    """``TracIn(z_i, z'_j)`` for every pair, over all layers.

    Every query's gradient is needed at every step: for few queries, or short trainings.

    Args:
        tracing: The run and its network.
        train: The data that the run was trained on.
        queries: The queries.
        training_loss: The loss that was trained on, a single number per batch; None is the mean
            of what the tracing's task says. What is traced is the task's.

    Returns:
        Scores of shape (n_train, n_queries), and whether the replay is exact.

    Raises:
        RunError, DataError: As `radiotracer.runs.replay`.
        NotFiniteError: A score is NaN or infinite.
    """
    scores = torch.zeros(count(train), count(queries), dtype=torch.float64)
    objective = tracing.objective

    def look(step: Step, state: dict[str, Tensor]) -> None:
        objective.load(state)
        for columns, kept in query_blocks(tracing, queries):
            for rows, batch in _parts(step, tracing):
                products = inner(objective, batch, kept, _shares(step)).cpu()
                scores[:, columns].index_add_(0, rows, products.double())
        require_finite_scores(scores, where=f"step {step.number} of the replay")
        tracing.told_step(step.number)

    fidelity = replay(
        tracing.replayable(),
        tracing.run,
        train,
        step_loss=tracing.step_loss(training_loss),
        before=look,
    )
    return Replayed(scores, fidelity)


def _shares(step: Step) -> dict[str, float]:
    """``eta_t / |B_t|`` by parameter name."""
    return {name: rate / len(step.rows) for name, rate in step.learning_rates.items()}


def _parts(step: Step, tracing: Tracing) -> Iterator[tuple[Tensor, Batch]]:
    """The step's batch, in the tracing's, each part with its rows, int64, shape (n,)."""
    rows = torch.tensor(step.rows).split(tracing.batch_size)
    yield from zip(rows, tracing.batches((step.inputs, step.targets)), strict=True)
