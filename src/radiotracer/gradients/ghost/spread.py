"""A parameter that meets every example by being broadcast: one copy of it for each.

A copy's gradient is what its example adds to the parameter's. Where an operation broadcasts a
parameter with the examples, it is given the copies in its place; where it makes copies itself
(``expand``, ``repeat``), its output's gradient is cut up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.operations import Way, split
from radiotracer.gradients.ghost.uses import Call

PLACES = {
    Way.COPIES: Way.FIRST,
    Way.GROUPED_COPIES: Way.GROUPED,
    Way.SECOND_COPIES: Way.SECOND,
    Way.FOLDED_COPIES: Way.FOLDED,
}
"""Where the examples of copies are: ways to give each its own."""

BROADCASTING: set[Callable[..., Any]] = {
    *(getattr(torch, name) for name in ("add", "sub", "mul", "div", "matmul", "bmm")),
    *(
        getattr(torch.Tensor, name)
        for name in (
            *("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_", "matmul", "bmm"),
            *("__add__", "__radd__", "__iadd__", "__sub__", "__rsub__", "__isub__"),
            *("__mul__", "__rmul__", "__imul__", "__truediv__", "__rtruediv__", "__itruediv__"),
            *("__matmul__", "__rmatmul__"),
        )
    ),
    F.scaled_dot_product_attention,
}
"""Operations that give each example its own copy of a parameter when the copies are passed."""

COPYING: set[Callable[..., Any]] = {
    *(getattr(torch.Tensor, name) for name in ("expand", "expand_as", "repeat", "tile")),
    torch.Tensor.broadcast_to,
    torch.broadcast_to,
    torch.tile,
}
"""Operations that make the copies, where no other tensor shows that examples are about to come."""


def places_of_copies(call: Call, along: Callable[[Sequence[int]], list[Way]]) -> list[Way]:
    """Ways to give each example copies of the one parameter that an operation is given.

    Args:
        call: The operation.
        along: Says by a shape where its examples may be.
    """
    if len(call.sources) > 1 or call.func not in BROADCASTING | COPYING:
        return []
    places = along(spread(call).shape if call.func in COPYING else (_front(call.others),))
    return [way for way, place in PLACES.items() if place in places]


def spread(call: Call) -> Tensor:
    """The copies of a parameter that an operation makes, or may be given in its place."""
    (source,) = call.sources
    value = source.tensor.detach()
    if call.func in COPYING:
        return cast(Tensor, call.given({id(source.tensor): value}))
    rank = max((each.dim() for each in call.others), default=0)
    return _copied(value, _front(call.others), rank)


def _front(others: Sequence[Tensor]) -> int:
    """The first axis of the tensor of most axes: the one that has the examples, if any has."""
    most = max(others, key=Tensor.dim, default=None)
    return 1 if most is None or most.dim() == 0 else len(most)


def _copied(parameter: Tensor, examples: int, rank: int) -> Tensor:
    """A copy for each example, of a parameter that is broadcast with tensors of up to `rank` axes.

    A leading axis of length one stands for the examples; without one they come before.
    """
    shape = tuple(parameter.shape)
    rank = max(rank, len(shape) + (shape[:1] != (1,)))
    own = shape[1:] if len(shape) == rank else shape
    between = (1,) * (rank - len(own) - 1)
    return parameter.reshape(1, *between, *own).expand(examples, *between, *own)


def gathered(errors: Tensor, place: Way, examples: int, shape: Sequence[int]) -> Tensor:
    """What all copies of one example add to a parameter, shape (n, *shape).

    Args:
        errors: Gradients of the copies, which repeat the parameter along each of their axes a whole
            number of times.
        place: Where their examples are.
        examples: n.
        shape: The parameter's.
    """
    errors = split(errors, place, examples)
    # The example axis leaves a copy's second axis with one entry.
    errors = errors.unsqueeze(2) if place is Way.SECOND else errors
    sizes = errors.shape[1:]
    lengths = (*(1,) * (len(sizes) - len(shape)), *shape)
    pairs = [
        each
        for size, length in zip(sizes, lengths, strict=True)
        for each in (size // length, length)
    ]
    repeats = tuple(range(1, 2 * len(sizes), 2))
    return errors.reshape(examples, *pairs).sum(dim=repeats).reshape(examples, *shape)
