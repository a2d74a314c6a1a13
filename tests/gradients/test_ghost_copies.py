"""Parameters that are broadcast with the examples, wherever those are: a copy for each example."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from ghost_helpers import check, objective_for, seeded
from test_ghost_layers import Build, class_token, using
from torch import Tensor
from torch.nn import functional as F

N = 5


def by_head(x: Tensor, keys: Tensor) -> Tensor:
    """As relative positions are met: examples and heads together in front."""
    heads = torch.stack([x, x.sin()], dim=1).flatten(0, 1)
    return torch.bmm(heads, keys.cos().repeat(len(x), 1, 1)).unflatten(0, (-1, 2)).flatten(1, 2)


def windows(use: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Two by two, those of an example together in front."""
    return lambda x, p: use(x.reshape(-1, 2, 2), p).tanh().view(len(x), 4, 4)


def biased(x: Tensor, bias: Tensor) -> Tensor:
    heads = torch.stack([x, x.sin()], dim=1)
    return F.scaled_dot_product_attention(heads, heads.cos(), heads, attn_mask=bias).flatten(1, 2)


COPIES: dict[str, Build] = {
    "matmul, by head": using(lambda x, w: x.unflatten(2, (2, 2)).transpose(1, 2) @ w, (2, 2, 3)),
    "matmul, by head, on the left": using(lambda x, w: w @ x[:, None].sin(), (2, 3, 4)),
    "bmm": using(lambda x, w: torch.bmm(x, w.expand(len(x), -1, -1)), (4, 3)),
    "class token, repeated": using(lambda x, c: class_token(x, c.repeat(len(x), 1, 1)), (1, 1, 4)),
    "tiled": using(lambda x, c: (x * c.tile(len(x), 2, 1)).sin(), (2, 4)),
    "repeated by head": using(by_head, (2, 4, 3)),
    "bias of windows": using(windows(lambda scores, b: scores + b[None]), (2, 2)),
    "bias of windows, examples innermost": using(
        lambda x, b: (x.transpose(0, 1).reshape(-1, 2, 2) * b).view(4, -1, 4).transpose(0, 1),
        (2, 2),
    ),
    "gain of windows": using(windows(lambda scores, b: scores / b.exp()), (1, 1, 2)),
    "bias of attention": using(lambda x, b: biased(x, b.sin()), (1, 4, 4)),
    "bias of attention, by a table": using(
        lambda x, b: biased(x, b[torch.arange(16) % 7].view(4, 4, 1).permute(2, 0, 1)), (7, 1)
    ),
    "changed in place once derived": using(
        lambda x, w: F.linear(x, F.relu((w + 1).div_(2), inplace=True)), (3, 4)
    ),
}


@pytest.mark.parametrize("name", COPIES)
def test_by_copies(name: str) -> None:
    model, batch = seeded(COPIES[name])
    check(objective_for(model, batch), batch)
