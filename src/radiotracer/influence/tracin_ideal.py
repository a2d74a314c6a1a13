"""TracInIdeal: how much the steps on an example lowered a query's loss (Pruthi et al. 2020, 3.1).

    TracInIdeal(z, z') = sum over steps t with z_t = z of l(w_t, z') - l(w_{t+1}, z')

Nothing is approximated, so summed over the training examples it is the whole change of the query's
loss: ``l(w_0, z') - l(w_T, z')`` (lemma 3.1 of the source). It is defined where each step learns
from one example. Query losses are taken in evaluation mode. Whatever else the optimiser did in a
step (momentum of earlier examples, weight decay) counts for that step's example.
"""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients import Data, count, require_finite_losses
from radiotracer.influence.replayed import Replayed
from radiotracer.influence.tracing import Tracing
from radiotracer.runs import (
    Run,
    Step,
    TrainingLoss,
    recorded_batches,
    replay,
)


def tracin_ideal(
    tracing: Tracing,
    train: Data,
    queries: Data,
    *,
    training_loss: TrainingLoss | None = None,
    one_at_a_time: bool = False,
) -> Replayed:
    """``TracInIdeal(z_i, z'_j)`` for every pair: one forward pass over the queries per step.

    Args:
        tracing: The run and its network.
        train: The data that the run was trained on.
        queries: The queries.
        training_loss: The loss that was trained on, a single number per batch; None is the mean
            of what the tracing's task says. What is traced is the task's.
        one_at_a_time: Use another training than the recorded one: the recorded order, one example
            per step, by plain gradient descent at the recorded learning rate divided by the
            recorded batch's size, in evaluation mode throughout (no dropout, and the running
            statistics of the initial weights: one example has none of its own).

    Returns:
        Scores of shape (n_train, n_queries), and whether the replay is the recorded training.

    Raises:
        InputError: A recorded batch holds more than one example, without `one_at_a_time`.
        RunError, DataError: As `radiotracer.runs.replay`.
        NotFiniteError: A query's loss is NaN or infinite.
    """
    if not one_at_a_time:
        _require_single_examples(tracing.run)
    scores = torch.zeros(count(train), count(queries), dtype=torch.float64)
    losses = torch.zeros(count(queries), dtype=torch.float64)

    def start(step: Step, state: dict[str, Tensor]) -> None:
        if step.number == 1:
            losses.copy_(_query_losses(tracing, queries, state, "the initial weights"))

    def look(step: Step, state: dict[str, Tensor]) -> None:
        now = _query_losses(tracing, queries, state, f"step {step.number} of the replay")
        scores[step.rows[0]] += losses - now
        losses.copy_(now)
        tracing.told_step(step.number)

    fidelity = replay(
        tracing.replayable(),
        tracing.run,
        train,
        step_loss=tracing.step_loss(training_loss),
        before=start,
        after=look,
        one_at_a_time=one_at_a_time,
    )
    return Replayed(scores, fidelity)


def _query_losses(tracing: Tracing, queries: Data, state: dict[str, Tensor], where: str) -> Tensor:
    """The loss of every query: float64, shape (n_queries,)."""
    tracing.objective.load(state)
    parts = []
    for batch in tracing.batches(queries):
        with torch.no_grad():
            losses = tracing.asked.evaluate(batch).losses
        require_finite_losses(losses, where=where)
        parts.append(losses.cpu().double())
    return torch.cat(parts)


def _require_single_examples(run: Run) -> None:
    for number, batch in enumerate(recorded_batches(run), start=1):
        if len(batch.rows) != 1:
            raise InputError(
                expected="a run whose steps each learned from one example",
                came=f"{len(batch.rows)} examples at step {number}",
                do="pass one_at_a_time=True for another training: the same order, one example "
                "per step",
            )
