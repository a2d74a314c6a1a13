"""A run and its network, visited checkpoint by checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radiotracer.errors import NotFiniteError
from radiotracer.gradients import Data, LossFunction, Objective, cross_entropy, first_input
from radiotracer.runs import Checkpoint, Run, put_weights


@dataclass(frozen=True)
class Tracing:
    """What every formula needs: the run, a private copy of its network, and a batch size.

    Formulas loop over the checkpoints outermost, so each file is read once.
    """

    run: Run
    objective: Objective
    batch_size: int

    @staticmethod
    def of(
        model: nn.Module,
        run: Run,
        data: Data,
        *,
        loss: LossFunction = cross_entropy,
        layers: Sequence[str] = (),
        batch_size: int = 512,
    ) -> Tracing:
        """Prepare to trace; the caller's network is copied and never touched.

        Args:
            model: The network that was trained; its present weights do not matter.
            run: The recorded training.
            data: Examples of the kind that the network takes.
            loss: One loss per example.
            layers: Patterns of parameter names to trace; empty means all that were trained.
            batch_size: Examples per pass; scores do not depend on it.

        Raises:
            RunError: The network and the first checkpoint do not fit each other.
        """
        # The weights come first: a network of another architecture may not even take the inputs.
        first = run.checkpoints[0]
        trained = copy.deepcopy(model)
        put_weights(trained, run.weights(first))
        example = first_input(data)
        objective = Objective.of(
            trained,
            loss,
            example=example,
            layers=layers,
            trained=set(run.learning_rates(first)),
            memory_format=torch.channels_last if example.dim() == 4 else torch.preserve_format,
        )
        return Tracing(run, objective, batch_size)

    def checkpoints(self) -> Iterator[tuple[Checkpoint, dict[str, float]]]:
        """Load each checkpoint in turn; yield it with its learning rates by parameter name."""
        for checkpoint in self.run.checkpoints:
            self.objective.load(self.run.weights(checkpoint))
            yield checkpoint, self.run.learning_rates(checkpoint)


def require_finite_scores(scores: Tensor, *, where: str) -> None:
    """Raise `NotFiniteError` when a score is NaN or infinite: a loss or a gradient overflowed."""
    bad = ~torch.isfinite(scores)
    if bad.any():
        raise NotFiniteError(
            expected=f"finite influence at {where}",
            came=f"{int(bad.sum())} NaN or infinite of {bad.numel()}",
            do="check the scale of the inputs, or lower the learning rate and train again",
        )
