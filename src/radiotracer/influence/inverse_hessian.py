"""Influence functions: the inverse Hessian between two gradients (Koh & Liang 2017).

    I(z, z') = (1/n) <grad m(w, z'), (H + damping 1)^-1 grad l(w, z)>,
    H = (1/n) sum_i hess l(w, z_i)

at the last checkpoint w of the run, with l the loss that was trained on and m what is asked of the
query (in the source both are one): what adding z once more to the n training examples would take
off m at z', to first order. Koh & Liang write I_up,loss = -n I.

Captum forms the Hessian over the traced parameters and inverts it by its eigenvalues, so this is
the definition itself and not an approximation by conjugate gradients or sampling; the price is
that only a few thousand parameters can be traced: the last layer of a large network, as Koh &
Liang do for theirs. Differs from the source in: directions of negative damped curvature, which a
network that is not at a minimum has, are left out.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from radiotracer.data.inputs import Inputs
from radiotracer.errors import InputError
from radiotracer.gradients import (
    DENSE_BATCH,
    Batch,
    Data,
    Objective,
    count,
    in_batches,
    require_finite_losses,
)
from radiotracer.influence.steady import require_steady
from radiotracer.influence.tracing import Tracing, require_finite_scores, require_positive

MAX_PARAMETERS = 4096
"""More are refused: the Hessian takes their square in memory, a backward pass each per batch."""

DAMPING = 1.0
"""Added to the Hessian of the mean loss, whose eigenvalues reach from 0 to about 5 for the
reference network's last layer. Less damping finds fewer flipped labels (development seed 100)."""

_FLATTEST = 1e-7
"""Damped curvature of the mean loss below which a direction counts as flat and is left out."""


def influence_functions(
    tracing: Tracing, train: Data, queries: Data, *, damping: float = DAMPING
) -> Tensor:
    """``I(z_i, z'_j)`` for every pair, over the traced parameters.

    Args:
        tracing: The run and its network; at most `MAX_PARAMETERS` parameters are traced.
        train: What the run was trained on; n_train examples, which also make the Hessian.
        queries: The same kind; n_queries of them.
        damping: Added to the Hessian's diagonal; larger is closer to the plain inner product.

    Returns:
        float64, shape (n_train, n_queries); positive means a proponent of the query.

    Raises:
        InputError: Captum is not installed, too many parameters are traced, no direction has
            positive curvature, or a damping that is not positive.
        NotFiniteError: A loss or a score is NaN or infinite.
    """
    embed = hessian_embedding(tracing, train, damping=damping)
    return embed(train) @ embed(queries, asked=True).T


def influence_functions_self(tracing: Tracing, train: Data, *, damping: float = DAMPING) -> Tensor:
    """``I(z_i, z_i)``: float64, shape (n_train,), never negative."""
    return hessian_embedding(tracing, train, damping=damping)(train).square().sum(dim=1)


def hessian_embedding(tracing: Tracing, train: Data, *, damping: float = DAMPING) -> Embed:
    """Vectors whose inner products are influence: ``I(z, z') = <e(z), e'(z')>``.

    The Hessian is made once, here; each call of the result costs a gradient per example.

    Args:
        tracing: As in `influence_functions`.
        train: As in `influence_functions`.
        damping: As in `influence_functions`.

    Returns:
        A function from m examples to ``e = R^T grad l`` (or, with ``asked=True``, to ``e' = R^T
        grad m``), float64, shape (m, directions), where ``R R^T = (n H + n damping 1)^-1`` over
        the directions of positive damped curvature.
    """
    require_positive("damping", damping, DAMPING)
    captum = _captum()
    checkpoint = tracing.run.checkpoints[-1]
    # Captum sums the losses, so what belongs to their mean is scaled by n.
    n = count(train)
    with _contained():
        tracing.objective.load(tracing.run.weights(checkpoint))
        loader = _loader(train, tracing.batch_size, tracing.objective.device)
        network = _Traced(tracing.objective)
        try:
            inverse = captum.NaiveInfluenceFunction(
                network,
                loader,
                checkpoint.file,
                _already_loaded,
                loss_fn=_PerExample(checkpoint.file),
                hessian_dataset=loader,
                projection_dim=None,
                hessian_reg=n * damping,
                hessian_inverse_tol=n * _FLATTEST,
            )
        except Exception as error:
            if "no positive eigenvalues" not in str(error):
                raise
            raise InputError(
                expected="a Hessian with positive curvature at the last checkpoint",
                came="none in any direction",
                do=f"pass a larger damping than {damping}",
            ) from error

    def embed(data: Data, *, asked: bool = False) -> Tensor:
        network.objective = tracing.asked if asked else tracing.objective
        require_steady(network.objective, data)
        with _contained():
            loader = _loader(data, DENSE_BATCH, tracing.objective.device)
            found = inverse.compute_intermediate_quantities(loader)
        embedding: Tensor = found.detach().cpu().double()
        require_finite_scores(embedding, where=checkpoint.file)
        return embedding

    return embed


