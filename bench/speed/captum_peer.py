"""captum's TracInCP family on a case, in our sign and axis order.

Scores come as (queries, training examples) and are transposed; their sign is ours. The function
that loads a checkpoint returns its learning rate, which captum weighs the inner products by. The
network must come in evaluation mode, because captum never asks for it.

Each class has its fastest settings that keep its scores exact:

* ``TracInCP`` makes one backward pass per example, and each goes through the graph of the whole
  batch: batches of one example are the fastest;
* ``sample_wise_grads_per_batch=True`` computes them together, but only of convolutions and linear
  layers: every other parameter is left out of the scores without a word;
* checkpoints lie in memory, because one is loaded for every batch of training examples;
* ``TracInCPFast`` computes the queries again for every batch of training examples, so its batches
  are large. It leaves the last layer's bias out;
* ``TracInCPFastRandProj`` without a projection dimension projects nothing and is exact.

``influence`` fails on gradients that lie channels-last, so captum gets a contiguous network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bench.speed.case import Case, Pair
from bench.speed.method import Budget, Formula, Method

SAMPLE_WISE_BATCH = 16
FAST_BATCH = 512
PROJECTED_BATCH = 128
"""Examples per batch; larger ones gained nothing."""

PARTIAL = "sees convolutions and linear layers only"
UNBIASED = "leaves the bias out"


def captum_methods(formula: Formula) -> Sequence[Method]:
    """captum's ways to compute a formula."""
    if formula == "last-layer":
        return (
            Method("TracInCPFast *", "captum", _fast, note=UNBIASED),
            Method("TracInCPFastRandProj *", "captum", _projected, note=UNBIASED),
        )
    if formula == "self-influence":
        exact, partial = (_self_influence(sample_wise) for sample_wise in (False, True))
        return (
            Method("TracInCP", "captum", exact, _train),
            Method("TracInCP, sample-wise *", "captum", partial, _train, PARTIAL),
        )
    aggregate = formula == "sum"
    name = "TracInCP, aggregate" if aggregate else "TracInCP"
    exact, partial = (_influence(aggregate, sample_wise) for sample_wise in (False, True))
    methods = [
        Method(name, "captum", exact, _once if aggregate else _chunked),
        Method(
            "TracInCP, sample-wise *",
            "captum",
            partial,
            _once if aggregate else _chunked,
            PARTIAL,
        ),
    ]
    if aggregate:
        # Every pair first, then the sum: what there was before `aggregate`.
        every = _influence(False, False)

        def summed(case: Case, budget: Budget) -> Tensor:
            return every(case, budget).sum(dim=1)

        methods.append(Method("TracInCP, then summed", "captum", summed, _chunked))
    return methods


def _influence(aggregate: bool, sample_wise: bool) -> Callable[[Case, Budget], Tensor]:
    def compute(case: Case, budget: Budget) -> Tensor:
        tracer = _tracer(case, budget, sample_wise)
        size = len(case.queries[0]) if aggregate else _chunk(case, budget)
        parts = []
        for start in range(0, len(case.queries[0]), size):
            queries = (case.queries[0][start : start + size], case.queries[1][start : start + size])
            loader = _batches(queries, _batch_size(case, budget, sample_wise))
            parts.append(tracer.influence(loader, aggregate=aggregate).detach().double())
        scores = torch.cat(parts).T
        return scores[:, 0] if aggregate else scores

    return compute


def _self_influence(sample_wise: bool) -> Callable[[Case, Budget], Tensor]:
    def compute(case: Case, budget: Budget) -> Tensor:
        tracer = _tracer(case, budget, sample_wise)
        scores: Tensor = tracer.self_influence(outer_loop_by_checkpoints=True)
        return scores.detach().double()

    return compute


def _fast(case: Case, _: Budget) -> Tensor:
    from captum.influence import TracInCPFast

    model = _contiguous(case.model)
    tracer = TracInCPFast(
        model,
        model.get_submodule("head"),
        _batches(case.train, FAST_BATCH),
        list(case.checkpoints),
        checkpoints_load_func=_load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        vectorize=True,
    )
    scores: Tensor = tracer.influence(case.queries)
    return scores.detach().double().T


def _projected(case: Case, _: Budget) -> Tensor:
    from captum.influence import TracInCPFastRandProj

    model = _contiguous(case.model)
    # It seeds torch's global generator.
    with torch.random.fork_rng(devices=[]):
        tracer = TracInCPFastRandProj(
            model,
            model.get_submodule("head"),
            _batches(case.train, PROJECTED_BATCH),
            list(case.checkpoints),
            checkpoints_load_func=_load,
            loss_fn=nn.CrossEntropyLoss(reduction="sum"),
            vectorize=True,
            # The default asks for a library of its own; scores need no neighbours.
            nearest_neighbors=_no_neighbours(),
        )
    scores: Tensor = tracer.influence(case.queries, k=None)
    return scores.detach().double().T


def _tracer(case: Case, budget: Budget, sample_wise: bool) -> Any:
    from captum.influence import TracInCP

    return TracInCP(
        _contiguous(case.model),
        _batches(case.train, _batch_size(case, budget, sample_wise)),
        list(case.checkpoints),
        checkpoints_load_func=_load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum" if sample_wise else "none"),
        sample_wise_grads_per_batch=sample_wise,
    )


def _load(model: nn.Module, checkpoint: tuple[dict[str, Tensor], float]) -> float:
    state, rate = checkpoint
    model.load_state_dict(state)
    return rate


def _batches(data: Pair, size: int) -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(*data), batch_size=size)


def _contiguous(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).to(  # type: ignore[call-overload, no-any-return]
        memory_format=torch.contiguous_format
    )


def _no_neighbours() -> Any:
    from captum.influence._utils.nearest_neighbors import NearestNeighbors

    class Unused(NearestNeighbors):  # type: ignore[misc]
        def setup(self, data: Tensor) -> None:
            pass

        def get_nearest_neighbors(self, query: Tensor, k: int) -> tuple[Tensor, Tensor]:
            raise NotImplementedError

    return Unused()


def _batch_size(case: Case, budget: Budget, sample_wise: bool) -> int:
    if not sample_wise:
        return 1
    return min(SAMPLE_WISE_BATCH, max(1, budget.fits(case.parameters) // 2))


def _chunk(case: Case, budget: Budget) -> int:
    """Queries per call: their gradients at every checkpoint are held at once."""
    return max(1, budget.fits(case.parameters) // (2 * len(case.checkpoints)))


def _train(case: Case, _: Budget) -> int:
    return len(case.train[0])


def _once(case: Case, _: Budget) -> int:
    return len(case.train[0]) + len(case.queries[0])


def _chunked(case: Case, budget: Budget) -> int:
    train, queries = len(case.train[0]), len(case.queries[0])
    return queries + train * -(-queries // _chunk(case, budget))
