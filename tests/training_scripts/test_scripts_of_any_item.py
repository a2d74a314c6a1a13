"""Plain loops over every kind of item: recorded, and traced exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
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
    record,
    require_exact,
)
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

X = draw(N, 4)
Y = choose(3, N)


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = net(4, 3), net(2, 3)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.left(a) * self.right(b)


def several_inputs() -> Script:
    return Script(made(Sum), loader(TensorDataset(X, draw(N, 2), Y)), cross_entropy)


def inputs_in_a_tuple() -> Script:
    data = Items([((X[i], draw(N, 2)[i]), int(Y[i])) for i in range(N)])
    return Script(
        made(Sum), loader(data), cross_entropy, step=lambda m, batch: (m(*batch[0]), batch[1])
    )


def named(model: nn.Module, batch: Any) -> tuple[Any, Any]:
    return model(a=batch["a"], b=batch["b"]), batch["labels"]


def mappings() -> Script:
    return Script(made(Sum), loader(items(a=X, b=draw(N, 2), labels=Y)), cross_entropy, step=named)


def mappings_with_more() -> Script:
    words = [f"text {i}" for i in range(N)]
    data = items(a=X, b=draw(N, 2), labels=Y, idx=torch.arange(N), text=words)
    return Script(made(Sum), loader(data), cross_entropy, step=named)


def pair_in_memory() -> Script:
    return Script(net(4, 3), loader(TensorDataset(X, Y)), cross_entropy, data=(X, Y))


def arrays() -> Script:
    return Script(
        net(4, 3), loader(items(X.numpy(), Y.numpy())), cross_entropy, data=(X.numpy(), Y.numpy())
    )


def lists() -> Script:
    data = [(x, y) for x, y in zip(X, Y.tolist(), strict=True)]
    return Script(net(4, 3), loader(data), cross_entropy)


def joined_sets() -> Script:
    parts = [TensorDataset(X[:9], Y[:9]), Subset(TensorDataset(X, Y), range(9, N))]
    return Script(net(4, 3), loader(ConcatDataset(parts)), cross_entropy)


def to_tensor(photo: Any) -> Tensor:
    return torch.from_numpy(np.array(photo)).float()[None] / 255 - 0.5


class Photos(Dataset[Any]):
    """As torchvision has them: pictures, until a transform makes tensors of them."""

    def __init__(self, transform: Callable[[Any], Any] | None = None) -> None:
        pixels = choose(256, N, 6, 6).byte().numpy()
        self.photos = [Image.fromarray(each) for each in pixels]
        self.transform = transform

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int) -> Any:
        photo = self.photos[row]
        return photo if self.transform is None else self.transform(photo), int(Y[row])


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))


def pictures() -> Script:
    return Script(made(convolutional), loader(Photos(to_tensor)), cross_entropy)


def tensors_of(batch: list[Any]) -> tuple[Tensor, Tensor]:
    photos, labels = zip(*batch, strict=True)
    return torch.stack([to_tensor(photo) for photo in photos]), torch.tensor(labels)


def pictures_made_tensors_by_the_loader() -> Script:
    return Script(made(convolutional), loader(Photos(), collate_fn=tensors_of), cross_entropy)


SCRIPTS: list[Callable[[], Script]] = [
    several_inputs,
    inputs_in_a_tuple,
    mappings,
    mappings_with_more,
    pair_in_memory,
    arrays,
    lists,
    joined_sets,
    pictures,
    pictures_made_tensors_by_the_loader,
]


@pytest.mark.parametrize("build", SCRIPTS, ids=lambda build: build.__name__)
def test_recorded_and_traced(build: Callable[[], Script], tmp_path: Path) -> None:
    script = build()
    require_exact(script, record(script, tmp_path / "run"))
