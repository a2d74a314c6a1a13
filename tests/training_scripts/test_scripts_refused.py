"""Trainings that could not be traced: refused in one line before their first step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from script_helpers import Items, N, Script, choose, cross_entropy, draw, items, loader, made, net
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import radiotracer
from radiotracer.errors import InputError

X = draw(N, 4)
Y = choose(3, N)
TEXTS = [1 + choose(10, 2 + row % 4, seed=row) for row in range(N)]


class Flipping(Dataset[Any]):
    """As torchvision's transforms do."""

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int) -> Any:
        return X[row].flip(0) if float(torch.rand(())) < 0.5 else X[row], int(Y[row])


def random_transforms() -> Script:
    return Script(net(4, 3), loader(Flipping()), cross_entropy)


def mixed_up(batch: list[Any]) -> tuple[Tensor, Tensor]:
    inputs, labels = torch.utils.data.default_collate(batch)
    share = float(np.random.beta(0.4, 0.4))  # noqa: NPY002
    return share * inputs + (1 - share) * inputs.flip(0) + 0.01 * torch.randn(4), labels


def mixing_in_the_loader() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, Y), collate_fn=mixed_up), cross_entropy)


class Once(IterableDataset[Any]):
    def __init__(self) -> None:
        self.left = iter(zip(X, Y, strict=True))

    def __iter__(self) -> Any:
        return self.left


def a_stream_that_runs_dry() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, Y)), cross_entropy, data=Once())


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.net(x), 0.5)


def dropout_at_evaluation() -> Script:
    return Script(made(Dropping), loader(TensorDataset(X, Y)), cross_entropy)


def statistics_of_the_batch() -> Script:
    model = made(
        lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False))
    )
    return Script(model, loader(TensorDataset(X, Y)), cross_entropy)


def padded(batch: list[Any]) -> tuple[Tensor, Tensor]:
    tokens, labels = zip(*batch, strict=True)
    return pad_sequence(tokens, batch_first=True), torch.tensor(labels)


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(11, 6), nn.Linear(6, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.words(tokens).mean(1))


def padding_that_counts() -> Script:
    return Script(made(Mean), loader(items(TEXTS, Y.tolist()), collate_fn=padded), cross_entropy)


def sequences_of_any_length() -> Script:
    return Script(made(Mean), loader(items(TEXTS, Y.tolist())), cross_entropy)


def pictures_as_they_are() -> Script:
    photos = [Image.fromarray(each.byte().numpy()) for each in choose(256, N, 6, 6)]
    return Script(net(36, 3), loader(items(photos, Y.tolist())), cross_entropy)


def texts_as_they_are() -> Script:
    return Script(net(4, 3), loader(items([f"text {i}" for i in range(N)], Y)), cross_entropy)


def no_target() -> Script:
    return Script(net(4, 4), loader(TensorDataset(X)), cross_entropy)


def other_names() -> Script:
    return Script(net(4, 3), loader(items(x=X, y=Y)), cross_entropy)


def prepared_in_the_loop() -> Script:
    return Script(net(4, 3), loader(TensorDataset(choose(256, N, 4).byte(), Y)), cross_entropy)


class Denoising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net(5, 4)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.net(torch.cat([x, time], dim=1))


def what_the_loop_draws() -> Script:
    return Script(made(Denoising), loader(TensorDataset(X, X)), cross_entropy)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net(4, 3)

    def forward(self, x: Tensor) -> list[str]:
        return ["cat"] * len(self.net(x))


def no_tensor_comes_back() -> Script:
    return Script(made(Words), loader(TensorDataset(X, Y)), cross_entropy)


def not_a_number() -> Script:
    return Script(net(4, 1), loader(items(X, [0.5] * (N - 1) + [float("nan")])), cross_entropy)


def shapes_that_differ() -> Script:
    data = Items([(draw(4 + row % 2), 0) for row in range(N)])
    return Script(net(4, 3), loader(data), cross_entropy)


REFUSED: dict[Callable[[], Script], str] = {
    random_transforms: "without random transforms as data=; the loader may keep them",
    mixing_in_the_loader: "without random transforms as data=",
    a_stream_that_runs_dry: "got none the second time",
    dropout_at_evaluation: "gives the same again in evaluation mode",
    statistics_of_the_batch: "does not depend on its batch",
    padding_that_counts: "padding be masked or of one length",
    sequences_of_any_length: "pass a DataLoader with your collate_fn",
    pictures_as_they_are: "let a transform make a tensor of it",
    texts_as_they_are: "got str in the input 00000",
    no_target: "the target of an autoencoder is its input",
    other_names: "a DataLoader whose collate_fn gives (inputs, targets)",
    prepared_in_the_loop: "do what the loop does to a batch",
    what_the_loop_draws: "missing 1 required positional argument: 'time'",
    no_tensor_comes_back: "got a list; wrap the network",
    not_a_number: "NaN or infinity in the target 00023",
    shapes_that_differ: "got shapes (4,) and (5,)",
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_refused_before_the_first_step(build: Callable[[], Script], tmp_path: Path) -> None:
    script = build()
    mode, state = script.model.training, torch.get_rng_state()
    before = {name: value.clone() for name, value in script.model.state_dict().items()}
    optimizer = torch.optim.SGD(script.model.parameters(), lr=0.05)
    with pytest.raises(InputError) as caught:
        radiotracer.record(tmp_path / "run", script.model, optimizer, script.examples)
    assert REFUSED[build] in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1 and str(caught.value).startswith("expected ")
    assert not (tmp_path / "run").exists()
    assert script.model.training is mode and torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(value, before[name]) for name, value in script.model.state_dict().items()
    )
