"""A small classifier of texts that trains in seconds: hashed words, their mean, two linear layers.

Words are hashed into a fixed number of buckets (Weinberger et al. 2009, "Feature hashing for large
scale multitask learning"), so that nothing is downloaded, nothing is fitted to the training texts,
and a text has the same tokens whatever other texts there are. Means of word embeddings are a strong
and fast baseline of text classification (Joulin et al. 2017, "Bag of tricks for efficient text
classification").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.runs import Run, record
from radiotracer.runs.random_state import random_state_kept
from radiotracer.training.schedule import share_of_peak

PADDING = 0
"""The token after the last word of a text; no word has it."""

_WORDS = r"\w+|[^\w\s]"
"""A word is a run of letters and digits; every other sign is a word of its own."""


class TextConfig(BaseModel):
    """Settings of the classifier and of its training.

    Args:
        buckets: How many different tokens there are, padding included.
        length: Words of a text that are read, from its beginning.
        width: Numbers per word.
        hidden: Numbers of the layer before the last.
        epochs: Passes over the texts.
        batch_size: Texts per step; the last, smaller batch of a pass is left out.
        learning_rate: Peak of a rise over the first 15 % of the steps and a fall over the rest.
        momentum: Nesterov momentum.
        weight_decay: L2 penalty.
        seed: Weights and batch order follow from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    buckets: int = Field(default=1 << 14, ge=2)
    length: int = Field(default=256, ge=1)
    width: int = Field(default=32, ge=1)
    hidden: int = Field(default=64, ge=1)
    epochs: int = Field(default=8, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1.0, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)


class BagOfWords(nn.Module):
    """Embeddings of the words, their mean without padding, a hidden layer, a linear head.

    Args:
        buckets: How many tokens there are, padding included.
        classes: How many logits.
        width: Numbers per word.
        hidden: Numbers of the layer before the last.
    """

    def __init__(self, buckets: int, classes: int, *, width: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.word = nn.Embedding(buckets, width, padding_idx=PADDING)
        self.hidden = nn.Linear(width, hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens int64, shape (n, length), to logits, shape (n, classes)."""
        is_word = (tokens != PADDING).unsqueeze(-1).to(self.word.weight.dtype)
        mean = (self.word(tokens) * is_word).sum(dim=1) / is_word.sum(dim=1).clamp(min=1)
        logits: Tensor = self.head(F.relu(self.hidden(mean)))
        return logits


def word_tokens(texts: Sequence[str], config: TextConfig | None = None) -> Tensor:
    """The hashed words of texts, in lower case, from the beginning of each.

    Args:
        texts: n texts.
        config: `buckets` and `length` count; None is the defaults.

    Returns:
        int64, shape (n, length): 1 to buckets - 1, and `PADDING` after the last word.

    Raises:
        InputError: One text instead of a sequence of them.
    """
    if isinstance(texts, str):
        raise InputError(expected="a sequence of texts", came="one text", do="pass [text]")
    config = config or TextConfig()
    words_of = HashingVectorizer(token_pattern=_WORDS).build_analyzer()
    tokens = np.full((len(texts), config.length), PADDING, dtype=np.int64)
    for row, text in enumerate(texts):
        hashed = [murmurhash3_32(word, positive=True) for word in words_of(text)[: config.length]]
        tokens[row, : len(hashed)] = 1 + np.array(hashed, dtype=np.int64) % (config.buckets - 1)
    return torch.from_numpy(tokens)


def as_tensors(texts: Dataset, config: TextConfig | None = None) -> tuple[Tensor, Tensor]:
    """Texts as a tracer and a scan take them: `word_tokens` (n, length) and int64 labels (n,)."""
    return word_tokens(texts.content, config), torch.from_numpy(texts.labels).long()


def train_on_texts(
    texts: Dataset, config: TextConfig, out: Path, *, overwrite: bool = False
) -> tuple[Run, BagOfWords]:
    """Train the classifier on texts and record it into the folder `out`.

    torch's global random state is left as it was found. `as_tensors` gives the data that the run
    knows.

    Args:
        texts: What to train on; every class needs a text.
        config: Settings.
        out: A new folder.
        overwrite: Replace an earlier run in `out`.

    Returns:
        The run, and the network with its final weights in evaluation mode.

    Raises:
        DataError: An empty class, or fewer texts than one batch.
        NotFiniteError: The loss became NaN or infinite; the run stays `interrupted`.
    """
    texts.require_every_class()
    if len(texts) < config.batch_size:
        raise DataError(
            expected=f"at least one batch of {config.batch_size} texts",
            came=str(len(texts)),
            do="pass a smaller batch_size",
        )
    tokens, labels = as_tensors(texts, config)
    with random_state_kept():
        torch.manual_seed(config.seed)
        model = BagOfWords(
            config.buckets, len(texts.class_names), width=config.width, hidden=config.hidden
        )
        sampler = BatchSampler(RandomSampler(labels), config.batch_size, drop_last=True)
        data = TensorDataset(tokens, labels)
        loader = DataLoader(data, sampler=sampler, batch_size=None)
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.momentum > 0,
        )
        steps = share_of_peak("rise-and-fall", config.epochs * len(loader))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, steps)
        settings = config.model_dump(exclude={"seed"})
        with record(
            out, model, optimizer, data, seed=config.seed, settings=settings, overwrite=overwrite
        ) as recording:
            for _ in range(config.epochs):
                for inputs, wanted in recording.batches(loader):
                    loss = F.cross_entropy(model(inputs), wanted)
                    _require_finite(loss)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    scheduler.step()
    return Run.open(out), model.eval()


def text_scores(
    model: nn.Module, config: TextConfig | None = None, batch_size: int = 512
) -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """The classifier as a function from n texts to logits, float64, shape (n, classes).

    Args:
        model: As `train_on_texts` gives it: in evaluation mode.
        config: What it was trained with.
        batch_size: Texts per forward pass.
    """

    def scores(texts: Sequence[str]) -> NDArray[np.float64]:
        with torch.no_grad():
            parts = word_tokens(texts, config).split(batch_size)
            logits = torch.cat([model(each) for each in parts])
        found: NDArray[np.float64] = logits.double().numpy()
        return found

    return scores


def _require_finite(loss: Tensor) -> None:
    if not torch.isfinite(loss):
        raise NotFiniteError(
            expected="a finite training loss", came=str(loss.item()), do="lower the learning rate"
        )
