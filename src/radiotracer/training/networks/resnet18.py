"""ResNet-18, the usual network for small images."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.training.network import NETWORKS, Network
from radiotracer.training.networks._images import FOR_IMAGES, channels_of, quick
from radiotracer.training.normalise import Normalise, normalise_images


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
        self.normalise = Normalise(channels, 1, 1)
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


def _stage(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1))


NETWORKS.register(
    Network(
        name="resnet18",
        build=ResNet18,
        sizes=channels_of,
        modalities=FOR_IMAGES,
        default=True,
        quick=lambda n: {"width": 16, **quick(n)},
        fit=normalise_images,
    )
)
