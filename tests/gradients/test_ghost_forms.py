"""Forms answer as their gradients written out do, whichever way is the cheaper one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from ghost_helpers import near
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost import Form, Full, Geometry, Outer, Patches, Rows, forms, patches
from radiotracer.gradients.ghost.derived import Pulled
from radiotracer.gradients.ghost.forms import blocks
from radiotracer.gradients.ghost.sums import Sum

SMALL = st.integers(1, 4)
COSTS = (-(10**9), 0, 10**9)
"""Of an element-wise pass: with factors always, sometimes and never."""


@contextmanager
def set_to(cost: int, block: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (forms, patches):
            patch.setattr(module, "ELEMENTWISE", cost)
        patch.setattr(forms, "BLOCK", block)
        yield


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def compare(one: Form, same: Form, others: Form) -> None:
    """`one` and `same` are of the same examples; `others` of any."""
    left, mate, right = (form.full().reshape(len(form), -1) for form in (one, same, others))
    shape = one.shape
    generator = drawn(1)
    for cost in COSTS:
        for block in (1, 2 * left.shape[1], 2**23):
            with set_to(cost, block):
                near(one.square_norm(), left.square().sum(dim=1))
                near(one.paired(same), (left * mate).sum(dim=1))
                near(same.paired(one), (left * mate).sum(dim=1))
                near(one.inner(others), left @ right.T)
                near(others.inner(one), right @ left.T)
                for count in (1, 3, 7):
                    directions = normal(generator, count, *shape)
                    near(one.along(directions), left @ directions.reshape(count, -1).T)
                    few = one.take(slice(1, None)).along(directions)
                    near(few, left[1:] @ directions.reshape(count, -1).T)
                taken = one.take(slice(0, 1))
                assert len(taken) == 1
                near(taken.full().reshape(1, -1), left[:1])
    assert one.kept > 0
    for result in (one.square_norm(), one.inner(others), one.along(normal(generator, 2, *shape))):
        assert result.dtype == torch.float64


@given(n=st.integers(2, 4), m=SMALL, t=SMALL, s=SMALL, p=SMALL, q=SMALL, seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_matrices_and_tables(n: int, m: int, t: int, s: int, p: int, q: int, seed: int) -> None:
    g = drawn(seed)

    def outer(count: int, terms: int) -> Outer:
        return Outer((p, q), normal(g, count, terms, p), normal(g, count, terms, q))

    def rows(count: int, terms: int) -> Rows:
        index = torch.randint(0, p, (count, terms), generator=g)
        return Rows((p, q), index, normal(g, count, terms, q))

    def full(count: int, _: int) -> Full:
        return Full((p, q), normal(g, count, p, q))

    def pulled(count: int, terms: int) -> Pulled:
        return Pulled((p, q), outer(count, terms), lambda gradients: 2 * gradients)

    def both(count: int, terms: int) -> Form:
        parts = [outer(count, terms), rows(count, t), full(count, 1), outer(count, s)]
        found = Sum.of(parts)
        near(found.full(), sum(part.full() for part in parts))
        assert len(found) == count
        return found

    kinds = (outer, rows, full, pulled, both)
    one = kinds[seed % 5](n, t)
    for kind in kinds:
        compare(one, kind(n, s), kind(m, s))


def test_sums() -> None:
    g = drawn(0)
    two = [Outer((2, 3), normal(g, 2, 1, 2), normal(g, 2, 1, 3)) for _ in range(2)]
    assert Sum.of(two[:1]) is two[0]
    joined = Sum.of(two)
    assert isinstance(joined, Outer)
    assert joined.left.shape == (2, 2, 2)
    # Factors that split the parameter's axes elsewhere do not join, nor meet.
    split = Outer((2, 3), normal(g, 2, 1, 1), normal(g, 2, 1, 6))
    apart = Sum.of([two[0], split])
    assert isinstance(apart, Sum)
    compare(apart, Sum.of([split, *two]), split)
    table = Rows((2, 3), torch.tensor([[0], [1]]), normal(g, 2, 1, 3))
    compare(table, split, apart)


def test_single_numbers_and_half_precision() -> None:
    one = Full((), torch.tensor([2.0, -3.0], dtype=torch.float64))
    compare(one, one, Full((), torch.tensor([5.0], dtype=torch.float64)))
    single = Outer((2, 2), torch.ones(1, 3, 2), torch.full((1, 3, 2), 1e-3))
    directions = torch.ones(2, 2, 2, dtype=torch.float16)
    assert single.along(directions)[0].tolist() == pytest.approx([0.012, 0.012])


@given(count=st.integers(1, 20), each=st.integers(0, 20), block=st.integers(1, 50))
def test_blocks_cover_everything_once(count: int, each: int, block: int) -> None:
    with set_to(1, block):
        parts = blocks(count, each)
    assert [row for part in parts for row in range(count)[part]] == list(range(count))
    sizes = [len(range(count)[part]) for part in parts]
    assert all(size * each <= block or size == 1 for size in sizes)
    if len(sizes) > 1:
        # As many rows as fit.
        assert (sizes[0] + 1) * max(1, each) > block


@st.composite
def geometries(draw: st.DrawFn) -> tuple[Geometry, tuple[int, ...], tuple[int, ...], int, int]:
    dimensions = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 2))
    most = 6 if dimensions == 1 else 4 if dimensions == 2 else 3

    def several(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dimensions))

    kernel, dilation, padding = several(1, 3), several(1, 2), several(0, 2)
    reach = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    sizes = tuple(max(1, least) + draw(st.integers(0, most)) for least in reach)
    geometry = Geometry(kernel, several(1, 3), dilation, padding, groups)
    channels = groups * draw(st.integers(1, 2))
    outputs = groups * draw(st.integers(1, 2))
    return geometry, sizes, several(0, 1), channels, outputs


CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)


def written(form: Patches) -> Tensor:
    """By torch's own gradients of the convolution."""
    geometry, dimensions = form.geometry, len(form.geometry.kernel)
    found = []
    for errors, inputs in zip(form.errors, form.inputs, strict=True):
        weight = errors.new_zeros(form.shape, requires_grad=True)
        output = CONVOLUTIONS[dimensions - 1](
            inputs[None],
            weight,
            stride=geometry.stride,
            padding=geometry.padding,
            dilation=geometry.dilation,
            groups=geometry.groups,
        )
        found.append(torch.autograd.grad(output, weight, errors[None])[0])
    return torch.stack(found)


