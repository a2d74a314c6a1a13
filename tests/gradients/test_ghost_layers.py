"""Every layer's per-example gradients, and which parameters have no rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ghost_helpers import Net, check, objective_for, seeded
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

N = 5
Build = Callable[[], tuple[nn.Module, Tensor]]


class Using(nn.Module):
    """Parameters of given shapes, used by a function of the inputs and them."""

    def __init__(self, function: Callable[..., Tensor], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.p = nn.ParameterList([torch.randn(shape) for shape in shapes])
        self.function = function

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs, *self.p)


class Folded(nn.Module):
    """Called with an axis more than it expects: the first two are one for it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])


class Attention(nn.Module):
    def __init__(self, *, batch_first: bool, memory: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=batch_first)
        self.batch_first = batch_first
        self.memory = memory

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = inputs if self.batch_first else inputs.transpose(0, 1)
        found = self.attention(tokens, tokens.cos() if self.memory else tokens, tokens.sin())[0]
        return found if self.batch_first else found.transpose(0, 1)


def tokens(count: int = 4, width: int = 4) -> Tensor:
    return torch.randn(N, count, width)


def images(channels: int, *sizes: int) -> Tensor:
    return torch.randn(N, channels, *sizes)


def conv(dimensions: int, **options: Any) -> Build:
    """Odd sizes, so that strides do not come out even; something learnt before."""
    kinds = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
    options = {"in_channels": 4, "out_channels": 6, "kernel_size": 3, **options}
    sizes = {1: (9,), 2: (7, 6), 3: (5, 5, 6)}[dimensions]
    before = kinds[dimensions](4, 4, 1)
    return lambda: (Net(kinds[dimensions](**options), before), images(4, *sizes))


def transposed(dimensions: int, **options: Any) -> Build:
    kinds = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
    options = {"in_channels": 4, "out_channels": 6, "kernel_size": 3, **options}
    return lambda: (Net(kinds[dimensions](**options)), images(4, *(4, 3, 4)[:dimensions]))


def after_conv(layer: Callable[[], nn.Module], *sizes: int) -> Build:
    kinds = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
    return lambda: (Net(layer(), kinds[len(sizes)](2, 4, 1)), images(2, *sizes))


def after_linear(layer: Callable[[], Callable[..., Any]], count: int = 4) -> Build:
    return lambda: (Net(layer(), nn.Linear(4, 4)), tokens(count))


def using(function: Callable[..., Tensor], *shapes: tuple[int, ...]) -> Build:
    return after_linear(lambda: Using(function, *shapes))


def words(layer: Callable[[], nn.Module]) -> Build:
    return lambda: (Net(layer()), torch.randint(0, 4, (N, 6)))


