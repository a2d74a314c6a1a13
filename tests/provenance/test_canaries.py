"""Canaries: all drawn alike, a coin for each pair, and texts that stay as they are."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from radiotracer.data import TEXTS, Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs._canaries.planting import (
    CONSONANTS,
    VOWELS,
    canary_pair,
    coins_of,
    long_enough,
    with_canary,
)
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.release import Release
from text_world import KEY, canaries, coins, letters

CONFIG = CanaryConfig()


def mark_texts(
    texts: Dataset, rows: np.ndarray, key: Key, config: CanaryConfig = CONFIG, **more: float
) -> Release:
    return mark(texts, rows, key, (), config, **more)  # type: ignore[arg-type]


def choose_texts(
    texts: Dataset, share: float, key: Key, config: CanaryConfig = CONFIG
) -> np.ndarray:
    return choose(texts, share, "random", key, design=config)


@given(st.integers(2, 64), st.integers(2, 8), st.text(min_size=1, max_size=20))
def test_a_canary_has_its_words_of_its_syllables(words: int, syllables: int, coin: str) -> None:
    config = CanaryConfig(words=words, syllables=syllables)
    for canary in canary_pair(KEY, coin.encode("utf-8", "replace").decode(), config):
        assert len(canary.split(" ")) == words
        one = f"([{CONSONANTS}][{VOWELS}]){{{syllables}}}"
        assert re.fullmatch(f"{one}( {one}){{{words - 1}}}", canary)


def test_every_syllable_is_as_likely_as_another() -> None:
    """Of both canaries alike: this fails by chance once in a million other keys."""
    config = CanaryConfig(words=64, syllables=8)
    for which in (0, 1):
        drawn = "".join(canary_pair(KEY, str(i), config)[which].replace(" ", "") for i in range(50))
        counts = Counter(drawn[at : at + 2] for at in range(0, len(drawn), 2))
        assert len(counts) == 64
        assert chisquare(list(counts.values())).pvalue > 1e-6


def test_canaries_hang_on_the_key_and_the_coin_and_nothing_else() -> None:
    """And not on how the coin falls, or a sealed canary would tell of it."""
    pair = canary_pair(KEY, "a", CONFIG)
    assert pair == canary_pair(KEY, "a", CONFIG) and pair[0] != pair[1]
    assert set(pair).isdisjoint(canary_pair(KEY, "b", CONFIG))
    assert set(pair).isdisjoint(canary_pair(Key(bytes(32)), "a", CONFIG))
    # Pinned: a release of today must be audited in ten years.
    assert pair[0] == "dopibo potada sadede zakeve nijori zatije jilile mogone"


@given(st.text(max_size=40), st.sampled_from(["before", "after"]))
def test_the_text_is_still_there_whole(text: str, place: str) -> None:
    marked = with_canary(text, "baba dada", place)  # type: ignore[arg-type]
    assert text in marked and "baba dada" in marked.split("\n")
    # A canary stands on a line of its own.
    assert marked.count("baba dada") == 1


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_coin_decides_which_canary_is_published(place: str) -> None:
    texts = letters()
    rows = np.array([3, 4, 10, 20, 21, 22, 23, 50, 51, 52])
    config = CanaryConfig(place=place)  # type: ignore[arg-type]
    for key in (KEY, Key(bytes(32))):
        release = mark_texts(texts, rows, key, config)
        tossed = published_twins(release.coins(key), coins(release))
        assert 0 < tossed.sum() < len(rows)
        for row, pair, coin in zip(rows, canaries(release), tossed, strict=True):
            public = release.published.content[row]
            assert pair[coin] in public and pair[1 - coin] not in public
            assert texts.content[row] in public
        others = np.setdiff1d(np.arange(len(texts)), rows)
        assert release.published.take(others).content == texts.take(others).content
        np.testing.assert_array_equal(release.published.labels, texts.labels)
        np.testing.assert_array_equal(release.published.ids, texts.ids)


def test_texts_of_a_class_share_canaries() -> None:
    texts = letters(50)
    rows = np.arange(3, 48)
    release = mark_texts(texts, rows, KEY, CanaryConfig(repeats=4))
    shared = Counter(coins(release))
    assert len(shared) == 12
    assert sorted(shared.values()) == [2, 3, *[4] * 10]
    for coin in shared:
        mine = np.array(coins(release)) == coin
        assert len(set(release.labels[mine])) == 1 and release.ids[mine][0] == coin
        assert len({pair for pair, own in zip(canaries(release), mine, strict=True) if own}) == 1
    assert len(set(canaries(release))) == 12


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 6))
def test_as_few_coins_as_the_repeats_allow(labels: list[int], repeats: int) -> None:
    named = coins_of(np.array(labels), [str(i) for i in range(len(labels))], repeats)
    assert len(set(named)) == sum(-(-count // repeats) for count in Counter(labels).values())
    assert max(Counter(named.tolist()).values()) <= repeats
    assert all(labels[int(coin)] == label for coin, label in zip(named, labels, strict=True))


def test_short_texts_are_refused_and_not_chosen() -> None:
    texts = letters(20)
    short = list(texts.content)
    short[5], short[6] = "one two\n three four five six  seven", " eight " * 8
    data = Dataset(TEXTS, tuple(short), texts.labels, texts.ids, texts.class_names, "memory")
    assert long_enough(data, CONFIG).sum() == 19
    with pytest.raises(DataError) as caught:
        mark_texts(data, np.arange(20), KEY)
    assert str(caught.value) == (
        "expected texts of at least 8 words, as many as a canary has; got 1 shorter, the "
        "first brief/ä0005 with 7; leave them out (`choose` does), or pass fewer (words=)"
    )
    assert 5 not in choose_texts(data, 0.99, KEY)
    mark_texts(data, np.arange(20), KEY, CanaryConfig(words=7))
    with pytest.raises(DataError, match="20 shorter"):
        choose_texts(data, 0.5, KEY, CanaryConfig(words=64))


def test_a_share_of_every_class_by_the_key() -> None:
    texts = letters(60, classes=3)
    rows = choose_texts(texts, 0.2, KEY)
    assert np.bincount(texts.labels[rows]).tolist() == [4, 4, 4]
    assert (np.diff(rows) > 0).all()
    assert rows.tolist() != choose_texts(texts, 0.2, Key(bytes(32))).tolist()
    # Which ones hangs on the ids, not on their order.
    turned = texts.take(np.arange(60)[::-1].copy())
    again = turned.ids[choose_texts(turned, 0.2, KEY)]
    assert set(again) == set(texts.ids[rows])
    with pytest.raises(InputError, match="share= in"):
        choose_texts(texts, 0.0, KEY)


@pytest.mark.parametrize("rows", [[], [1, 1], [-1], [60]])
def test_rows_that_are_none(rows: list[int]) -> None:
    with pytest.raises(DataError, match="different rows from 0 to 59"):
        mark_texts(letters(), np.array(rows, dtype=np.int64), KEY)


def test_a_level_out_of_range() -> None:
    with pytest.raises(InputError, match="alpha= between 0 and 1"):
        mark_texts(letters(), np.arange(3), KEY, alpha=1.5)
