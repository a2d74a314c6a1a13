"""A small, quick network for images."""

from __future__ import annotations

from torch import Tensor, nn

from radiotracer.training.network import NETWORKS, Network
from radiotracer.training.networks._images import FOR_IMAGES, channels_of, quick
from radiotracer.training.normalise import Normalise, normalise_images


class SmallCNN(nn.Module):
    """Three 3x3 convolutions, batch-normalised and pooled: seconds per epoch on a processor."""

    def __init__(self, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        self.normalise = Normalise(channels, 1, 1)
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


NETWORKS.register(
    Network(
        name="small-cnn",
        build=SmallCNN,
        sizes=channels_of,
        modalities=FOR_IMAGES,
        quick=quick,
        fit=normalise_images,
    )
)
