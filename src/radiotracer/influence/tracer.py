"""The Python door to influence: one object for one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from radiotracer.errors import InputError
from radiotracer.gradients import Data, LossFunction, cross_entropy
from radiotracer.influence.gas import gas_pairs, gas_sum
from radiotracer.influence.last_layer import (
    last_layer_pairs,
    last_layer_self_influence,
    last_layer_sum,
)
from radiotracer.influence.self_influence import self_influence
from radiotracer.influence.tracin_cp import tracin_cp_pairs, tracin_cp_sum
from radiotracer.influence.tracing import Tracing
from radiotracer.runs import Run

Method = Literal["tracin-cp", "gas"]


class Tracer:
    """Influence of training examples on queries, along a recorded training.

    Sign: positive = proponent = training on the example lowered the query's loss;
    negative = opponent. Axis order: training examples first, queries second.

        tracer = Tracer(model, Run.open("runs/mine"))
        scores = tracer.influence(train, queries, reduce="sum")    # shape (n_train,)

    Args:
        model: The network that was trained. It is copied; the caller's stays as it is.
        run: Its recording.
        loss: One loss per example; the default is cross-entropy over logits.
        layers: Patterns of parameter names to trace, such as ``["stage4.*", "head.*"]``; empty
            means every parameter that was trained.
        last_layer_only: Trace the last linear layer alone, by its closed form.
        batch_size: Examples per pass; scores do not depend on it.
    """

    def __init__(
        self,
        model: nn.Module,
        run: Run,
        loss: LossFunction = cross_entropy,
        *,
        layers: Sequence[str] = (),
        last_layer_only: bool = False,
        batch_size: int = 512,
    ) -> None:
        if layers and last_layer_only:
            raise InputError(
                expected="layers or last_layer_only", came="both", do="leave one of them out"
            )
        self.model = model
        self.run = run
        self.loss = loss
        self.layers = tuple(layers)
        self.last_layer_only = last_layer_only
        self.batch_size = batch_size

    def influence(
        self,
        train: Data,
        queries: Data,
        reduce: Literal["sum"] | None = None,
        *,
        method: Method = "tracin-cp",
    ) -> Tensor:
        """Influence of training examples on queries.

        Args:
            train: `Examples`, a pair of tensors, or a data set; n_train of them.
            queries: The same; n_queries of them.
            reduce: ``"sum"`` adds over the queries, at the cost of one pass over each side.
            method: ``"tracin-cp"``, or ``"gas"``, which counts directions and not lengths of
                gradients, so that no few examples lead every list.

        Returns:
            float64, shape (n_train, n_queries), or (n_train,) with ``reduce="sum"``.
        """
        formula = self._formula(reduce, method)
        # The caller may be in inference mode, where nothing can be differentiated.
        with torch.inference_mode(False):
            return formula(self._tracing(train), train, queries)

    def self_influence(self, train: Data) -> Tensor:
        """Influence of each example on itself: float64, shape (n_train,), never negative."""
        formula = last_layer_self_influence if self.last_layer_only else self_influence
        with torch.inference_mode(False):
            return formula(self._tracing(train), train)

    def _formula(
        self, reduce: Literal["sum"] | None, method: Method
    ) -> Callable[[Tracing, Data, Data], Tensor]:
        if reduce not in (None, "sum"):
            raise InputError(
                expected="reduce=None or reduce='sum'", came=repr(reduce), do="choose one of them"
            )
        if method not in get_args(Method):
            raise InputError(
                expected=f"method {' or '.join(get_args(Method))}",
                came=repr(method),
                do="choose one of them",
            )
        if self.last_layer_only:
            if method != "tracin-cp":
                raise InputError(
                    expected="method='tracin-cp' with last_layer_only",
                    came=repr(method),
                    do="trace all layers, or layers=['head.*'] to trace the last one",
                )
            return last_layer_sum if reduce == "sum" else last_layer_pairs
        if method == "gas":
            return gas_sum if reduce == "sum" else gas_pairs
        return tracin_cp_sum if reduce == "sum" else tracin_cp_pairs

    def _tracing(self, data: Data) -> Tracing:
        return Tracing.of(
            self.model,
            self.run,
            data,
            loss=self.loss,
            layers=self.layers,
            batch_size=self.batch_size,
        )