def positions(geometry: Geometry, sizes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(
        (size + 2 * p - d * (k - 1) - 1) // stride + 1
        for size, k, stride, d, p in zip(
            sizes,
            geometry.kernel,
            geometry.stride,
            geometry.dilation,
            geometry.padding,
            strict=True,
        )
    )


@given(drawing=geometries(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_convolutions(
    drawing: tuple[Geometry, tuple[int, ...], tuple[int, ...], int, int], seed: int
) -> None:
    geometry, sizes, more, channels, outputs = drawing
    g = drawn(seed)

    def patches_of(count: int, pixels: tuple[int, ...]) -> Patches:
        form = Patches(
            (outputs, channels // geometry.groups, *geometry.kernel),
            normal(g, count, outputs, *positions(geometry, pixels)),
            normal(g, count, channels, *pixels),
            geometry,
        )
        near(form.full(), written(form))
        return form

    larger = tuple(size + extra for size, extra in zip(sizes, more, strict=True))
    one, elsewhere = patches_of(3, sizes), patches_of(3, larger)
    compare(one, elsewhere, patches_of(2, larger))
    full = Full(one.shape, elsewhere.full())
    compare(Sum.of([one, full]), elsewhere, full)
    # The same weight used in another geometry: a pointwise one for each image of a sequence.
    deeper = Geometry(
        *((1, *each) for each in geometry.per_dimension[:3]),
        (0, *geometry.padding),
        geometry.groups,
    )
    sequence = Patches(
        one.shape,
        normal(g, 3, outputs, 2, *positions(geometry, sizes)),
        normal(g, 3, channels, 2, *sizes),
        deeper,
    )
    near(
        sequence.full(),
        sum(
            written(
                Patches(one.shape, sequence.errors[:, :, i], sequence.inputs[:, :, i], geometry)
            )
            for i in range(2)
        ),
    )
    compare(sequence, one, elsewhere)


@given(drawing=geometries())
@settings(max_examples=40, deadline=None)
def test_windows_are_those_of_unfolding(
    drawing: tuple[Geometry, tuple[int, ...], tuple[int, ...], int, int],
) -> None:
    geometry, sizes, _, _, _ = drawing
    pixels = torch.arange(1.0, 1 + math.prod(sizes)).view(sizes)
    padded = F.pad(pixels, [each for p in reversed(geometry.padding) for each in (p, p)])
    out = positions(geometry, sizes)
    found = geometry.windows(sizes, out)
    offsets = list(
        torch.cartesian_prod(*(torch.arange(k) for k in geometry.kernel))
        .view(-1, len(sizes))
        .tolist()
    )
    for number, offset in enumerate(offsets):
        expected = padded[
            tuple(
                slice(d * o, d * o + s * (size - 1) + 1, s)
                for o, d, s, size in zip(
                    offset, geometry.dilation, geometry.stride, out, strict=True
                )
            )
        ]
        seen = torch.zeros(out)
        if number in found:
            here, there = found[number]
            seen[here] = pixels[there]
        torch.testing.assert_close(seen, expected)
    if len(sizes) == 2:
        unfolded = F.unfold(
            pixels[None, None],
            geometry.kernel,
            geometry.dilation,
            geometry.padding,
            geometry.stride,
        )
        assert unfolded.shape[1] == len(offsets)
        for number, (here, there) in found.items():
            row = torch.zeros(out)
            row[here] = pixels[there]
            torch.testing.assert_close(row.flatten(), unfolded[0, number])
