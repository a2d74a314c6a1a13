"""Per-example gradients of one parameter, in whatever form makes their inner products cheap.

Most layers give a sum of few outer products, whose inner products need only the factors (Goodfellow
2015; Li et al. 2022 for sequences, who call this a ghost norm):

    <sum_t a_t (outer) b_t, sum_s c_s (outer) d_s>  =  sum_ts <a_t, c_s> <b_t, d_s>

Methods take the cheaper way, with factors or written out, by operation count. Results are float64;
what is summed on the way has the dtype of the factors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import torch
from torch import Tensor

from radiotracer.gradients.ghost.products import added, crossed, summed

BLOCK = 2**21
"""Numbers that an intermediate result may hold; what would be larger is made in blocks."""

ELEMENTWISE = 12
"""What one number of an element-wise pass costs, in multiply-adds of a matrix product."""


@dataclass(frozen=True, eq=False)
class Form(ABC):
    """n per-example gradients of one parameter.

    Args:
        shape: The parameter's shape.
    """

    shape: tuple[int, ...]

    @abstractmethod
    def __len__(self) -> int:
        """How many examples, n."""

    @abstractmethod
    def full(self) -> Tensor:
        """The gradients written out, shape (n, *shape)."""

    @abstractmethod
    def take(self, rows: slice) -> Form:
        """The same for some of the examples."""

    @property
    def kept(self) -> int:
        """How many numbers per example are kept, once asked for inner products with its like."""
        return math.prod(self.shape)

    @cached_property
    def written(self) -> Tensor:
        """The gradients written out and kept, one per row, in any fixed order of their numbers."""
        return self.full().reshape(len(self), -1)

    def square_norm(self) -> Tensor:
        """``||g_i||^2``, shape (n,)."""
        return self.paired(self)

    def paired(self, other: Form) -> Tensor:
        """``<g_i, h_i>`` with another form of the same parameter and examples, shape (n,)."""
        parts = []
        for rows in blocks(len(self), math.prod(self.shape)):
            mine = self.take(rows).written
            theirs = mine if other is self else other.take(rows).written
            parts.append(torch.linalg.vecdot(mine, theirs).double())
        return torch.cat(parts)

    def inner(self, other: Form) -> Tensor:
        """``<g_i, h_j>`` for every pair, shape (n, m); `other` keeps what it has written out."""
        each = math.prod(self.shape)
        parts = [self.take(rows).written @ other.written.T for rows in blocks(len(self), each)]
        return torch.cat(parts).double()

    def along(self, directions: Tensor) -> Tensor:
        """``<g_i, v_k>`` for K directions, shape (K, *shape), to shape (n, K)."""
        columns = directions.reshape(len(directions), -1).T
        parts = []
        for rows in blocks(len(self), math.prod(self.shape)):
            written = self.take(rows).full().reshape(-1, len(columns))
            parts.append(written @ columns.to(written))
        return torch.cat(parts).double()


@dataclass(frozen=True, eq=False)
class Full(Form):
    """Gradients written out: for parameters with few numbers, and for what has no rule.

    Args:
        gradients: Shape (n, *shape).
    """

    gradients: Tensor

    def __len__(self) -> int:
        """How many examples."""
        return len(self.gradients)

    def full(self) -> Tensor:
        """The gradients, shape (n, *shape)."""
        return self.gradients

    def take(self, rows: slice) -> Full:
        """Some of the rows."""
        return Full(self.shape, self.gradients[rows])


@dataclass(frozen=True, eq=False)
class Outer(Form):
    """``g_i = sum_t left_it (outer) right_it``: matrices that multiply T vectors per example.

    Args:
        left: Shape (n, T, p).
        right: Shape (n, T, q); the parameter has p x q numbers.
    """

    left: Tensor
    right: Tensor

    def __len__(self) -> int:
        """How many examples."""
        return len(self.left)

    def full(self) -> Tensor:
        """The products, summed over t."""
        return (self.left.mT @ self.right).reshape(len(self), *self.shape)

    def take(self, rows: slice) -> Outer:
        """Some of the rows."""
        return Outer(self.shape, self.left[rows], self.right[rows])

    @property
    def kept(self) -> int:
        """Written out, or the factors."""
        factors = self.left.shape[1] * (self.left.shape[2] + self.right.shape[2])
        return math.prod(self.shape) if self._written_is_cheaper(self) else factors

    def paired(self, other: Form) -> Tensor:
        """Through the factors if T x S (p + q) operations are fewer than (T + S) p q."""
        (_, t, p), q = self.left.shape, self.right.shape[2]
        s = other.left.shape[1] if isinstance(other, Outer) else 0
        if not self._is_like(other) or t * s * (p + q) > (t + s) * p * q:
            return super().paired(other)
        parts = []
        for rows in blocks(len(self), t * s):
            left = self.left[rows] @ other.left[rows].mT
            parts.append(summed(left * (self.right[rows] @ other.right[rows].mT)))
        return torch.cat(parts)

    def inner(self, other: Form) -> Tensor:
        """Through the factors if that takes fewer operations per pair."""
        if not self._is_like(other) or self._written_is_cheaper(other):
            return super().inner(other)
        parts = []
        for rows in blocks(len(self), self.left.shape[1] * other.left.shape[:2].numel()):
            left = crossed(self.left[rows], other.left)
            right = crossed(self.right[rows], other.right)
            parts.append((left * right).sum(dim=(1, 3)).double())
        return torch.cat(parts)

    def along(self, directions: Tensor) -> Tensor:
        """``sum_t left_t^T V right_t`` where that takes fewer operations than writing out."""
        (_, t, p), q, k = self.left.shape, self.right.shape[2], len(directions)
        if t * k > t + k:
            return super().along(directions)
        matrices = directions.reshape(k, p, q).to(self.left)
        return torch.stack([summed((self.left @ v) * self.right) for v in matrices], dim=1)

    def _is_like(self, other: Form) -> TypeGuard[Outer]:
        return isinstance(other, Outer) and other.left.shape[2] == self.left.shape[2]

    def _written_is_cheaper(self, other: Outer) -> bool:
        (n, t, p), (m, s, q) = self.left.shape, other.right.shape
        written = p * q * (1 + t / m + s / n)
        # Two matrix products, and an element-wise one that memory makes several times dearer.
        return written < t * s * (p + q + ELEMENTWISE)


@dataclass(frozen=True, eq=False)
class Rows(Form):
    """``g_i = sum_t e_index (outer) value``: a table of which each example used T rows.

    Args:
        index: Which rows, int64, shape (n, T).
        values: Their gradients, shape (n, T, d); the parameter has V x d numbers.
    """

    index: Tensor
    values: Tensor

    def __len__(self) -> int:
        """How many examples."""
        return len(self.index)

    def full(self) -> Tensor:
        """The table, zero where no row was used."""
        n, _, d = self.values.shape
        table = self.values.new_zeros(n, self.shape[0], d)
        return table.scatter_add_(1, self.index.unsqueeze(2).expand_as(self.values), self.values)

    def take(self, rows: slice) -> Rows:
        """Some of the rows."""
        return Rows(self.shape, self.index[rows], self.values[rows])

    @property
    def kept(self) -> int:
        """The values."""
        return self.values.shape[1:].numel()

    def paired(self, other: Form) -> Tensor:
        """Rows meet where their indices agree; a product of vectors is looked up at the indices."""
        parts = []
        if isinstance(other, Rows):
            for rows in blocks(len(self), self.index.shape[1] * other.index.shape[1]):
                same = self.index[rows].unsqueeze(2) == other.index[rows].unsqueeze(1)
                parts.append(summed((self.values[rows] @ other.values[rows].mT) * same))
            return torch.cat(parts)
        if isinstance(other, Outer) and other.left.shape[2] == self.shape[0]:
            for rows in blocks(len(self), self.index.shape[1] * other.left.shape[1]):
                where = self.index[rows].unsqueeze(1).expand(-1, other.left.shape[1], -1)
                found = other.left[rows].gather(2, where)
                parts.append(summed(other.right[rows] @ self.values[rows].mT * found))
            return torch.cat(parts)
        return super().paired(other)

    def inner(self, other: Form) -> Tensor:
        """Rows meet where their indices agree."""
        if not isinstance(other, Rows):
            return super().inner(other)
        parts = []
        for rows in blocks(len(self), self.index.shape[1] * other.index.numel()):
            same = self.index[rows][:, :, None, None] == other.index
            products = crossed(self.values[rows], other.values)
            parts.append((products * same).sum(dim=(1, 3)).double())
        return torch.cat(parts)

    def along(self, directions: Tensor) -> Tensor:
        """The directions' rows at the indices."""
        tables = directions.reshape(-1, *self.shape).to(self.values)
        return torch.stack([summed(table[self.index] * self.values) for table in tables], dim=1)


