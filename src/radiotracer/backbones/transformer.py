"""Transformers for texts: loaded without a word on the screen, their tokens averaged."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.backbones.frozen import (
    BATCH,
    device_of,
    loading,
    looking,
    mean_of_tokens,
    to_numpy,
)
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.data import Dataset

LENGTH = 256
"""Tokens of a text that are read, from its beginning."""


class TextEncoder:
    """Texts to the mean of a network's last hidden states over their tokens.

    Args:
        model: A transformer whose output has `last_hidden_state`.
        tokenizer: Its tokenizer.
        length: Tokens of a text that are read.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, length: int = LENGTH) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.length = min(length, int(getattr(tokenizer, "model_max_length", length)))

    def __call__(self, data: Dataset, rows: slice) -> NDArray[np.float32]:
        """float32, shape (len, d)."""
        texts = list(data.content[rows])
        # Texts of about the same length share a batch: it is as wide as its longest.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        found: NDArray[np.float32] | None = None
        with looking(self.model):
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                vectors = self._of([texts[row] for row in part])
                if found is None:
                    found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
                found[part] = vectors
        assert found is not None  # noqa: S101 - a stretch has a row at least
        return found

    def _of(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.length, return_tensors="pt"
        )
        device = device_of(self.model)
        given = {name: value.to(device) for name, value in tokens.items()}
        hidden = self.model(**given).last_hidden_state
        return to_numpy(mean_of_tokens(hidden, given["attention_mask"]))


def load_texts(where: str, *, here: bool = True) -> tuple[nn.Module, Any]:
    """A network and its tokenizer.

    Args:
        where: A folder, or with ``here=False`` a name on the Hugging Face hub.
        here: Nothing is asked of the hub.

    Raises:
        InputError: The tokenizer cannot pad.
    """
    with quiet(), loading():
        transformers: Any = importlib.import_module("transformers")
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(where, local_files_only=here)
        model: Any = transformers.AutoModel.from_pretrained(
            where, local_files_only=here, dtype=torch.float32
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise InputError(
            expected="a tokenizer with a token for padding, or for the end of a text",
            came=f"one without, in {where}",
            do="choose another model",
        )
    # Networks that write have an encoder of their own for what they read.
    model = model.get_encoder() if getattr(model.config, "is_encoder_decoder", False) else model
    return model, tokenizer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Transformers prints bars and reports of its own; afterwards it does so as before."""
    logging: Any = importlib.import_module("transformers.utils.logging")

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
