"""However a network uses its parameters: exact, and by rules wherever rules can be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ghost_helpers import N, Parts, Scale, check, linear, objective_for, seeded, tokens
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from radiotracer.gradients.ghost import plan_for


def twice(m: Any, x: Tensor) -> Tensor:
    return m.step(m.step(x).sin())


def tied_head(m: Any, x: Tensor) -> Tensor:
    return F.linear(m.step(m.table(x)), m.table.weight)


def tied_and_turned(m: Any, x: Tensor) -> Tensor:
    """An autoencoder: the same matrix forwards and backwards."""
    return F.linear(m.first(x).sin(), m.first.weight.t(), m.bias)


def two_sizes(m: Any, x: Tensor) -> Tensor:
    return m.conv(x).mean(dim=(2, 3)) + m.conv(F.avg_pool2d(x, 2)).mean(dim=(2, 3))


def frames(m: Any, x: Tensor) -> Tensor:
    found = m.norm(m.conv(x.flatten(0, 1))).relu_()
    return m.head(found.mean(dim=(2, 3)).unflatten(0, x.shape[:2])).mean(dim=1)


def tokens_then_examples(m: Any, x: Tensor) -> Tensor:
    return m.step(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def examples_innermost(m: Any, x: Tensor) -> Tensor:
    turned = x.transpose(0, 1).flatten(0, 1)
    return m.step(turned).unflatten(0, (x.shape[1], x.shape[0])).transpose(0, 1)


def mixed(m: Any, x: Tensor) -> Tensor:
    """The same layer with the examples in front, in the middle and folded."""
    return tokens_then_examples(
        m, m.step(examples_innermost(m, x).transpose(0, 1).sin()).transpose(0, 1)
    )


def activations_in_place(m: Any, x: Tensor) -> Tensor:
    found = m.second(F.relu_(m.norm(m.conv(x))))
    found += x
    return m.head(F.leaky_relu_(found).mean(dim=(2, 3)))


def activation_first(m: Any, x: Tensor) -> Tensor:
    found = m.conv(x)
    change = m.second(F.relu_(m.norm(found)))
    change += found
    return change.sigmoid_()


def input_overwritten(m: Any, x: Tensor) -> Tensor:
    """Allowed in training: a bias and an addend do not need what they were added to."""
    found = x * 2 + m.shift
    result = found + m.bias
    found.zero_()
    return result.sin()


def unused(m: Any, x: Tensor) -> Tensor:
    m.second(x)
    m.first(x.cos())
    return torch.cat([m.first(x), m.second(x).detach()], dim=-1)


def no_grad(m: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        scale = m.step(x).norm(dim=-1, keepdim=True)
    return m.step(x) / scale


def shapes_asked(m: Any, x: Tensor) -> Tensor:
    """Questions about a parameter are no uses of it."""
    weight = m.step.weight
    assert weight.shape[0] == weight.size(1) == len(weight)
    start = torch.zeros_like(weight).to(weight.dtype).sum() + weight.detach().mean()
    return m.step(x.to(weight.device).type_as(weight)) + start * x


def borrowed(m: Any, x: Tensor) -> Tensor:
    return F.linear(m.first(x).sin(), m.second.weight, bias=m.first.bias)


def derived_twice(m: Any, x: Tensor) -> Tensor:
    """Through a softmax of one parameter and the product of two, used in two places."""
    gate = m.logits.softmax(dim=0)
    weight = gate[:, None] * m.step.weight
    return F.linear(F.linear(x, weight).sin(), weight + 1) * gate


def split_weights(m: Any, x: Tensor) -> Tensor:
    left, right = m.step.weight.chunk(2)
    return F.linear(x, left) * F.linear(x, right)


USES: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "twice": lambda: (Parts(twice, step=linear()), tokens()),
    "tied head": lambda: (
        Parts(tied_head, table=nn.Embedding(6, 4), step=linear()),
        torch.randint(0, 6, (N, 3)),
    ),
    "tied and turned": lambda: (
        Parts(tied_and_turned, first=nn.Linear(4, 3), bias=torch.randn(4)),
        tokens(),
    ),
    "two sizes": lambda: (
        Parts(two_sizes, conv=nn.Conv2d(2, 4, 3, padding=1)),
        torch.randn(N, 2, 6, 6),
    ),
    "frames": lambda: (
        Parts(
            frames, conv=nn.Conv2d(2, 4, 3, groups=2), norm=nn.BatchNorm2d(4), head=nn.Linear(4, 3)
        ),
        torch.randn(N, 3, 2, 5, 4),
    ),
    "one frame": lambda: (
        Parts(frames, conv=nn.Conv2d(2, 4, 3), norm=nn.GroupNorm(2, 4), head=nn.Linear(4, 3)),
        torch.randn(N, 1, 2, 5, 4),
    ),
    "tokens then examples": lambda: (Parts(tokens_then_examples, step=linear()), tokens()),
    "examples innermost": lambda: (Parts(examples_innermost, step=linear()), tokens()),
    "examples innermost, normalised": lambda: (
        Parts(examples_innermost, step=nn.BatchNorm1d(4)),
        tokens(),
    ),
    "all of these": lambda: (Parts(mixed, step=linear()), tokens()),
    "as many tokens as examples": lambda: (Parts(mixed, step=linear()), tokens(N)),
    "two tokens": lambda: (Parts(mixed, step=linear()), tokens(2)),
    "activations in place": lambda: (
        Parts(
            activations_in_place,
            conv=nn.Conv2d(3, 3, 3, padding=1),
            norm=nn.BatchNorm2d(3),
            second=nn.Conv2d(3, 3, 1),
            head=nn.Linear(3, 2),
        ),
        torch.randn(N, 3, 4, 4),
    ),
    "activation first": lambda: (
        Parts(
            activation_first,
            conv=nn.Conv2d(3, 3, 3),
            norm=nn.LayerNorm((3, 2, 2)),
            second=nn.Conv2d(3, 3, 1),
        ),
        torch.randn(N, 3, 4, 4),
    ),
    "linear in place": lambda: (
        Parts(lambda m, x: m.step(x).add_(1).sigmoid_(), step=nn.Linear(4, 3)),
        tokens(),
    ),
    "input overwritten": lambda: (
        Parts(input_overwritten, shift=torch.randn(4), bias=torch.randn(4)),
        tokens(),
    ),
    "unused": lambda: (
        Parts(unused, first=linear(), second=linear(), third=linear()),
        tokens(),
    ),
    "no gradient": lambda: (Parts(no_grad, step=linear()), tokens()),
    "shapes asked": lambda: (Parts(shapes_asked, step=linear()), tokens()),
    "borrowed": lambda: (Parts(borrowed, first=linear(), second=linear()), tokens()),
    "derived twice": lambda: (
        Parts(derived_twice, step=linear(), logits=torch.randn(4)),
        tokens(),
    ),
    "split weights": lambda: (Parts(split_weights, step=nn.Linear(4, 6)), tokens()),
    "checkpointed": lambda: (
        Parts(
            lambda m, x: checkpoint(m.middle, m.first(x), use_reentrant=False),
            first=linear(),
            middle=nn.Sequential(linear(), nn.Tanh(), linear()),
        ),
        tokens(),
    ),
}


@pytest.mark.parametrize("name", USES)
def test_by_rules(name: str) -> None:
    model, batch = seeded(USES[name])
    check(objective_for(model, batch), batch)


def masked(m: Any, x: Tensor) -> Tensor:
    weight = m.step.weight.clone()
    weight[0] = 0
    weight.mul_(2)
    return F.linear(m.first(x), weight, m.step.bias)


DENSE: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor]], dict[str, str]]] = {
    "custom function": (
        lambda: (
            Parts(
                lambda m, x: m.last(Scale.apply(m.first(x), m.scale)),
                first=linear(),
                scale=torch.randn(4),
                last=linear(),
            ),
            tokens(),
        ),
        {"scale": "used where no torch operation shows it"},
    ),
    "einsum between layers": (
        lambda: (
            Parts(
                lambda m, x: m.last(torch.einsum("ntd,de->nte", m.first(x), m.mix).sin()),
                first=linear(),
                mix=torch.randn(4, 4),
                last=linear(),
            ),
            tokens(),
        ),
        {"mix": "torch.functional.einsum has no rule"},
    ),
    "einsum first": (
        lambda: (
            Parts(
                lambda m, x: m.last(torch.einsum("ntd,de->nte", x.sin(), m.mix).sin()),
                mix=torch.randn(4, 4),
                last=linear(),
            ),
            tokens(),
        ),
        {"mix": "torch.functional.einsum has no rule"},
    ),
    "linear, and einsum": (
        lambda: (
            Parts(
                lambda m, x: torch.einsum(
                    "ntd,de->nte", tokens_then_examples(m, x).sin(), m.step.weight
                ),
                step=nn.Linear(2, 2),
            ),
            tokens(4, 2),
        ),
        {"step.weight": "torch.functional.einsum has no rule"},
    ),
    "also by a custom function": (
        lambda: (
            Parts(lambda m, x: Scale.apply(x + m.scale, m.scale), scale=torch.randn(4)),
            tokens(),
        ),
        {"scale": "used where no torch operation shows it"},
    ),
    "weights changed in place": (
        lambda: (Parts(masked, first=linear(), step=linear()), tokens()),
        {"step.weight": "RuntimeError: a view of a leaf Variable"},
    ),
}


@pytest.mark.parametrize("name", DENSE)
def test_by_the_dense_engine(name: str) -> None:
    build, dense = DENSE[name]
    model, batch = seeded(build)
    objective = objective_for(model, batch)
    check(objective, batch, dense=dense)
    for parameter, reason in plan_for(objective, batch).dense.items():
        assert reason.startswith(dense[parameter])
