"""A network for texts as the function that texts are asked through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data.modalities.texts import word_hashes


def scores_of(model: nn.Module) -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """From n texts to logits, float64, shape (n, classes)."""

    def scores(texts: Sequence[str]) -> NDArray[np.float64]:
        with torch.no_grad():
            found: NDArray[np.float64] = model(word_hashes(texts)).double().numpy()
        return found

    return scores