@dataclass(frozen=True, eq=False)
class Sum(Form):
    """The sum of several forms: a parameter that is used more than once, with its cross terms."""

    parts: tuple[Form, ...]

    @staticmethod
    def of(parts: Sequence[Form]) -> Form:
        """One form for all of them; outer products of one kind simply join."""
        if len(parts) == 1:
            return parts[0]
        first = next((part for part in parts if isinstance(part, Outer)), None)
        if first is None:
            return Sum(parts[0].shape, tuple(parts))
        outer = [part for part in parts if first._is_like(part)]
        rest = tuple(part for part in parts if not first._is_like(part))
        left = torch.cat([part.left for part in outer], dim=1)
        right = torch.cat([part.right for part in outer], dim=1)
        joined = Outer(first.shape, left, right)
        return Sum(first.shape, (joined, *rest)) if rest else joined

    def __len__(self) -> int:
        """How many examples."""
        return len(self.parts[0])

    def full(self) -> Tensor:
        """The parts written out and added."""
        return added([part.full() for part in self.parts])

    def paired(self, other: Form) -> Tensor:
        """Every part with every part: squares and cross terms."""
        others = other.parts if isinstance(other, Sum) else (other,)
        # A table knows both kinds, a product of factors only its own.
        return added(
            [
                right.paired(left) if isinstance(right, Rows) else left.paired(right)
                for left in self.parts
                for right in others
            ]
        )

    def inner(self, other: Form) -> Tensor:
        """Every part with every part."""
        others = other.parts if isinstance(other, Sum) else (other,)
        return added([left.inner(right) for left in self.parts for right in others])

    def along(self, directions: Tensor) -> Tensor:
        """Every part along the directions."""
        return added([part.along(directions) for part in self.parts])

    def take(self, rows: slice) -> Sum:
        """Some of the rows of every part."""
        return Sum(self.shape, tuple(part.take(rows) for part in self.parts))

    @property
    def kept(self) -> int:
        """What the parts keep; some pairs of kinds need everything written out."""
        return math.prod(self.shape) + sum(part.kept for part in self.parts)


def blocks(count: int, each: int) -> list[slice]:
    """Slices of `count` rows of `each` numbers, none holding more than `BLOCK` (or one row)."""
    size = max(1, BLOCK // max(1, each))
    return [slice(start, start + size) for start in range(0, count, size)]
