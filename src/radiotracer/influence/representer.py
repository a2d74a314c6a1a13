"""Representer points of the last linear layer (Yeh et al. 2018).

A head ``phi(x) = W f(x)`` on frozen features f that minimises

    (1/n) sum_i l(phi(x_i), t_i) + ridge ||W||^2

is a sum over its training examples: ``phi(x) = sum_i alpha_i <f_i, f(x)>`` with
``alpha_i = -1 / (2 ridge n) dl/dphi(x_i)``, one number per class. The representer value of example
i for class k of x is the summand ``alpha_ik <f_i, f(x)>``: how much i raises (excites) or lowers
(inhibits) that class's logit.

A network is hardly ever at such a minimum, so the head is fitted anew at the run's last checkpoint,
to the network's own predictions t_i (as the source does) or to the given labels. With l the
cross-entropy, ``alpha_i = (t_i - softmax(phi(x_i))) / (2 ridge n)``.

Differs from the source in: the features have a one appended where the head has a bias, so that the
bias is a weight like the others; L-BFGS with a strong Wolfe line search instead of gradient descent
with backtracking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.errors import InputError
from radiotracer.gradients import Data, require_finite_losses
from radiotracer.influence.steady import require_steady
from radiotracer.influence.tracing import Tracing, require_loss, require_positive

FitTo = Literal["predictions", "labels"]
"""What the new head is fitted to: the network's softmax outputs, or the given labels."""

RIDGE = 0.003
"""Weight of the squared norm in the fit; a small one keeps the new head close to the network."""

_STEPS = 2000
_GRADIENT = 1e-9
"""The fit ends when no entry of the objective's gradient is larger."""
_GRADIENT_ACCEPTED = 1e-6
"""Rounding may end it earlier; a gradient above this is no minimum."""


@dataclass(frozen=True)
class Representer:
    """The new head as a sum over its n training examples.

    Args:
        coefficients: alpha, float64, shape (n, classes).
        features: f, with a one appended where the head has a bias, float64, shape (n, d).
        labels: The given labels, int64, shape (n,).
        weight: W, float64, shape (classes, d): equal to ``coefficients.T @ features`` but for what
            the fit left of its gradient.
    """

    coefficients: Tensor
    features: Tensor
    labels: Tensor
    weight: Tensor

    def values(self, features: Tensor, classes: Tensor) -> Tensor:
        """``alpha_ik <f_i, f_j>`` for m features f_j and a class k for each, shape (n, m)."""
        return self.coefficients[:, classes] * (self.features @ features.T)

    def self_values(self) -> Tensor:
        """``alpha_iy <f_i, f_i>`` for the given label y, shape (n,)."""
        own = self.coefficients.gather(1, self.labels.unsqueeze(1))[:, 0]
        return own * self.features.square().sum(dim=1)


def representer_values(
    tracing: Tracing,
    train: Data,
    queries: Data,
    *,
    ridge: float = RIDGE,
    fit_to: FitTo = "predictions",
) -> Tensor:
    """The representer value of every training example for every query's given class.

    Args:
        tracing: The run and its network: a classifier that ends in a linear layer.
        train: n_train examples with int64 labels.
        queries: n_queries of them.
        ridge: Weight of the squared norm in the fit.
        fit_to: ``"predictions"`` of the network, as in the source, or the given ``"labels"``.

    Returns:
        float64, shape (n_train, n_queries); positive means excitatory, a proponent of the query.

    Raises:
        InputError: The network does not end in a linear layer, the targets are not class labels, a
            ridge that is not positive, or a fit that does not converge.
        NotFiniteError: A loss is NaN or infinite.
    """
    fitted = representer(tracing, train, ridge=ridge, fit_to=fit_to)
    seen = _see(tracing, queries)
    return fitted.values(seen.features, seen.labels)


def representer_self_values(
    tracing: Tracing, train: Data, *, ridge: float = RIDGE, fit_to: FitTo = "predictions"
) -> Tensor:
    """The representer value of every example for its own given class, float64, shape (n_train,).

    The source looks for mislabelled examples by ``|alpha_iy|``; here the kernel of
    the example with itself counts too, as in self-influence. Fitted to labels it is never negative,
    and large where the new head disagrees with the label; fitted to predictions its sign only tells
    in which direction the new head missed the network's output, so rank by its size.
    """
    return representer(tracing, train, ridge=ridge, fit_to=fit_to).self_values()


