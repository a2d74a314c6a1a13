"""Influence from a recorded training: TracInCP over the last layer, along its checkpoints.

What the other side contributes is computed once and kept; each example then takes one forward pass
per checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.gradients import (
    LastLayerGradients,
    in_batches,
    last_layer_gradients,
    require_finite_losses,
)
from radiotracer.influence import Tracing
from radiotracer.review.influence import Side


@dataclass(frozen=True, eq=False)
class Traced:
    """A run, opened to be asked.

    Args:
        tracing: The run and its network.
        train: What it was trained on.
        validation: Clean examples that were not trained on, or None.
    """

    tracing: Tracing
    train: Dataset
    validation: Dataset | None
    _kept: dict[Side, list[LastLayerGradients]] = field(default_factory=dict, init=False)

    def influence(self, side: Side, row: int, told: Callable[[float], None]) -> NDArray[np.float64]:
        """Summed over the checkpoints; see `radiotracer.review.influence.Evidence`."""
        if self.tracing.objective.head is None:
            raise InputError(
                expected="a network that ends with a linear layer",
                came="one that ends otherwise",
                do="use `radiotracer explain` with layers of your choice",
            )
        others = self.validation if side == "validation" else self.train
        assert others is not None  # noqa: S101
        if side not in self._kept:
            self._kept[side] = self._gradients(others, told)
        pairs = zip(self._gradients(self.train.take([row])), self._kept[side], strict=True)
        found: NDArray[np.float64] = (
            torch.stack([one.inner(other)[0] for one, other in pairs]).sum(dim=0).numpy()
        )
        return found

    def _gradients(
        self, examples: Dataset, told: Callable[[float], None] = lambda _: None
    ) -> list[LastLayerGradients]:
        """One per checkpoint, for all examples."""
        tracing, found, done = self.tracing, [], 0
        whole = len(tracing.run.checkpoints) * len(examples)
        for checkpoint, rates in tracing.checkpoints():
            parts = []
            for batch in in_batches(examples, tracing.batch_size):
                told(done / whole)
                with torch.no_grad():
                    evaluation = tracing.objective.evaluate(batch)
                require_finite_losses(evaluation.losses, where=checkpoint.file)
                parts.append(
                    last_layer_gradients(tracing.objective, evaluation, batch.targets, rates)
                )
                done += len(batch.targets)
            found.append(
                LastLayerGradients(
                    errors=torch.cat([part.errors for part in parts]),
                    features=torch.cat([part.features for part in parts]),
                    weight_rate=parts[0].weight_rate,
                    bias_rate=parts[0].bias_rate,
                )
            )
        return found
