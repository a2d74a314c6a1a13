"""What networks are given for texts: the hashes of their words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

from radiotracer.data import TEXTS
from radiotracer.data.modalities.texts import LENGTH, PADDING, word_hashes
from radiotracer.errors import InputError


def test_words_are_tokens_and_signs_are_words() -> None:
    hashes = word_hashes(["Hello, WORLD hello", "world", "", "a\n\nb"], length=8)
    assert hashes.dtype == torch.int64 and hashes.shape == (4, 8)
    hello, comma, world = hashes[0, :3].tolist()
    assert hashes[0].tolist() == [hello, comma, world, hello, 0, 0, 0, 0]
    assert len({hello, comma, world, PADDING}) == 4
    assert hashes[1].tolist() == [world, *[PADDING] * 7]
    assert hashes[2].tolist() == [PADDING] * 8
    assert (hashes[3] != PADDING).sum() == 2


def test_a_text_has_the_same_hashes_whatever_others_there_are() -> None:
    texts = ("one fish", "two fish", "red fish and blue fish.")
    whole = TEXTS.inputs(texts, slice(None))
    assert whole.shape == (3, LENGTH)
    assert torch.equal(whole, torch.cat([word_hashes([text]) for text in texts]))
    assert torch.equal(TEXTS.inputs(texts, np.array([2, 0])), whole[[2, 0]])


def test_only_the_beginning_is_read() -> None:
    long = " ".join(["one", "two", "three"] * 10)
    assert torch.equal(word_hashes([long], length=3), word_hashes(["one two three"], length=3))


def test_words_are_those_of_scikit_learn() -> None:
    texts = ["It's 3.14 — naïve CAFÉS, 東京タワー!", "İstanbul\tß\r\nx_y", "\u0130 \u2028 a", "…"]
    words_of = HashingVectorizer(token_pattern=r"\w+|[^\w\s]").build_analyzer()  # noqa: S106
    for text, hashes in zip(texts, word_hashes(texts), strict=True):
        expected = [1 + murmurhash3_32(word, positive=True) for word in words_of(text)]
        assert hashes[: len(expected)].tolist() == expected
        assert not hashes[len(expected) :].any()


def test_one_text_is_no_sequence_of_texts() -> None:
    with pytest.raises(InputError, match=r"expected a sequence of texts; got one text; pass"):
        word_hashes("hello")
