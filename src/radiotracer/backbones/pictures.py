"""Models of transformers and of timm that look at images, prepared as they ask for."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.backbones.frozen import batches, device_of, loading, looking, to_numpy
from radiotracer.backbones.transformer import quiet
from radiotracer.data import Dataset


class PictureEncoder:
    """Images to vectors by a model of transformers.

    Args:
        model: Gives `last_hidden_state`, or has `get_image_features`.
        processor: Its image processor.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model.eval()
        self.processor = processor
        # Networks with a token for the whole image were trained to speak by it.
        names = [name for name, _ in model.named_parameters()]
        self.by_token = any(name.endswith("cls_token") for name in names)

    def __call__(self, data: Dataset, rows: slice) -> NDArray[np.float32]:
        """float32, shape (len, d)."""
        with looking(self.model):
            return np.concatenate([self._of(data.content[part]) for part in batches(rows)])

    def _of(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        coloured = np.broadcast_to(images, (*images.shape[:3], 3))
        prepared = self.processor(
            list(coloured), return_tensors="pt", input_data_format="channels_last"
        )
        pixels = prepared["pixel_values"].to(device_of(self.model))
        if hasattr(self.model, "get_image_features"):
            found = self.model.get_image_features(pixel_values=pixels)
            return to_numpy(found if isinstance(found, Tensor) else found.pooler_output)
        hidden: Tensor = self.model(pixel_values=pixels).last_hidden_state
        if hidden.ndim == 4:
            return to_numpy(hidden.mean(dim=(2, 3)))
        return to_numpy(hidden[:, 0] if self.by_token else hidden.mean(dim=1))


def load_pictures(where: str, *, here: bool = True) -> tuple[Any, Any]:
    """A network and its image processor.

    Args:
        where: A folder, or with ``here=False`` a name on the Hugging Face hub.
        here: Nothing is asked of the hub.
    """
    with quiet(), loading():
        transformers: Any = importlib.import_module("transformers")
        processor = transformers.AutoImageProcessor.from_pretrained(where, local_files_only=here)
        model = transformers.AutoModel.from_pretrained(
            where, local_files_only=here, dtype=torch.float32
        )
    return model, processor


class TimmEncoder:
    """Images to vectors by a model of timm without its head.

    Args:
        model: Takes float32, shape (n, 3, height, width), gives vectors, shape (n, d).
        size: Height and width that it takes.
        mean: Of each channel, in [0, 1].
        std: Of each channel.
    """

    def __init__(
        self, model: nn.Module, size: Sequence[int], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.model = model.eval()
        self.size = (int(size[0]), int(size[1]))
        self.mean, self.std = (torch.tensor(each).view(1, 3, 1, 1) for each in (mean, std))

    def __call__(self, data: Dataset, rows: slice) -> NDArray[np.float32]:
        """float32, shape (len, d)."""
        with looking(self.model):
            parts = [
                self._of(cast(Tensor, data.modality.inputs(data.content, part)))
                for part in batches(rows)
            ]
        return np.concatenate(parts)

    def _of(self, images: Tensor) -> NDArray[np.float32]:
        coloured = images.expand(-1, 3, -1, -1)
        resized = F.interpolate(coloured, self.size, mode="bicubic", antialias=True).clamp(0, 1)
        device = device_of(self.model)
        return to_numpy(self.model(((resized - self.mean) / self.std).to(device)))
