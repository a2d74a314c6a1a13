"""Per-example gradients of a table of which each example used few rows, as embeddings do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Outer, blocks
from radiotracer.gradients.ghost.products import crossed, summed
from radiotracer.gradients.precision import wide


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
            parts.append(wide((products * same).sum(dim=(1, 3))))
        return torch.cat(parts)

    def along(self, directions: Tensor) -> Tensor:
        """The directions' rows at the indices."""
        tables = directions.reshape(-1, *self.shape).to(self.values)
        return torch.stack([summed(table[self.index] * self.values) for table in tables], dim=1)