def representer(
    tracing: Tracing, train: Data, *, ridge: float = RIDGE, fit_to: FitTo = "predictions"
) -> Representer:
    """Fit the head anew and write it as a sum over the training examples.

    Args and errors are those of `representer_values`.
    """
    require_positive("ridge", ridge, RIDGE)
    if fit_to not in get_args(FitTo):
        raise InputError(
            expected=f"fit_to= {' or '.join(get_args(FitTo))}",
            came=repr(fit_to),
            do="choose one of them",
        )
    seen = _see(tracing, train)
    classes = seen.outputs.shape[1]
    if fit_to == "labels":
        targets = F.one_hot(seen.labels, classes).double()
    else:
        targets = seen.outputs.softmax(dim=1)
    weight = _fit(seen.features, targets, ridge)
    miss = targets - (seen.features @ weight.T).softmax(dim=1)
    return Representer(miss / (2 * ridge * len(miss)), seen.features, seen.labels, weight)


@dataclass(frozen=True)
class _Seen:
    """Features (n, d), logits (n, classes) and labels (n,) at the last checkpoint, in float64."""

    features: Tensor
    outputs: Tensor
    labels: Tensor


def _see(tracing: Tracing, data: Data) -> _Seen:
    objective = tracing.objective
    require_loss(objective.task)
    if objective.head is None:
        raise InputError(
            expected="a network whose output is a linear layer's output",
            came="one that ends otherwise",
            do="use a formula over all layers instead",
        )
    checkpoint = tracing.run.checkpoints[-1]
    require_steady(objective, data)
    with torch.inference_mode(False):
        objective.load(tracing.run.weights(checkpoint))
    head = objective.model.get_submodule(objective.head)
    assert isinstance(head, nn.Linear)  # noqa: S101
    features, outputs, labels = [], [], []
    for batch in tracing.batches(data):
        with torch.no_grad():
            evaluation = objective.evaluate(batch)
        require_finite_losses(evaluation.losses, where=checkpoint.file)
        _require_labels(batch.targets)
        assert evaluation.features is not None  # noqa: S101
        own = evaluation.features.cpu().double()
        ones = own.new_ones(len(own), 0 if head.bias is None else 1)
        features.append(torch.cat([own, ones], dim=1))
        outputs.append(evaluation.outputs.cpu().double())
        labels.append(batch.targets.cpu())
    return _Seen(torch.cat(features), torch.cat(outputs), torch.cat(labels))


def _require_labels(targets: Tensor) -> None:
    if targets.dim() != 1 or targets.dtype != torch.int64:
        raise InputError(
            expected="int64 class labels, shape (n,)",
            came=f"{targets.dtype}, shape {tuple(targets.shape)}",
            do="use influence functions for other targets",
        )


def _fit(features: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """The minimum of the objective: W, shape (classes, d). The objective is strictly convex."""
    with torch.inference_mode(False), torch.enable_grad():
        # Copies: what the caller's inference mode made cannot be saved for a backward pass.
        features, targets = features.clone(), targets.clone()
        weight = features.new_zeros(targets.shape[1], features.shape[1], requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight],
            max_iter=_STEPS,
            tolerance_grad=_GRADIENT,
            tolerance_change=0.0,
            history_size=50,
            line_search_fn="strong_wolfe",
        )

        def objective() -> Tensor:
            optimizer.zero_grad()
            fit = F.cross_entropy(features @ weight.T, targets)
            value = fit + ridge * weight.square().sum()
            value.backward()
            return value

        optimizer.step(objective)
        objective()
        assert weight.grad is not None  # noqa: S101
        left = float(weight.grad.abs().max())
    if not left <= _GRADIENT_ACCEPTED:
        raise InputError(
            expected="a fit of the last layer that converges",
            came=f"a gradient of {left:.1e} after {_STEPS} steps",
            do="pass a larger ridge",
        )
    return weight.detach()
