"""Every network's derivatives are those of backward passes, by whichever route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gradient_helpers import (
    CLASSES,
    N,
    all_along,
    left_as_found,
    objective_of,
    random_direction,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    directional,
    directional_many,
    summed_gradient,
)

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
WIDTH, WORDS = 8, 5
MASK = torch.ones(WORDS, WORDS).tril().bool()
Function = Callable[[Tensor], Tensor]


class Between(nn.Module):
    """A linear layer, anything that keeps (n, words, width), and a head on the mean word."""

    def __init__(self, middle: Function, width: int = WIDTH, *, then: Function = torch.sin) -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, WIDTH)
        self.middle = middle
        self.then = then
        self.head = nn.Linear(width, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.middle(self.first(inputs))
        if isinstance(found, tuple):
            found = found[0]
        return self.head(self.then(found).mean(dim=1))


class SelfAttention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.options = options

    def forward(self, inputs: Tensor) -> Tensor:
        return self.attention(inputs, inputs, inputs, **self.options)[0]


def attend(values: Tensor, **options: Any) -> Tensor:
    heads = values.unflatten(-1, (2, WIDTH // 2)).transpose(1, 2)
    found = F.scaled_dot_product_attention(heads, heads.tanh(), heads.sin(), **options)
    return found.transpose(1, 2).flatten(2)


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH))
        self.reentrant = reentrant

    def forward(self, inputs: Tensor) -> Tensor:
        return checkpoint(self.layers, inputs, use_reentrant=self.reentrant)


class Backward(torch.autograd.Function):
    """The hyperbolic tangent with a backward rule only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.tanh()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return gradient * (1 - values.tanh().square())


class BackwardOnce(Backward):
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return Backward.backward(ctx, gradient)


class BackwardOutsideTorch(Backward):
    """Its backward rule can be called twice, and is silently a constant the second time."""

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return Backward.backward(ctx, torch.from_numpy(gradient.detach().numpy().copy()))


class LostTangent(Backward):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        return torch.zeros_like(tangent)


@torch.library.custom_op("radiotracer_tests::tanh", mutates_args=())
def _tanh(values: Tensor) -> Tensor:
    return values.tanh()


_tanh.register_autograd(
    lambda ctx, gradient: gradient * (1 - ctx.saved_tensors[0].square()),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(output),
)


def registered_tanh(values: Tensor) -> Tensor:
    return _tanh(values)


def without_gradient(values: Tensor) -> Tensor:
    with torch.no_grad():
        return values.tanh() + 1


def half_the_gradient(values: Tensor) -> Tensor:
    found = values.tanh()
    if found.requires_grad:
        found.register_hook(lambda gradient: gradient / 2)
    return found


def encoder(**options: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True, **options)


FORWARD: dict[str, Callable[[], nn.Module]] = {
    "multi-head attention": lambda: Between(SelfAttention()),
    "attention without weights": lambda: Between(SelfAttention(need_weights=False)),
    "encoder layer": lambda: Between(encoder()),
    "encoder layer, norm first": lambda: Between(encoder(norm_first=True, activation="gelu")),
    "encoder": lambda: Between(nn.TransformerEncoder(encoder(), 2, enable_nested_tensor=False)),
    "dot-product attention": lambda: Between(attend),
    "causal attention": lambda: Between(lambda x: attend(x, is_causal=True)),
    "masked attention": lambda: Between(lambda x: attend(x, attn_mask=MASK)),
    "gru": lambda: Between(nn.GRU(WIDTH, 6, batch_first=True), 6),
    "lstm": lambda: Between(nn.LSTM(WIDTH, 6, 2, batch_first=True, bidirectional=True), 12),
    "rnn": lambda: Between(nn.RNN(WIDTH, 6, batch_first=True), 6),
    "checkpointed": lambda: Between(Checkpointed()),
    "detached": lambda: Between(Tensor.detach),
}
DOUBLE: dict[str, Callable[[], nn.Module]] = {
    "backward only": lambda: Between(Backward.apply),
    "checkpointed, backward only": lambda: Between(Checkpointed(), then=Backward.apply),
    "lost tangent": lambda: Between(LostTangent.apply),
    "registered operation": lambda: Between(registered_tanh),
    "no_grad": lambda: Between(without_gradient),
    "gradient hook": lambda: Between(half_the_gradient),
}
LOOP: dict[str, Callable[[], nn.Module]] = {
    "backward once": lambda: Between(BackwardOnce.apply),
    "checkpointed, backward once": lambda: Between(Checkpointed(), then=BackwardOnce.apply),
    "backward outside torch": lambda: Between(BackwardOutsideTorch.apply),
}
NETWORKS = {
    name: (build, route)
    for route, networks in (("forward-mode", FORWARD), ("double-backward", DOUBLE), ("loop", LOOP))
    for name, build in networks.items()
}


