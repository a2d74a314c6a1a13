"""Reference networks: ResNet-18 and ResNet-9 for 28x28 and 32x32 images, and a small, quick CNN.

Every network takes images as float tensors in [0, 1], shape (n, channels, height, width), and gives
logits, shape (n, classes). Input normalisation is a part of the network (two buffers), so that a
checkpoint says by itself how its inputs are scaled.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Dataset
from radiotracer.data.blocks import drop_pages, stretches
from radiotracer.errors import InputError
from radiotracer.runs import ModelSpec
from radiotracer.training.backbones import PRETRAINED


class Normalise(nn.Module):
    """Subtract a mean and divide by a standard deviation, per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, channels, height, width) in and out."""
        return (inputs - self.mean) / self.std


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        hidden = F.relu(self.norm1(self.conv1(inputs)))
        return F.relu(self.norm2(self.conv2(hidden)) + self.shortcut(inputs))


class ResNet18(nn.Module):
    """ResNet-18 with its usual stem (7x7 convolution and max-pooling), at a chosen width.

    Args:
        channels: 1 or 3.
        classes: How many logits.
        width: Channels of the first stage; 64 is the standard network (11.2 million parameters),
            16 the quarter-width one (0.7 million) that trains on a laptop's processor.
    """

    def __init__(self, channels: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.normalise = Normalise(channels)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.stage1 = _stage(width, width, stride=1)
        self.stage2 = _stage(width, 2 * width, stride=2)
        self.stage3 = _stage(2 * width, 4 * width, stride=2)
        self.stage4 = _stage(4 * width, 8 * width, stride=2)
        self.head = nn.Linear(8 * width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images in [0, 1], shape (n, channels, h, w), to logits, shape (n, classes)."""
        hidden = self.stem(self.normalise(inputs))
        hidden = self.stage4(self.stage3(self.stage2(self.stage1(hidden))))
        logits: Tensor = self.head(hidden.mean(dim=(2, 3)))
        return logits


class ResNet9(nn.Module):
    """ResNet-9: eight 3x3 convolutions, a shortcut around two pairs of them, and a linear layer.

    The network of Page's entry to DAWNBench (2018), with 4 and not 8 times `width` channels at the
    end, with averaging and not maximum pooling before the linear layer, and logits as they come.

    Args:
        channels: 1 or 3.
        classes: How many logits.
        width: Channels of the first convolution; 64 is usual (2.4 million parameters). The three
            stages after it have 2, 4 and 4 times as many.
    """

    def __init__(self, channels: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.normalise = Normalise(channels)
        self.prep = _convolution(channels, width)
        self.stage1 = nn.Sequential(
            _convolution(width, 2 * width), nn.MaxPool2d(2), Shortcut(2 * width)
        )
        self.stage2 = nn.Sequential(_convolution(2 * width, 4 * width), nn.MaxPool2d(2))
        self.stage3 = nn.Sequential(
            _convolution(4 * width, 4 * width), nn.MaxPool2d(2), Shortcut(4 * width)
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images in [0, 1], shape (n, channels, h, w), to logits, shape (n, classes)."""
        hidden = self.prep(self.normalise(inputs))
        hidden = self.stage3(self.stage2(self.stage1(hidden)))
        logits: Tensor = self.head(hidden.mean(dim=(2, 3)))
        return logits


class Shortcut(nn.Module):
    """Two batch-normalised 3x3 convolutions whose result is added to what they were given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(_convolution(width, width), _convolution(width, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, width, h, w) in and out."""
        changed: Tensor = self.inside(inputs)
        return inputs + changed


class SmallCNN(nn.Module):
    """Three 3x3 convolutions, batch-normalised and pooled: seconds per epoch on a processor."""

    def __init__(self, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        self.normalise = Normalise(channels)
        layers: list[nn.Module] = []
        for inputs, outputs in ((channels, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images in [0, 1], shape (n, channels, h, w), to logits, shape (n, classes)."""
        logits: Tensor = self.head(self.features(self.normalise(inputs)).mean(dim=(2, 3)))
        return logits


ModelName = Literal["resnet18", "resnet9", "small-cnn", "efficientnet-lite0"]
"""The names that `radiotracer train --model` takes."""

MODELS: dict[str, Callable[..., nn.Module]] = {
    "resnet18": ResNet18,
    "resnet9": ResNet9,
    "small-cnn": SmallCNN,
    **PRETRAINED,
}
"""Reference networks by their `ModelName`."""


def build_model(spec: ModelSpec) -> nn.Module:
    """Make the network that `spec` names, with fresh weights drawn from torch's global generator.

    Raises:
        InputError: The name is not a reference network, or the options do not fit it.
    """
    factory = MODELS.get(spec.name)
    if factory is None:
        raise InputError(
            expected=f"a reference network ({', '.join(MODELS)})",
            came=repr(spec.name),
            do="pass --factory module:function to build a network of your own",
        )
    try:
        return factory(**spec.options)
    except (TypeError, ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        raise InputError(
            expected=f"options that {spec.name} takes",
            came=f"{spec.options}"[:200],
            do=(str(error) or type(error).__name__).partition("\n")[0][:200],
        ) from error


def with_fresh_head(model: nn.Module, seed: int) -> nn.Module:
    """A copy of a reference network under a last layer that was never trained.

    Args:
        model: Has its last linear layer as ``head``; left as it is.
        seed: The new layer is drawn by it; torch's global random state is left as it was.
    """
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh.get_submodule("head").reset_parameters()  # type: ignore[operator]
    return fresh


def normalise_like(model: nn.Module, examples: Dataset) -> None:
    """Set the network's input normalisation to the mean and spread of `examples`, per channel.

    Networks that begin with packaged weights have none: their inputs are scaled as the weights ask.
    """
    # How often each level is there says all of it, whatever the number of images.
    levels = np.linspace(0.0, 1.0, 256)
    counts = np.zeros((examples.content.shape[3], 256))
    for rows in stretches(examples.content):
        for channel in range(len(counts)):
            pixels = examples.content[rows, :, :, channel].ravel()
            counts[channel] += np.bincount(pixels, minlength=256)
        drop_pages(examples.content[rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    std = np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1))
    for module in model.modules():
        if isinstance(module, Normalise):
            module.mean.copy_(torch.from_numpy(mean).view(-1, 1, 1))
            # A constant channel has no spread; leave it unscaled rather than divide by zero.
            spread = torch.from_numpy(np.where(std > 0, std, 1.0))
            module.std.copy_(spread.view(-1, 1, 1))


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def _stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))
