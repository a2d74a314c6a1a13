"""A small transformer that classifies sequences, and images turned into sequences for it.

The network is written out in plain layers, so that every kind of parameter that a transformer
trains is traced: embeddings, learned positions, layer normalisation, attention and its projections.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Dataset

LEVELS = 32
"""Size of the vocabulary of `tokens_of`: grey levels."""


class Block(nn.Module):
    """Self-attention and a two-layer perceptron, each normalised first and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, length, width) in and out."""
        hidden = inputs + self.project(self._attend(self.norm1(inputs)))
        out: Tensor = hidden + self.contract(F.gelu(self.expand(self.norm2(hidden))))
        return out

    def _attend(self, inputs: Tensor) -> Tensor:
        n, length, width = inputs.shape
        projected = self.query_key_value(inputs).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(n, length, width)


class TransformerClassifier(nn.Module):
    """Token and position embeddings, blocks, the mean over the positions, a linear head.

    Args:
        vocabulary: How many tokens there are.
        length: Tokens in a sequence.
        classes: How many logits.
        width: Numbers per token inside the network.
        depth: How many blocks.
        heads: Attention heads; they divide the width.
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        classes: int,
        *,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64, shape (n, length), to logits, shape (n, classes)."""
        hidden = self.blocks(self.token(tokens) + self.position)
        logits: Tensor = self.head(self.norm(hidden).mean(dim=1))
        return logits


def tokens_of(examples: Dataset, patch: int = 4) -> tuple[Tensor, Tensor]:
    """Each square patch of an image as one token: its mean grey level, in `LEVELS` steps.

    Args:
        examples: Images whose height and width are multiples of `patch`.
        patch: Pixels along a side: 28x28 images give 49 tokens with 4.

    Returns:
        Tokens int64, shape (n, patches), row by row from the top left; labels int64, shape (n,).
    """
    grey = torch.from_numpy(examples.content.astype(np.float32)).mean(dim=3)
    means = F.avg_pool2d(grey.unsqueeze(1), patch).flatten(start_dim=1)
    tokens = (means * (LEVELS / 256)).long()
    return tokens, torch.from_numpy(examples.labels).long()
