"""Random projections of per-example gradients that are never written out.

Each traced parameter's gradient g, seen as a matrix of p x q numbers, becomes at most `dimension`
numbers phi(g), by a random linear map with

    E <phi(g), phi(h)> = <g, h>

for every g and h (Johnson & Lindenstrauss 1984; signs as in Achlioptas 2003):

- few numbers: kept as they are, without an error;
- a vector: each number with a random sign into a random one of `dimension` sums (Weinberger et al.
  2009, feature hashing), so that no d x dimension matrix is held;
- a matrix: ``phi(g) = P_l^T g P_r`` with matrices of random signs over the root of their widths.
  For ``g = sum_t a_t (outer) b_t`` this is ``sum_t (P_l^T a_t) (outer) (P_r^T b_t)``: only factors
  are projected, as in LoGra (Choe et al. 2024).

The relative variance of a matrix's inner products is about ``1 / k_l + 1 / k_r``, of a vector's
``1 / dimension``. Differs from LoGra in: a side with few numbers is kept whole, which leaves all of
the budget to the other; convolutions, tables, normalisations and biases are covered; no
principal components, no inverse Hessian.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.engine import walk
from radiotracer.gradients.ghost.forms import Form, Outer, blocks
from radiotracer.gradients.ghost.patches import Patches
from radiotracer.gradients.ghost.sums import Sum
from radiotracer.gradients.ghost.tables import Rows
from radiotracer.gradients.objective import Objective
from radiotracer.gradients.task import Batch


class ProjectionConfig(BaseModel):
    """Settings of a projection; equal settings give equal features, on every machine.

    Args:
        dimension: Numbers to which each parameter's gradient is projected; parameters with no more
            are kept as they are.
        seed: All random numbers follow from it and from the parameters' names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=256, ge=1)
    seed: int = Field(default=0, ge=0)


def project(
    objective: Objective, batch: Batch, projection: ProjectionConfig, rates: Mapping[str, float]
) -> Tensor:
    """Features whose inner products are, in expectation, ``sum_p w_p <g_i^p, h_j^p>``.

    Each side carries the root of a parameter's rate, so that the product carries it once.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        projection: Dimension and seed.
        rates: w: a factor for each parameter's part of the inner product, none negative.

    Returns:
        Shape (n, k), the parameters in the order of `feature_widths`; float64 where the parameters
        are, else float32.
    """
    maps = _maps_of(objective, projection)
    parameters = objective.parameters()
    parts = {
        name: value.new_zeros(len(batch), maps[name].width, dtype=_precision(value))
        for name, value in parameters.items()
    }

    def add(name: str, form: Form, rows: slice) -> None:
        # The map is linear: the parts of a sum are projected one by one.
        for part in form.parts if isinstance(form, Sum) else (form,):
            parts[name][rows] += math.sqrt(rates[name]) * maps[name].of(part).to(parts[name])

    walk(objective, batch, add)
    return torch.cat(list(parts.values()), dim=1)


def feature_widths(objective: Objective, projection: ProjectionConfig) -> dict[str, int]:
    """How many columns of `project` belong to each traced parameter, in their order."""
    return {name: each.width for name, each in _maps_of(objective, projection).items()}


class _Map(Protocol):
    """A linear map of one parameter's gradients; which one depends on the shape alone.

    The same parameter's gradients may come in several forms: each gives the same features.
    """

    @property
    def width(self) -> int: ...

    def of(self, form: Form) -> Tensor:
        """n gradients to shape (n, width)."""


@dataclass(frozen=True)
class _Maps:
    """The maps of an objective's parameters, by name."""

    projection: ProjectionConfig
    by_name: Mapping[str, _Map]


def _maps_of(objective: Objective, projection: ProjectionConfig) -> Mapping[str, _Map]:
    """The objective's maps, by parameter; those of the settings used last are kept."""
    maps: _Maps | None = objective.found.get(_Maps)
    if maps is None or maps.projection != projection:
        parameters = objective.parameters().items()
        by_name = {name: _make_map(name, value, projection) for name, value in parameters}
        maps = objective.found[_Maps] = _Maps(projection, by_name)
    return maps.by_name


def _make_map(name: str, value: Tensor, projection: ProjectionConfig) -> _Map:
    k, (p, q) = projection.dimension, _matrix(value.shape)
    if p * q <= k:
        return _Whole(p * q)
    # The name comes last, so that no two sides of any two parameters share a key.
    left, right = (f"{side} {projection.seed} {name}" for side in ("left", "right"))
    if min(p, q) == 1:
        buckets = np.frombuffer(hashlib.shake_256(left.encode()).digest(8 * p * q), "<u8") % k
        return _Hashed(
            torch.from_numpy(buckets.astype(np.int64)).to(value.device),
            _signs(right, 1, p * q, like=value),
            k,
        )
    k_left, k_right = _sides(p, q, k)
    return _TwoSided(
        p,
        q,
        None if k_left == p else _signs(left, p, k_left, like=value) / math.sqrt(k_left),
        None if k_right == q else _signs(right, q, k_right, like=value) / math.sqrt(k_right),
        k_left * k_right,
    )


