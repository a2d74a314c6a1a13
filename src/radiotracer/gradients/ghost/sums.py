"""Per-example gradients of a parameter that is used more than once: a sum of forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Outer
from radiotracer.gradients.ghost.products import added
from radiotracer.gradients.ghost.tables import Rows


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
        outer = [part for part in parts if first.is_like(part)]
        rest = tuple(part for part in parts if not first.is_like(part))
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
