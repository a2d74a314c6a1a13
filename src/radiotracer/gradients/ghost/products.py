"""Products of factors of per-example gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from radiotracer.gradients.precision import wide


def summed(products: Tensor) -> Tensor:
    """Over all but the first axis, in the device's widest type."""
    return wide(products.flatten(1).sum(dim=1))


def crossed(left: Tensor, right: Tensor) -> Tensor:
    """Inner products of vectors, shapes (n, t, d) and (m, s, d) to (n, t, m, s)."""
    (n, t, d), (m, s, _) = left.shape, right.shape
    return (left.reshape(-1, d) @ right.reshape(-1, d).T).view(n, t, m, s)


def added(terms: Sequence[Tensor]) -> Tensor:
    """Their sum."""
    return sum(terms[1:], start=terms[0])