class Embed(Protocol):
    """Examples to vectors: of what was trained on, or of what is asked."""

    def __call__(self, data: Data, *, asked: bool = False) -> Tensor:
        """m examples to float64, shape (m, directions)."""


class _Traced(nn.Module):
    """The losses as a function of the traced parameters, its only ones, at their present values.

    Captum differentiates in every parameter that it finds.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        traced = objective.parameters()
        size = sum(weight.numel() for weight in traced.values())
        if size > MAX_PARAMETERS:
            raise InputError(
                expected=f"at most {MAX_PARAMETERS:,} traced parameters, to form their Hessian",
                came=f"{size:,}",
                do=f"trace fewer layers, such as layers=['{objective.head or 'head'}.*']",
            )
        self.names = tuple(traced)
        self.weights = nn.ParameterList(weight.clone() for weight in traced.values())
        # Not a submodule, whose parameters would count as this network's.
        self.objective = objective
        self.fixed = {name: each.detach() for name, each in objective.model.named_parameters()}

    def forward(self, inputs: Inputs, targets: Tensor) -> Tensor:
        """Examples to their losses, shape (n,)."""
        given = dict(zip(self.names, self.weights, strict=True))
        return self.objective.evaluate(Batch(inputs, targets), {**self.fixed, **given}).losses


class _PerExample:
    """A loss per example that says so in the way that captum looks for."""

    reduction = "none"

    def __init__(self, where: str) -> None:
        self.where = where

    def __call__(self, losses: Tensor, _: Tensor) -> Tensor:
        require_finite_losses(losses, where=self.where)
        return losses


class _Batches(IterableDataset[tuple[Inputs, Tensor, Tensor]]):
    """Batches of inputs and targets, from data in any form; captum takes the last for labels."""

    def __init__(self, data: Data, batch_size: int, device: torch.device) -> None:
        self.data = data
        self.batch_size = batch_size
        self.device = device

    def __iter__(self) -> Iterator[tuple[Inputs, Tensor, Tensor]]:
        for batch in in_batches(self.data, self.batch_size, device=self.device):
            yield batch.inputs, batch.targets, batch.targets


def _loader(
    data: Data, batch_size: int, device: torch.device
) -> DataLoader[tuple[Inputs, Tensor, Tensor]]:
    return DataLoader(_Batches(data, batch_size, device), batch_size=None)


def _already_loaded(_: nn.Module, __: str) -> float:
    """Captum asks for a function that loads a checkpoint and returns a learning rate."""
    return 1.0


def _captum() -> Any:
    try:
        import captum.influence
    except ImportError as error:
        raise InputError(
            expected="captum, which forms and inverts the Hessian",
            came="an environment without it",
            do='pip install "radiotracer[influence-functions]"',
        ) from error
    return captum.influence


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Captum seeds torch's global random state, and needs gradients whatever the caller's mode."""
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", module="captum")
        yield
