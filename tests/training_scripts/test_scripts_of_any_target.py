"""Plain loops over every kind of target: recorded, and traced exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from script_helpers import (
    Items,
    N,
    Script,
    choose,
    cross_entropy,
    draw,
    items,
    loader,
    made,
    net,
    per_example,
    record,
    require_exact,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

X = draw(N, 4)
Y = choose(3, N)


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return per_example((outputs - targets).square())


def bce(outputs: Tensor, targets: Tensor) -> Tensor:
    return per_example(F.binary_cross_entropy_with_logits(outputs, targets, reduction="none"))


def classification() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, Y)), cross_entropy)


def regression() -> Script:
    data = loader(TensorDataset(X, draw(N, 1)))
    return Script(net(4, 1), data, squared)


def regression_to_numbers() -> Script:
    data = items(X, draw(N).tolist())
    return Script(net(4, 1), loader(data), lambda o, y: (o[:, 0] - y).square())


def regression_to_integers() -> Script:
    return Script(
        net(4, 1), loader(TensorDataset(X, choose(90, N))), lambda o, y: (o[:, 0] - y / 90) ** 2
    )


def soft_labels() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, draw(N, 3).softmax(1))), cross_entropy)


def several_labels() -> Script:
    return Script(net(4, 5), loader(TensorDataset(X, choose(2, N, 5).float())), bce)


def one_logit() -> Script:
    data = TensorDataset(X, choose(2, N).float())
    return Script(net(4, 1), loader(data), lambda o, y: bce(o.squeeze(1), y))


def segmentation() -> Script:
    model = made(
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))
    )
    return Script(model, loader(TensorDataset(draw(N, 1, 6, 6), choose(3, N, 6, 6))), cross_entropy)


def masks() -> Script:
    model = made(lambda: nn.Conv2d(1, 1, 3, padding=1))
    data = TensorDataset(draw(N, 1, 6, 6), choose(2, N, 1, 6, 6).float())
    return Script(model, loader(data), bce)


class Tagger(nn.Module):
    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(11, 6), nn.Linear(6, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.words(tokens)
        return self.head((hidden + hidden.cumsum(1)).tanh())


def tags(outputs: Tensor, targets: Tensor) -> Tensor:
    return per_example(
        F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none", ignore_index=-100)
    )


def token_classification() -> Script:
    return Script(made(Tagger), loader(TensorDataset(choose(11, N, 5), choose(3, N, 5))), tags)


def language_model() -> Script:
    tokens = choose(11, N, 6)
    model = made(lambda: Tagger(11))
    return Script(
        model, loader(TensorDataset(tokens, tokens)), lambda o, y: tags(o[:, :-1], y[:, 1:])
    )


def autoencoder() -> Script:
    return Script(net(4, 4), loader(TensorDataset(X, X)), squared)


class TwoHeads(nn.Module):
    def __init__(self, kind: str = "tuple") -> None:
        super().__init__()
        self.body, self.one, self.two, self.kind = net(4, 6), nn.Linear(6, 3), nn.Linear(6, 1), kind

    def forward(self, x: Tensor) -> Any:
        hidden = self.body(x)
        one, two = self.one(hidden), self.two(hidden)
        return (one, two) if self.kind == "tuple" else {"kind": one, "size": two}


def two_heads() -> Script:
    data = Items([(X[i], {"kind": Y[i], "size": draw(N, 1)[i]}) for i in range(N)])
    return Script(
        made(lambda: TwoHeads("mapping")),
        loader(data),
        lambda o, y: cross_entropy(o["kind"], y["kind"]) + squared(o["size"], y["size"]),
    )


def tuples_of_targets() -> Script:
    data = Items([(X[i], (Y[i], draw(N, 1)[i])) for i in range(N)])
    return Script(
        made(TwoHeads), loader(data), lambda o, y: cross_entropy(o[0], y[0]) + squared(o[1], y[1])
    )


SCRIPTS: list[Callable[[], Script]] = [
    classification,
    regression,
    regression_to_numbers,
    regression_to_integers,
    soft_labels,
    several_labels,
    one_logit,
    segmentation,
    masks,
    token_classification,
    language_model,
    autoencoder,
    two_heads,
    tuples_of_targets,
]


@pytest.mark.parametrize("build", SCRIPTS, ids=lambda build: build.__name__)
def test_recorded_and_traced(build: Callable[[], Script], tmp_path: Path) -> None:
    script = build()
    require_exact(script, record(script, tmp_path / "run"))
