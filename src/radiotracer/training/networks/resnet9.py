"""ResNet-9: good on 28x28 and 32x32 images, and quick on a GPU."""

from __future__ import annotations

from torch import Tensor, nn

from radiotracer.training.network import NETWORKS, Network
from radiotracer.training.networks._images import FOR_IMAGES, channels_of, convolution, quick
from radiotracer.training.normalise import Normalise, normalise_images


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
        self.normalise = Normalise(channels, 1, 1)
        self.prep = convolution(channels, width)
        self.stage1 = nn.Sequential(
            convolution(width, 2 * width), nn.MaxPool2d(2), Shortcut(2 * width)
        )
        self.stage2 = nn.Sequential(convolution(2 * width, 4 * width), nn.MaxPool2d(2))
        self.stage3 = nn.Sequential(
            convolution(4 * width, 4 * width), nn.MaxPool2d(2), Shortcut(4 * width)
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
        self.inside = nn.Sequential(convolution(width, width), convolution(width, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, width, h, w) in and out."""
        changed: Tensor = self.inside(inputs)
        return inputs + changed


NETWORKS.register(
    Network(
        name="resnet9",
        build=ResNet9,
        sizes=channels_of,
        modalities=FOR_IMAGES,
        quick=quick,
        fit=normalise_images,
    )
)
