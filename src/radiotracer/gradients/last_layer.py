"""Gradients of the last linear layer, from one forward pass.

For logits ``z = W h + b`` the gradient of example i is the outer product of its output gradient
``e_i = dl_i/dz`` and its features with a one appended, ``(h_i, 1)``. The factors are kept, the
product is never formed (Pruthi et al. 2020, appendix F, there without the bias).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radiotracer.gradients.objective import Evaluation, Objective
from radiotracer.gradients.precision import wide
from radiotracer.gradients.task import LossFunction, LossTask


@dataclass(frozen=True)
class LastLayerGradients:
    """``g_i = e_i (outer) (h_i, 1)``, scaled per parameter by a learning rate when compared.

    Args:
        errors: ``e_i``, shape (n, outputs).
        features: ``h_i``, shape (n, d).
        weight_rate: The factor of the weight's part in every inner product.
        bias_rate: The factor of the bias's part; 0 when there is no bias.
    """

    errors: Tensor
    features: Tensor
    weight_rate: float
    bias_rate: float

    def cpu(self) -> LastLayerGradients:
        """The same on the CPU, which has float64 whatever an accelerator has."""
        return dataclasses.replace(self, errors=self.errors.cpu(), features=self.features.cpu())

    def inner(self, other: LastLayerGradients) -> Tensor:
        """``<g_i, g_j>`` for every pair, shape (n_self, n_other), float64."""
        errors = wide(self.errors) @ wide(other.errors).T
        features = wide(self.features) @ wide(other.features).T
        return errors * (self.weight_rate * features + self.bias_rate)

    def square_norm(self) -> Tensor:
        """``||g_i||^2``, shape (n,), float64."""
        features = wide(self.features).square().sum(dim=1)
        errors = wide(self.errors).square().sum(dim=1)
        return errors * (self.weight_rate * features + self.bias_rate)

    def sum(self) -> LastLayerSum:
        """``sum_i g_i`` as a matrix and a vector, float64."""
        errors = wide(self.errors)
        return LastLayerSum(weight=errors.T @ wide(self.features), bias=errors.sum(dim=0))

    def inner_with_sum(self, total: LastLayerSum) -> Tensor:
        """``<g_i, sum_j g_j>``, shape (n,), float64."""
        errors = wide(self.errors)
        weight = ((errors @ total.weight) * wide(self.features)).sum(dim=1)
        return self.weight_rate * weight + self.bias_rate * (errors @ total.bias)


@dataclass(frozen=True)
class LastLayerSum:
    """A sum of last-layer gradients: weight (outputs, d) and bias (outputs,), float64."""

    weight: Tensor
    bias: Tensor

    def __add__(self, other: LastLayerSum) -> LastLayerSum:
        """The sum of two sums."""
        return LastLayerSum(self.weight + other.weight, self.bias + other.bias)


def output_gradients(loss: LossFunction, outputs: Tensor, targets: Tensor) -> Tensor:
    """``dl_i/dz_i`` of every example, shape (n, outputs), by one backward pass through the loss."""
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf, targets).sum(), leaf)
    return gradient


def last_layer_gradients(
    objective: Objective,
    evaluation: Evaluation,
    targets: Tensor,
    rates: Mapping[str, float],
) -> LastLayerGradients:
    """The factors of every example's last-layer gradient, from a forward pass already made.

    Args:
        objective: A network with a head.
        evaluation: Its forward pass of n examples.
        targets: Their targets, shape (n, ...).
        rates: Learning rate by parameter name; a parameter without one was not trained.
    """
    assert objective.head is not None and evaluation.features is not None  # noqa: S101
    assert isinstance(objective.task, LossTask)  # noqa: S101
    layer = objective.model.get_submodule(objective.head)
    assert isinstance(layer, nn.Linear)  # noqa: S101
    return LastLayerGradients(
        errors=output_gradients(objective.task.loss, evaluation.outputs, targets),
        features=evaluation.features.detach(),
        weight_rate=rates.get(f"{objective.head}.weight", 0.0),
        bias_rate=0.0 if layer.bias is None else rates.get(f"{objective.head}.bias", 0.0),
    )
