"""A small classifier of texts that trains in seconds: hashed words, their mean, two linear layers.

Words come hashed (`radiotracer.data.modalities.texts.word_hashes`) and are divided into a fixed
number of buckets in here (Weinberger et al. 2009, "Feature hashing for large scale multitask
learning"). Means of word embeddings are a strong and fast baseline of text classification (Joulin
et al. 2017, "Bag of tricks for efficient text classification").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import TEXTS
from radiotracer.data.modalities.texts import PADDING
from radiotracer.training.network import NETWORKS, Network


class BagOfWords(nn.Module):
    """Embeddings of the words, their mean without padding, a hidden layer, a linear head.

    Args:
        classes: How many logits.
        width: Numbers per word; the layer before the last has twice as many.
        buckets: How many different words there can be, padding included.
    """

    def __init__(self, classes: int, width: int = 32, buckets: int = 1 << 14) -> None:
        super().__init__()
        self.word = nn.Embedding(buckets, width, padding_idx=PADDING)
        self.hidden = nn.Linear(width, 2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, hashes: Tensor) -> Tensor:
        """Hashed words, int64, shape (n, length), to logits, shape (n, classes)."""
        is_word = hashes != PADDING
        bucket = 1 + (hashes - 1) % (self.word.num_embeddings - 1)
        embedded = self.word(torch.where(is_word, bucket, PADDING))
        counted = is_word.unsqueeze(-1).to(embedded.dtype)
        mean = (embedded * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
        logits: Tensor = self.head(F.relu(self.hidden(mean)))
        return logits


def _quick(n: int) -> Mapping[str, Any]:
    """Few steps, and small ones: what is trained for longer knows wrong labels by heart."""
    return {
        "epochs": 8 if n < 10_000 else 4,
        "batch_size": 16 if n < 1_000 else 32 if n < 10_000 else 64,
        "learning_rate": 0.1,
    }


NETWORKS.register(
    Network(
        name="bag-of-words",
        build=BagOfWords,
        sizes=lambda _: {},
        modalities=frozenset((TEXTS.name,)),
        default=True,
        settings={"epochs": 8, "batch_size": 64, "learning_rate": 1.0, "weight_decay": 0.0},
        quick=_quick,
    )
)