def network(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Batch, str]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        build, route = NETWORKS[name]
        model = build().to(dtype)
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        inputs = torch.randn(N, WORDS, WIDTH, dtype=dtype)
        return model, Batch(inputs, torch.randint(0, CLASSES, (N,))), route


@pytest.mark.parametrize("name", NETWORKS)
def test_every_route_is_the_inner_product(name: str) -> None:
    model, batch, route = network(name)
    with left_as_found(model):
        objective = objective_of(model, batch)
        directions = [random_direction(objective, seed) for seed in (1, 2, 3)]
        found = directional(objective, batch, directions[0])
        many = directional_many(objective, batch, directions)
        once_more = directional(objective, batch, directions[0])
    assert found.route.name == route, found.route
    assert many.route.name == "ghost"
    expected = all_along(objective, batch, directions)
    assert expected.abs().min() > 1e-6
    torch.testing.assert_close(found.derivatives, expected[:, 0], **CLOSE)
    torch.testing.assert_close(once_more.derivatives, expected[:, 0], **CLOSE)
    torch.testing.assert_close(many.derivatives, expected, **CLOSE)
    outputs = model.eval()(batch.inputs).detach()
    for result in (found, many):
        torch.testing.assert_close(result.outputs, outputs, **CLOSE)
        losses = F.cross_entropy(outputs, batch.targets, reduction="none")
        torch.testing.assert_close(result.losses, losses, **CLOSE)
        assert result.features is not None
        for value in (result.losses, result.outputs, result.features, result.derivatives):
            assert not value.requires_grad
    total = summed_gradient(objective, [batch])
    slope = sum((total[key] * part).sum() for key, part in directions[1].items())
    torch.testing.assert_close(slope, expected[:, 1].sum(), **CLOSE)


@pytest.mark.parametrize(
    "name", ["checkpointed", "checkpointed, backward only", "checkpointed, backward once"]
)
def test_checkpointed_parts_of_a_frozen_copy(name: str) -> None:
    # They run again in the backward pass, and must find the same parameters as before.
    model, batch, route = network(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    expected = all_along(objective, batch, [direction])[:, 0]
    objective.model.requires_grad_(False)
    found = directional(objective, batch, direction)
    assert found.route.name == route
    torch.testing.assert_close(found.derivatives, expected, **CLOSE)
    total = summed_gradient(objective, [batch])
    slope = sum((total[key] * part).sum() for key, part in direction.items())
    torch.testing.assert_close(slope, expected.sum(), **CLOSE)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_what_no_route_can_do_is_named() -> None:
    model = Between(Checkpointed(reentrant=True)).double()
    batch = Batch(torch.randn(N, WORDS, WIDTH, dtype=torch.float64), torch.arange(N) % CLASSES)
    objective = objective_of(model, batch)
    with pytest.raises(InputError) as caught:
        directional(objective, batch, random_direction(objective))
    assert str(caught.value).startswith(
        "expected a network and a loss that can be differentiated; got forward-mode: "
    )
    assert "; double-backward: RuntimeError: When use_reentrant=True" in str(caught.value)
    assert "; loop: RuntimeError: When use_reentrant=True" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", ["encoder layer", "lstm", "gru", "backward only", "backward once"])
def test_lower_precision(name: str, dtype: torch.dtype) -> None:
    model, batch, route = network(name, dtype)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    found = directional(objective, batch, direction)
    assert found.route.name == route, found.route
    assert found.derivatives.dtype == found.losses.dtype == dtype
    exact = Batch(batch.inputs.double(), batch.targets)
    exactly = {key: value.double() for key, value in direction.items()}
    expected = all_along(objective_of(model.double(), exact), exact, [exactly])[:, 0]
    error = (found.derivatives.double() - expected).norm() / expected.norm()
    assert error < 4 * torch.finfo(dtype).eps
