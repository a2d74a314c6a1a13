"""Twins of texts: two versions that differ in a canary, of which a coin publishes one.

A *canary* is a line of a few words that nobody uses, of random syllables, drawn from the key.
Both versions of a text have one, of the same length and drawn alike, before the text or after it,
and the text itself stays as it was. So both say the same, whoever wrote it and in any language, and
the coin alone tells which of the two canaries the world has seen.

Why not rewrite? Interchangeable wordings and spellings are everywhere: a model that has read
"do not" a thousand times knows no more of the text in which it stood, and which of two wordings is
the better one depends on the sentence, which only a language model can judge. Look-alike characters
and odd spaces are lost in the first normalisation of a text. Random sequences, inserted on purpose,
are what models are known to learn by heart, and a hypothesis test can be made of them because the
one who inserts knows how they were drawn: Carlini, Liu, Erlingsson, Kos and Song 2019, "The secret
sharer"; Wei, Wang and Jia 2024, "Proving membership in LLM pretraining data via data watermarks".
Differs from the latter in: one coin for every canary and its twin, after Huang, Gong and
Reiter 2024, "A general framework for data-use auditing of ML models", in place of one sequence held
against many others, so that the test is exact for any model and needs no other samples. Data set
inference (Maini, Jia, Papernot and Dziedzic 2024, "LLM dataset inference: did you train on my
dataset?") inserts nothing, and needs held-out texts drawn as these were, which few owners have.

A canary can be seen, and whoever looks for lines of words that are in no dictionary can take them
out. `CanaryConfig.repeats` gives one canary to several texts of a class: fewer coins, learned
better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.errors import DataError
from radiotracer.provenance.coins import coin_names, published_twins
from radiotracer.provenance.designs._canaries.settings import CanaryConfig, Place
from radiotracer.provenance.key import Key
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aeio"
"""Sixteen and four, so that six bits make a syllable, and every one is as likely as another."""

COINS, CANARIES = "coins", "canaries"
"""The sealed arrays: what the coin of each marked text hangs on (the id of a text), shape (k,), and
its two canaries, shape (k, 2). Neither says how a coin fell: whoever has the key tosses it again.
"""


def lay_canaries(chosen: Dataset, key: Key, config: CanaryConfig) -> Laid:
    """Two canaries for each coin; they follow from the key, and no coin does.

    Args:
        chosen: The k texts to mark.
        key: The secret.
        config: Settings.

    Returns:
        The arrays `COINS` and `CANARIES`.

    Raises:
        DataError: A text is too short.
    """
    require_long_enough(chosen, config)
    coins = coins_of(chosen.labels, chosen.ids.tolist(), config.repeats)
    names = list(dict.fromkeys(coins.tolist()))
    pairs = {name: canary_pair(key, name, config) for name in names}
    return Laid(
        coins=coin_names(names),
        arrays={
            COINS: coins,
            CANARIES: np.array([pairs[coin] for coin in coins.tolist()], dtype=np.str_),
        },
    )


def published(laid: Laid, chosen: Dataset, coins: Source, config: CanaryConfig) -> Planted:
    """The texts with the canaries that the coins chose; no columns.

    Args:
        laid: By `lay_canaries`.
        chosen: The k texts before.
        coins: What is drawn.
        config: Settings.
    """
    hangs_on = laid.arrays[COINS].tolist()
    names = list(dict.fromkeys(hangs_on))
    tossed = dict(zip(names, published_twins(coins, names).tolist(), strict=True))
    rows = zip(chosen.content, hangs_on, laid.arrays[CANARIES].tolist(), strict=True)
    return Planted(
        tuple(with_canary(text, pair[tossed[name]], config.place) for text, name, pair in rows), {}
    )


def coins_in(release: Release) -> list[str]:
    """What the coins of a release hang on, each once, in the order of their first texts."""
    return list(dict.fromkeys(release.laid.arrays[COINS].tolist()))


def canary_pair(key: Key, coin: str, config: CanaryConfig) -> tuple[str, str]:
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


def long_enough(texts: Dataset, config: CanaryConfig) -> NDArray[np.bool_]:
    """Which texts have at least as many words as a canary, shape (n,).

    A shorter one would be little more than its canary: nobody would publish, or train on, that.
    """
    return np.array([len(each.split(None, config.words)) >= config.words for each in texts.content])


def require_long_enough(texts: Dataset, config: CanaryConfig) -> None:
    """Raise `DataError`, which names the first one, if a text is too short for a twin."""
    short = np.flatnonzero(~long_enough(texts, config))
    if len(short):
        first = int(short[0])
        raise DataError(
            expected=f"texts of at least {config.words} words, as many as a canary has",
            came=f"{len(short)} shorter, the first {texts.ids[first]} with "
            f"{len(texts.content[first].split())}",
            do="leave them out (`choose` does), or pass fewer (words=)",
        )


def require_one_long(texts: Dataset, long: NDArray[np.bool_], config: CanaryConfig) -> None:
    """Raise `DataError` unless a text is long enough.

    Args:
        texts: All of them.
        long: As `long_enough` has it.
        config: Says how long they must be.
    """
    if not long.any():
        require_long_enough(texts, config)


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


def _canary(key: Key, label: str, config: CanaryConfig) -> str:
    drawn = key.derive(label, config.words * config.syllables)
    syllables = [CONSONANTS[each & 15] + VOWELS[each >> 4 & 3] for each in drawn]
    size = config.syllables
    starts = range(0, len(syllables), size)
    return " ".join("".join(syllables[start : start + size]) for start in starts)