class Positions(nn.Module):
    """A table of positions looked up by number, once for all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs + self.table(torch.arange(inputs.shape[1]))).tanh()


class Tables(nn.Module):
    """Padding, given from behind, and words that come several times."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 3, padding_idx=-2)
        self.other = nn.Embedding(4, 3, padding_idx=1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.table(inputs) * self.other(inputs)


def class_token(x: Tensor, token: Tensor) -> Tensor:
    return torch.cat([token.expand(len(x), -1, -1), x], dim=1).cumsum(dim=1)


class Pair(nn.Module):
    """A layer of two inputs."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs, inputs.flip(1).sin())


LAYERS: dict[str, Build] = {
    "linear": lambda: (
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)),
        torch.randn(N, 3),
    ),
    "linear, tokens": after_linear(lambda: nn.Linear(4, 3)),
    "linear, four axes": lambda: (Net(nn.Linear(3, 2), nn.Linear(3, 3)), torch.randn(N, 2, 4, 3)),
    "linear, no bias": after_linear(lambda: nn.Linear(4, 3, bias=False)),
    "linear, one number": lambda: (nn.Linear(1, 1), torch.randn(N, 1)),
    **{
        f"conv{d}d, {', '.join(f'{k}={v}' for k, v in options.items())}": conv(d, **options)
        for d in (1, 2, 3)
        for options in (
            {"stride": 2, "padding": 1},
            {"dilation": 2, "bias": False},
            {"groups": 2, "padding": "same", "kernel_size": 4},
            {"groups": 4, "out_channels": 8, "stride": 3},
            {"padding": "valid", "stride": 2, "dilation": 2},
            {"padding": 2, "padding_mode": "circular"},
        )
    },
    "conv2d, all at once": conv(
        2, kernel_size=(3, 2), stride=(2, 1), padding=(0, 2), dilation=(1, 2), groups=2
    ),
    "conv2d, reflect": conv(2, padding=(1, 2), padding_mode="reflect"),
    "conv2d, replicate": conv(2, padding="same", padding_mode="replicate", kernel_size=(4, 2)),
    "conv2d, pointwise": conv(2, kernel_size=1, stride=2),
    "conv2d, whole image": conv(2, kernel_size=(7, 6)),
    "conv2d, offsets outside": conv(2, kernel_size=3, padding=6, dilation=6),
    **{
        f"transposed {d}d, {', '.join(f'{k}={v}' for k, v in options.items())}": transposed(
            d, **options
        )
        for d in (1, 2, 3)
        for options in (
            {"stride": 2, "padding": 1, "output_padding": 1},
            {"groups": 2, "dilation": 2, "bias": False},
        )
    },
    "transposed 2d, all at once": transposed(
        2, kernel_size=(2, 3), stride=(3, 2), padding=(1, 0), output_padding=(2, 1), groups=2
    ),
    "batch norm 1d": after_linear(lambda: nn.BatchNorm1d(7), 7),
    "batch norm 1d, vectors": lambda: (Net(nn.BatchNorm1d(3), nn.Linear(3, 3)), torch.randn(N, 3)),
    "batch norm 2d": after_conv(lambda: nn.BatchNorm2d(4), 3, 5),
    "batch norm 3d": after_conv(lambda: nn.BatchNorm3d(4), 2, 3, 2),
    "batch norm, not affine": after_conv(lambda: nn.BatchNorm2d(4, affine=False), 3, 3),
    "instance norm 1d": after_conv(lambda: nn.InstanceNorm1d(4, affine=True), 6),
    "instance norm 2d, recorded": after_conv(
        lambda: nn.InstanceNorm2d(4, affine=True, track_running_stats=True), 3, 4
    ),
    "layer norm": after_linear(lambda: nn.LayerNorm(4)),
    "layer norm, two axes": after_conv(lambda: nn.LayerNorm((4, 5), eps=0.1), 4, 5),
    "layer norm, all axes": after_conv(lambda: nn.LayerNorm((4, 4, 5)), 4, 5),
    "layer norm, no bias": after_linear(lambda: nn.LayerNorm(4, bias=False)),
    "group norm": after_conv(lambda: nn.GroupNorm(2, 4, eps=0.1), 3, 4),
    "group norm, vectors": lambda: (Net(nn.GroupNorm(2, 4), nn.Linear(4, 4)), torch.randn(N, 4)),
    "rms norm": after_linear(lambda: nn.RMSNorm(4)),
    "rms norm, two axes": after_linear(lambda: nn.RMSNorm((4, 4), eps=0.1)),
    "table": words(lambda: nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 2))),
    "table, padding": words(Tables),
    "table, a function": words(
        lambda: Using(lambda x, w: F.embedding(x, w, padding_idx=-2).sin(), (4, 3))
    ),
    "positions": using(lambda x, p: (x + p).tanh(), (4, 4)),
    "positions, one in front": using(lambda x, p: (x + p).tanh(), (1, 4, 4)),
    "positions, cut": using(lambda x, p: (x + p[:, : x.shape[1]]).tanh(), (1, 9, 4)),
    "positions, by number": after_linear(Positions),
    "positions, subtracted in place": using(lambda x, p: (2 * x).sub_(p).tanh(), (4, 4)),
    "class token": using(class_token, (1, 1, 4)),
    "class token, a vector": using(lambda x, c: class_token(x, c[None, None]), (4,)),
    "layer scale": using(lambda x, s: x + s * x.tanh(), (4,)),
    "scalar": using(lambda x, s: x / s, ()),
    "one number": using(lambda x, s: 2 - s * x, (1,)),
    "channel gain": lambda: (Using(lambda x, s: (s * x).tanh(), (1, 3, 1, 1)), images(3, 2, 2)),
    "matmul": using(lambda x, w: x @ w, (4, 3)),
    "matmul, a vector": using(lambda x, w: torch.matmul(x, w[:, None]), (4,)),
    "matmul, a vector alone": using(lambda x, w: (x @ w).sin(), (4,)),
    "matmul, on the left": using(lambda x, w: w @ x.mT, (3, 4)),
    "matmul, on the left of columns": lambda: (
        Using(lambda x, w: (w @ x.T).T, (3, 4)),
        torch.randn(N, 4),
    ),
    "matmul, transposed": using(lambda x, w: x @ w.T, (3, 4)),
    "product of weights": using(lambda x, a, b: F.linear(x, a @ b), (3, 2), (2, 4)),
    "bilinear": after_linear(lambda: Pair(nn.Bilinear(4, 4, 3))),
    "bilinear, no bias": after_linear(lambda: Pair(nn.Bilinear(4, 4, 2, bias=False))),
    "prelu": after_conv(lambda: nn.PReLU(4), 3, 5),
    "prelu, one for all": after_conv(nn.PReLU, 3, 5),
    "prelu, vectors": lambda: (Net(nn.PReLU(4), nn.Linear(4, 4)), torch.randn(N, 4)),
    "table of bags": words(lambda: nn.EmbeddingBag(4, 3)),
    "table of bags, sums, padding": words(lambda: nn.EmbeddingBag(4, 3, mode="sum", padding_idx=1)),
    "table of bags, padding": words(lambda: nn.EmbeddingBag(4, 3, padding_idx=-2)),
    "table of bags, weighted": words(
        lambda: Using(
            lambda x, w: F.embedding_bag(x, w, mode="sum", per_sample_weights=(x + 1.0).double()),
            (4, 3),
        )
    ),
    "table of bags, several each": lambda: (
        Net(Folded(nn.EmbeddingBag(4, 3))),
        torch.randint(0, 4, (N, 2, 6)),
    ),
    "addmm": lambda: (
        Using(lambda x, b, w: torch.addmm(b, x.flatten(0, 1), w).view(len(x), 4, 3), (3,), (4, 3)),
        tokens(),
    ),
    "addmm, scaled": lambda: (
        Using(lambda x, b, w: torch.addmm(b, x, w, beta=0.5, alpha=3), (3,), (4, 3)),
        torch.randn(N, 4),
    ),
    "attention": after_linear(lambda: Attention(batch_first=True)),
    "attention, memory": after_linear(lambda: Attention(batch_first=True, memory=True)),
    "attention, tokens first": after_linear(lambda: Attention(batch_first=False)),
    "attention, tokens first, memory": after_linear(
        lambda: Attention(batch_first=False, memory=True), 3
    ),
    "encoder": after_linear(lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)),
    "encoder, norm first": after_linear(
        lambda: nn.TransformerEncoderLayer(
            4, 2, 6, batch_first=True, norm_first=True, activation="gelu"
        )
    ),
    "weight norm": after_linear(lambda: parametrizations.weight_norm(nn.Linear(4, 3))),
    "spectral norm": after_linear(lambda: parametrizations.spectral_norm(nn.Linear(4, 3))),
    "spectral norm, conv": after_conv(
        lambda: parametrizations.spectral_norm(nn.Conv2d(4, 3, 2)), 3, 3
    ),
    "orthogonal": after_linear(lambda: parametrizations.orthogonal(nn.Linear(4, 3))),
}

DENSE: dict[str, tuple[Build, set[str]]] = {
    "einsum": (using(lambda x, w: torch.einsum("ntd,do->nto", x, w), (4, 3)), {"layer.p.0"}),
    "table of bags, largest": (
        words(lambda: nn.EmbeddingBag(4, 3, mode="max")),
        {"layer.weight"},
    ),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LAYERS)
def test_by_rules(name: str) -> None:
    model, batch = seeded(LAYERS[name])
    check(objective_for(model, batch), batch)


@pytest.mark.parametrize("name", DENSE)
def test_by_the_dense_engine(name: str) -> None:
    build, dense = DENSE[name]
    model, batch = seeded(build)
    check(objective_for(model, batch), batch, dense=dense)
