"""Per-example gradients of a parameter that is used more than once: a sum of forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Full, Outer
from radiotracer.gradients.ghost.products import added
from radiotracer.gradients.ghost.tables import Rows


@dataclass(frozen=True, eq=False)
class Sum(Form):
    """The sum of several forms: a parameter that is used more than once, with its cross terms."""

    parts: tuple[Form, ...]

    @staticmethod
    def of(parts: Sequence[Form]) -> Form:
        """One form for all of them: of one kind, gradients add up and outer products join."""
        kinds: list[list[Form]] = []
        for part in parts:
            like = next((kind for kind in kinds if _is_like(kind[0], part)), None)
            if like is None:
                kinds.append([part])
            else:
                like.append(part)
        joined = [_joined(kind) for kind in kinds]
        return joined[0] if len(joined) == 1 else Sum(joined[0].shape, tuple(joined))

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


def _is_like(first: Form, other: Form) -> bool:
    if isinstance(first, Outer):
        return first.is_like(other)
    return isinstance(first, Full | Rows) and type(first) is type(other)


def _joined(kind: Sequence[Form]) -> Form:
    """One form for several of one kind."""
    first, *more = kind
    if not more:
        return first
    if isinstance(first, Full):
        return Full(first.shape, added([part.full() for part in kind]))
    if isinstance(first, Rows):
        index = torch.cat([part.index for part in kind if isinstance(part, Rows)], dim=1)
        values = torch.cat([part.values for part in kind if isinstance(part, Rows)], dim=1)
        return Rows(first.shape, index, values)
    outer = [part for part in kind if isinstance(part, Outer)]
    left = torch.cat([part.left for part in outer], dim=1)
    return Outer(first.shape, left, torch.cat([part.right for part in outer], dim=1))
