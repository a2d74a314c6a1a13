"""Texts, as they were: nothing is stripped or normalised."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.modality import MODALITIES, Labelled, Preview, Rows
from radiotracer.data.parquet import read_kept, write_kept
from radiotracer.errors import DataError, InputError
from radiotracer.files import atomic_file

if TYPE_CHECKING:
    from torch import Tensor


FILE = "texts.parquet"
"""Where `save` puts the texts."""

LENGTH = 256
"""Words of a text that networks are given, from its beginning."""

PADDING = 0
"""The token after the last word of a text; no word has it."""

SHOWN = 600
"""Characters of a text that people are shown."""

_WORDS = re.compile(r"\w+|[^\w\s]")
"""A word is a run of letters and digits; every other sign is a word of its own."""


class TextModality:
    """Content: a tuple of n texts that UTF-8 can hold."""

    name = "texts"
    noun = "text"
    task: str | None = "text-classification"

    def require(self, content: tuple[str, ...], source: str) -> None:
        """Raise `DataError` unless all are texts that UTF-8 can hold."""
        if not isinstance(content, tuple | list):
            raise DataError(
                expected="a sequence of texts",
                came=f"a {type(content).__name__} from {source}",
                do="pass a tuple or a list of texts",
            )
        for row, text in enumerate(content):
            if not isinstance(text, str) or not _is_unicode(text):
                raise DataError(
                    expected="texts that UTF-8 can hold",
                    came=f"another in row {row} of {source}",
                    do="repair it, or leave it out",
                )

    def length(self, content: tuple[str, ...]) -> int:
        """How many texts."""
        return len(content)

    def take(self, content: tuple[str, ...], rows: NDArray[np.int64]) -> tuple[str, ...]:
        """The texts at `rows`."""
        return tuple(content[row] for row in rows.tolist())

    def put(
        self, content: tuple[str, ...], rows: NDArray[np.int64], new: Sequence[str]
    ) -> tuple[str, ...]:
        """A copy with other texts at `rows`."""
        changed = list(content)
        for row, text in zip(rows.tolist(), new, strict=True):
            changed[row] = text
        return tuple(changed)

    def hashes(self, content: tuple[str, ...]) -> Iterator[bytes]:
        """SHA-256 of each text in UTF-8."""
        return (hashlib.sha256(text.encode()).digest() for text in content)

    def inputs(self, content: tuple[str, ...], rows: Rows) -> Tensor:
        """The hashed words of each text (`word_hashes`), int64, shape (n, `LENGTH`)."""
        return word_hashes(_chosen(content, rows))

    def shape(self, content: tuple[str, ...]) -> dict[str, int | str]:
        """Nothing: a network that takes one text takes any."""
        return {}

    def show(self, content: tuple[str, ...], row: int) -> Preview:
        """The beginning of the text."""
        text = content[row]
        return Preview(text=text if len(text) <= SHOWN else f"{text[:SHOWN]}…")

    def to_json(self, content: tuple[str, ...], rows: Rows) -> list[str]:
        """The texts."""
        return list(_chosen(content, rows))

    def save(self, data: Labelled, folder: Path) -> None:
        """Write a Parquet file with the columns ``id``, ``text`` and ``label``."""
        import pyarrow as pa

        with atomic_file(folder / FILE) as temporary:
            write_kept(temporary, {"text": pa.array(data.content, pa.string())}, data)

    def load(self, folder: Path) -> tuple[str, ...]:
        """The texts of that file."""
        table = read_kept(folder / FILE).table
        if "text" not in table.column_names:
            raise DataError(
                expected=f"a column of texts in {folder / FILE}",
                came=f"columns {', '.join(table.column_names)[:200]}",
                do="make the folder anew",
            )
        return tuple(table["text"].to_pylist())


TEXTS = MODALITIES.register(TextModality())


def word_hashes(texts: Sequence[str], length: int = LENGTH) -> Tensor:
    """The hashed words of texts, in lower case, from the beginning of each.

    Words are hashed (Weinberger et al. 2009, arXiv:0902.2206), so that nothing is downloaded,
    nothing is fitted to the training texts, and a text has the same tokens whatever others there
    are. A network divides them into as many buckets as it has.

    Args:
        texts: n texts.
        length: How many words are read.

    Returns:
        int64, shape (n, length): 1 to 2^31, and `PADDING` after the last word.

    Raises:
        InputError: One text instead of a sequence of them.
    """
    import torch
    from sklearn.utils import murmurhash3_32

    if isinstance(texts, str):
        raise InputError(expected="a sequence of texts", came="one text", do="pass [text]")
    tokens = np.full((len(texts), length), PADDING, dtype=np.int64)
    for row, text in enumerate(texts):
        words = itertools.islice(_WORDS.finditer(text.lower()), length)
        hashed = [murmurhash3_32(word[0], positive=True) for word in words]
        tokens[row, : len(hashed)] = 1 + np.array(hashed, dtype=np.int64)
    return torch.from_numpy(tokens)


def _chosen(content: tuple[str, ...], rows: Rows) -> Sequence[str]:
    return content[rows] if isinstance(rows, slice) else [content[int(row)] for row in rows]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
