"""Per-example gradients of one parameter, in whatever form makes their inner products cheap.

Most layers give a sum of few outer products, whose inner products need only the factors (Goodfellow
2015; Li et al. 2022 for sequences, who call this a ghost norm):

    <sum_t a_t (outer) b_t, sum_s c_s (outer) d_s>  =  sum_ts <a_t, c_s> <b_t, d_s>

Methods take the cheaper way, with factors or written out, by operation count. Results are in the
device's widest type, float64 nearly everywhere; what is summed on the way has the dtype of the
factors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import torch
from torch import Tensor

from radiotracer.gradients.ghost.products import crossed, summed
from radiotracer.gradients.precision import wide

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
            parts.append(wide(torch.linalg.vecdot(mine, theirs)))
        return torch.cat(parts)

    def inner(self, other: Form) -> Tensor:
        """``<g_i, h_j>`` for every pair, shape (n, m); `other` keeps what it has written out."""
        each = math.prod(self.shape)
        parts = [self.take(rows).written @ other.written.T for rows in blocks(len(self), each)]
        return wide(torch.cat(parts))

    def along(self, directions: Tensor) -> Tensor:
        """``<g_i, v_k>`` for K directions, shape (K, *shape), to shape (n, K)."""
        columns = directions.reshape(len(directions), -1).T
        parts = []
        for rows in blocks(len(self), math.prod(self.shape)):
            written = self.take(rows).full().reshape(-1, len(columns))
            parts.append(written @ columns.to(written))
        return wide(torch.cat(parts))


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
        if not self.is_like(other) or t * s * (p + q) > (t + s) * p * q:
            return super().paired(other)
        parts = []
        for rows in blocks(len(self), t * s):
            left = self.left[rows] @ other.left[rows].mT
            parts.append(summed(left * (self.right[rows] @ other.right[rows].mT)))
        return torch.cat(parts)

    def inner(self, other: Form) -> Tensor:
        """Through the factors if that takes fewer operations per pair."""
        if not self.is_like(other) or self._written_is_cheaper(other):
            return super().inner(other)
        parts = []
        for rows in blocks(len(self), self.left.shape[1] * other.left.shape[:2].numel()):
            left = crossed(self.left[rows], other.left)
            right = crossed(self.right[rows], other.right)
            parts.append(wide((left * right).sum(dim=(1, 3))))
        return torch.cat(parts)

    def along(self, directions: Tensor) -> Tensor:
        """``sum_t left_t^T V right_t`` where that takes fewer operations than writing out."""
        (_, t, p), q, k = self.left.shape, self.right.shape[2], len(directions)
        if t * k > t + k:
            return super().along(directions)
        matrices = directions.reshape(k, p, q).to(self.left)
        return torch.stack([summed((self.left @ v) * self.right) for v in matrices], dim=1)

    def is_like(self, other: Form) -> TypeGuard[Outer]:
        """Whether both are outer products of vectors of the same kind, so that factors meet."""
        return isinstance(other, Outer) and other.left.shape[2] == self.left.shape[2]

    def _written_is_cheaper(self, other: Outer) -> bool:
        (n, t, p), (m, s, q) = self.left.shape, other.right.shape
        written = p * q * (1 + t / m + s / n)
        # Two matrix products, and an element-wise one that memory makes several times dearer.
        return written < t * s * (p + q + ELEMENTWISE)


def blocks(count: int, each: int) -> list[slice]:
    """Slices of `count` rows of `each` numbers, none holding more than `BLOCK` (or one row)."""
    size = max(1, BLOCK // max(1, each))
    return [slice(start, start + size) for start in range(0, count, size)]