def _matrix(shape: Sequence[int]) -> tuple[int, int]:
    """A parameter as a matrix: its first axis of more than one entry, and all that follow."""
    first = next((axis for axis, size in enumerate(shape) if size != 1), len(shape))
    return math.prod(shape[first : first + 1]), math.prod(shape[first + 1 :])


def _sides(p: int, q: int, k: int) -> tuple[int, int]:
    """Widths (k_l, k_r) with ``k_l k_r <= k < p q`` and little of ``1 / k_l + 1 / k_r``."""
    small = min(p, q)
    # The smaller side whole leaves the variance small / k; two equal widths leave 2 / sqrt(k).
    first = small if small <= k and small**2 <= 4 * k else math.isqrt(k)
    return (first, k // first) if p <= q else (k // first, first)


def _signs(key: str, rows: int, columns: int, *, like: Tensor) -> Tensor:
    """Random signs from a hash: the same for ever, whatever generators and machines do."""
    octets = hashlib.shake_256(key.encode()).digest(math.ceil(rows * columns / 8))
    bits = np.unpackbits(np.frombuffer(octets, np.uint8), count=rows * columns)
    signs = torch.from_numpy(bits).reshape(rows, columns).to(like.device, _precision(like))
    return 2 * signs - 1


def _precision(value: Tensor) -> torch.dtype:
    """Half-precision gradients are multiplied and summed in single precision."""
    return torch.promote_types(value.dtype, torch.float32)


@dataclass(frozen=True, eq=False)
class _Whole:
    """All the numbers."""

    width: int

    def of(self, form: Form) -> Tensor:
        return form.full().reshape(len(form), -1)


@dataclass(frozen=True, eq=False)
class _Hashed:
    """Each number with its sign, shape (1, d), into its bucket, shape (d,)."""

    buckets: Tensor
    signs: Tensor
    width: int

    def of(self, form: Form) -> Tensor:
        signed = form.full().reshape(len(form), -1) * self.signs
        return signed.new_zeros(len(form), self.width).index_add_(1, self.buckets, signed)


@dataclass(frozen=True, eq=False)
class _TwoSided:
    """``P_l^T g P_r`` for matrices of p x q numbers; a side whose matrix is None is kept whole."""

    p: int
    q: int
    left: Tensor | None
    right: Tensor | None
    width: int

    def of(self, form: Form) -> Tensor:
        if isinstance(form, Outer) and form.left.shape[2] == self.p:
            return (_times(form.left, self.left).mT @ _times(form.right, self.right)).flatten(1)
        if isinstance(form, Rows) and form.shape[0] == self.p:
            used = F.one_hot(form.index, self.p) if self.left is None else self.left[form.index]
            return (used.to(form.values).mT @ _times(form.values, self.right)).flatten(1)
        numbers = self.p * self.q
        if isinstance(form, Patches):
            columns = self.q if self.right is None else self.right.shape[1]
            numbers += form.errors.shape[2:].numel() * form.geometry.groups * columns
        return torch.cat([self._written(form.take(rows)) for rows in blocks(len(form), numbers)])

    def _written(self, form: Form) -> Tensor:
        """By way of ``g P_r``, shape (n, p, k_r)."""
        if isinstance(form, Patches) and self.right is not None and form.shape[0] == self.p:
            half = _patches_times(form, self.right)
        else:
            half = _times(form.full().reshape(len(form), self.p, self.q), self.right)
        return _times(half.mT, self.left).mT.flatten(1)


def _times(vectors: Tensor, matrix: Tensor | None) -> Tensor:
    return vectors if matrix is None else vectors.to(matrix.dtype) @ matrix


def _patches_times(form: Patches, right: Tensor) -> Tensor:
    """``g P_r`` of a convolution's weight, offset by offset of the kernel, without unfolding."""
    n, channels = len(form), form.shape[1]
    geometry, groups = form.geometry, form.geometry.groups
    by_offset = right.view(channels, -1, right.shape[1]).unbind(1)
    pixels = form.inputs.movedim(1, -1).unflatten(-1, (groups, channels))
    found = right.new_zeros(n, *form.errors.shape[2:], groups, right.shape[1])
    windows = geometry.windows(tuple(form.inputs.shape[2:]), tuple(form.errors.shape[2:]))
    for offset, (here, there) in windows.items():
        found[(slice(None), *here)] += pixels[(slice(None), *there)] @ by_offset[offset]
    errors = form.errors.reshape(n, groups, form.shape[0] // groups, -1)
    # Shapes (n, groups, p / groups, positions) and (n, groups, positions, k_r).
    return (errors @ found.flatten(1, -3).transpose(1, 2)).reshape(n, form.shape[0], -1)
