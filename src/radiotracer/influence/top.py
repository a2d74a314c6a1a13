"""The strongest proponents and opponents of each query, without a matrix of all the scores.

Pruthi et al. 2020, section 4: the k training examples with the largest and with the smallest
influence on a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients import Data, count, in_batches
from radiotracer.influence.tracin_cp import tracin_cp_pairs
from radiotracer.influence.tracing import Tracing

MEMORY = 2**28
"""Bytes that scores may hold at once."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """k training examples for each of m queries, the strongest first.

    Args:
        rows: Rows of the training data, int64, shape (m, k).
        scores: Their influence on the query, float64, shape (m, k).
    """

    rows: Tensor
    scores: Tensor

    def __repr__(self) -> str:
        """How many of how many."""
        return f"Ranking({self.rows.shape[1]:,} examples for each of {len(self.rows):,} queries)"


@dataclass(frozen=True, eq=False)
class Top:
    """Both ends for each of m queries, the strongest first; equal scores by ascending row.

    Args:
        proponents_rows: Rows with the largest influence, int64, shape (m, k).
        proponents_scores: Descending, float64, shape (m, k).
        opponents_rows: Rows with the smallest influence, int64, shape (m, k).
        opponents_scores: Ascending, float64, shape (m, k).
    """

    proponents_rows: Tensor
    proponents_scores: Tensor
    opponents_rows: Tensor
    opponents_scores: Tensor

    def __repr__(self) -> str:
        """How many of how many."""
        queries, k = self.proponents_rows.shape
        return f"Top({k:,} proponents and opponents for each of {queries:,} queries)"

    @staticmethod
    def of(blocks: Iterable[Tensor], k: int) -> Top:
        """Both ends of a matrix of scores that comes block by block, as in `top_k`."""
        proponents, opponents = _Best(k, largest=True), _Best(k, largest=False)
        for block in blocks:
            proponents.add(block)
            opponents.add(block)
        best, worst = proponents.ranking(), opponents.ranking()
        return Top(best.rows, best.scores, worst.rows, worst.scores)


def strongest(blocks: Iterable[Tensor], k: int, largest: bool = True) -> Ranking:
    """The k rows with the largest scores in each column of a matrix that comes block by block.

    Equal scores are ranked by ascending row, wherever the blocks end.

    Args:
        blocks: Consecutive rows of the matrix: finite scores of shape (rows, m), any number of
            rows in each.
        k: How many.
        largest: False ranks the smallest scores, ascending.

    Raises:
        InputError: k is less than 1 or more than there are rows.
    """
    best = _Best(k, largest=largest)
    for block in blocks:
        best.add(block)
    return best.ranking()


Pairs = Callable[[Tracing, Data, Data], Tensor]
"""A formula for every pair: float64, shape (n_train, n_queries)."""


def top_pairs(
    tracing: Tracing,
    train: Data,
    queries: Data,
    k: int,
    *,
    formula: Pairs = tracin_cp_pairs,
    memory: int = MEMORY,
) -> Top:
    """Proponents and opponents by an exact formula.

    As many queries at a time as `memory` allows are scored against all training examples: scores
    must be summed over the checkpoints before they are ranked.

    Args:
        tracing: The run and its network.
        train: n_train examples.
        queries: m of them.
        k: How many of each end, at most n_train.
        formula: Scores every pair; by default TracInCP.
        memory: Bytes that scores may hold at once, beyond one query's.

    Raises:
        InputError: k is less than 1 or more than there are training examples.
        NotFiniteError: A loss or a score is NaN or infinite.
    """
    require_k(k, count(train))
    size = max(1, memory // (8 * count(train)))
    tops = [
        Top.of([formula(tracing, train, (batch.inputs, batch.targets))], k)
        for batch in in_batches(queries, size)
    ]
    return Top(
        torch.cat([top.proponents_rows for top in tops]),
        torch.cat([top.proponents_scores for top in tops]),
        torch.cat([top.opponents_rows for top in tops]),
        torch.cat([top.opponents_scores for top in tops]),
    )


def require_k(k: int, rows: int) -> None:
    """Raise `InputError` unless k of these rows can be ranked."""
    if not isinstance(k, int) or not 1 <= k <= rows:
        raise InputError(
            expected=f"top_k= from 1 to the number of training examples, {rows}",
            came=str(k),
            do="pass, say, top_k=10",
        )


class _Best:
    """The best k rows so far."""

    def __init__(self, k: int, *, largest: bool) -> None:
        if not isinstance(k, int) or k < 1:
            raise InputError(expected="top_k= of at least 1", came=str(k), do="pass, say, top_k=10")
        self.k = k
        self.sign = 1 if largest else -1
        self.seen = 0
        self.rows = torch.zeros(0, 0, dtype=torch.int64)
        self.scores = torch.zeros(0, 0, dtype=torch.float64)

    def add(self, block: Tensor) -> None:
        scores = self.sign * block.detach().double().T
        columns = _best_columns(scores, self.k)
        rows, scores = columns + self.seen, scores.gather(1, columns)
        if self.seen:
            rows = torch.cat([self.rows, rows], dim=1)
            scores = torch.cat([self.scores, scores], dim=1)
        # Rows of equal scores stand in ascending order, which a stable sort keeps.
        order = scores.argsort(dim=1, descending=True, stable=True)[:, : self.k]
        self.rows, self.scores = rows.gather(1, order), scores.gather(1, order)
        self.seen += len(block)

    def ranking(self) -> Ranking:
        require_k(self.k, self.seen)
        return Ranking(self.rows, self.sign * self.scores)


def _best_columns(scores: Tensor, k: int) -> Tensor:
    """The k largest of each row of (m, n), the first among equals, as ascending columns (m, k)."""
    m, n = scores.shape
    if k >= n:
        return torch.arange(n).expand(m, n)
    # `topk` breaks ties as it likes: it only tells the least score that is taken.
    least = scores.topk(k, dim=1).values[:, -1:]
    above, equal = scores > least, scores == least
    room = k - above.sum(dim=1, keepdim=True)
    taken = above | (equal & (equal.cumsum(dim=1) <= room))
    return taken.nonzero()[:, 1].view(m, k)
