"""Twins of texts: two versions that differ in a canary, of which a secret coin publishes one.

A *canary* is a line of a few words that nobody uses, of random syllables, drawn from the key.
Both versions of a text have one, of the same length and the same law, before the text or after it,
and the text itself stays as it was. So both say the same, whoever wrote it and in any language, and
the coin alone tells which of the two canaries the world has seen.

Why not rewrite? Interchangeable wordings and spellings are everywhere: a model that has read
"do not" a thousand times knows no more of the text in which it stood, and which of two wordings is
the better one depends on the sentence, which only a language model can judge. Look-alike characters
and odd spaces are lost in the first normalisation of a text. Random sequences, inserted on purpose,
are what models are known to learn by heart, and a hypothesis test can be made of them because the
one who inserts knows how they were drawn: Carlini, Liu, Erlingsson, Kos and Song 2019, "The secret
sharer"; Wei, Wang and Jia 2024, "Proving membership in LLM pretraining data via data watermarks".
Differs from the latter in: one secret coin for every canary and its twin, after Huang, Gong and
Reiter 2024, "A general framework for data-use auditing of ML models", in place of one sequence held
against many others, so that the test is exact for any model and needs no other samples. Data set
inference (Maini, Jia, Papernot and Dziedzic 2024, "LLM dataset inference: did you train on my
dataset?") inserts nothing, and needs held-out texts of the very same law, which few owners have.

A canary can be seen, and whoever looks for lines of words that are in no dictionary can take them
out. `TextTwinConfig.repeats` gives one canary to several texts of a class: fewer coins, learned
better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from radiotracer.data import Dataset, Labels
from radiotracer.errors import DataError
from radiotracer.provenance.choosing import choose
from radiotracer.provenance.key import Key

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeio"
"""Sixteen and four, so that six bits make a syllable, and every one is as likely as another."""

Place = Literal["before", "after"]
"""Where a canary stands: a line of its own before the text, or after it."""


class TextTwinConfig(BaseModel):
    """How twins of texts are made.

    Args:
        words: Of a canary. A text that has fewer of its own is too short to be marked.
        syllables: Of a word; three make one of 262,144 words.
        place: Where the canary stands. Classifiers read texts from their beginning and often not to
            their end.
        repeats: How many texts of a class share a canary and its coin; the last ones of a class may
            be fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: int = Field(default=8, ge=2, le=64)
    syllables: int = Field(default=3, ge=2, le=8)
    place: Place = "before"
    repeats: int = Field(default=1, ge=1)


def canary_pair(key: Key, coin: str, config: TextTwinConfig) -> tuple[str, str]:
    """The two canaries of a coin; they tell nothing of how it falls, nor of each other.

    Args:
        key: The secret.
        coin: What the coin hangs on.
        config: Their length.
    """
    return _canary(key, f"text-twin/0/{coin}", config), _canary(key, f"text-twin/1/{coin}", config)


def with_canary(text: str, canary: str, place: Place) -> str:
    """The text and a canary on a line of its own."""
    if place == "before":
        return f"{canary}\n{text}"
    if text and not text.endswith("\n"):
        text += "\n"
    return f"{text}{canary}\n"


def long_enough(texts: Dataset, config: TextTwinConfig) -> NDArray[np.bool_]:
    """Which texts have at least as many words as a canary, shape (n,).

    A shorter one would be little more than its canary: nobody would publish, or train on, that.
    """
    return np.array([len(each.split(None, config.words)) >= config.words for each in texts.content])


def require_long_enough(texts: Dataset, config: TextTwinConfig) -> None:
    """Raise `DataError`, which names the first one, if a text is too short for a twin."""
    short = np.flatnonzero(~long_enough(texts, config))
    if len(short):
        first = int(short[0])
        raise DataError(
            expected=f"texts of at least {config.words} words, as many as a canary has",
            came=f"{len(short)} shorter, the first {texts.ids[first]} with "
            f"{len(texts.content[first].split())}",
            do="leave them out (`choose_texts` does), or pass fewer words",
        )


def choose_texts(
    texts: Dataset, share: float, key: Key, config: TextTwinConfig | None = None
) -> NDArray[np.int64]:
    """Choose the texts to mark at random: of every class the share of those that are long enough.

    Which ones hangs on the key and on each id alone, as `choose` has it for images.

    Args:
        texts: The data, all of them.
        share: Of every class, in (0, 1); at least one.
        key: The secret.
        config: How twins will be made; None is the defaults.

    Returns:
        Rows, ascending, int64, shape (k,).

    Raises:
        InputError: A share outside (0, 1).
        DataError: No text is long enough.
    """
    long = np.flatnonzero(long_enough(texts, config or TextTwinConfig()))
    if not len(long):
        require_long_enough(texts, config or TextTwinConfig())
    return np.asarray(long[choose(texts.take(long), share, "random", key)])


def coins_of(labels: Labels, ids: Sequence[str], repeats: int) -> NDArray[np.str_]:
    """What the coin of each text hangs on: the id of the first text that shares its canary.

    Args:
        labels: Of the chosen texts, shape (k,).
        ids: Theirs.
        repeats: How many texts of a class share a canary.

    Returns:
        Shape (k,).
    """
    first, seen = [], dict[int, tuple[str, int]]()
    for label, name in zip(labels.tolist(), ids, strict=True):
        shared, count = seen.get(label, (name, repeats))
        shared, count = (name, 1) if count >= repeats else (shared, count + 1)
        seen[label] = shared, count
        first.append(shared)
    return np.array(first, dtype=np.str_)


def _canary(key: Key, label: str, config: TextTwinConfig) -> str:
    drawn = key.derive(label, config.words * config.syllables)
    syllables = [CONSONANTS[each & 15] + VOWELS[each >> 4 & 3] for each in drawn]
    size = config.syllables
    starts = range(0, len(syllables), size)
    return " ".join("".join(syllables[start : start + size]) for start in starts)
