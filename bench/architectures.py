"""Networks of every common family, from 0.1 to 11 million parameters, and inputs that they take."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from radiotracer.training.networks import ResNet9, ResNet18

CLASSES = 10
VOCABULARY = 8_000

Built = tuple[nn.Module, Tensor]
"""A network, and a batch of inputs."""


class Recurrent(nn.Module):
    """Words through an LSTM; the last of what it says is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, 128)
        self.layer = nn.LSTM(128, 256, batch_first=True)
        self.head = nn.Linear(256, CLASSES)

    def forward(self, numbers: Tensor) -> Tensor:
        said: Tensor = self.layer(self.words(numbers))[0]
        return self.head(said[:, -1])  # type: ignore[no-any-return]


def perceptron(side: int, width: int) -> Built:
    inside = side * side * 3
    layers = [nn.Linear(inside, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, CLASSES)), pictures(256, side)


def group_normalised(module: nn.Module) -> nn.Module:
    """The same network with group in the place of batch normalisation."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(8, child.num_features))
        else:
            group_normalised(child)
    return module


def transformer(kind: str) -> Built:
    """Of Hugging Face, as their own initialisation leaves it."""
    import transformers

    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "num_labels": CLASSES,
        "pad_token_id": 0,
    }
    config = getattr(transformers, f"{kind}Config")(**shape)
    return getattr(transformers, f"{kind}ForSequenceClassification")(config), words(32, 64)


def pictures(count: int, side: int) -> Tensor:
    return torch.rand(count, 3, side, side).contiguous(memory_format=torch.channels_last)


def words(count: int, length: int) -> Tensor:
    return torch.randint(1, VOCABULARY, (count, length))


ARCHITECTURES: dict[str, Callable[[], Built]] = {
    "MLP, narrow": lambda: perceptron(16, 256),
    "MLP, wide": lambda: perceptron(32, 1024),
    "ResNet-9": lambda: (ResNet9(3, CLASSES, 16), pictures(64, 32)),
    "ResNet-18, width 16": lambda: (ResNet18(3, CLASSES, 16), pictures(64, 32)),
    "ResNet-18, width 32": lambda: (ResNet18(3, CLASSES, 32), pictures(64, 32)),
    "ResNet-18, width 64": lambda: (ResNet18(3, CLASSES, 64), pictures(32, 32)),
    "ResNet-18, group norm": lambda: (
        group_normalised(ResNet18(3, CLASSES, 16)),
        pictures(64, 32),
    ),
    "BERT": lambda: transformer("Bert"),
    "Llama": lambda: transformer("Llama"),
    "LSTM": lambda: (Recurrent(), words(32, 40)),
    "EmbeddingBag": lambda: (
        nn.Sequential(nn.EmbeddingBag(VOCABULARY, 64), nn.Linear(64, CLASSES)),
        words(64, 30),
    ),
}
"""By name; every one gives logits, or something that has them."""
