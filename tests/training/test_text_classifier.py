"""The reference classifier of texts: its tokens, its training, and what the engines make of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from text_letters import QUICK, letters

import radiotracer
from radiotracer.data import Dataset, identify
from radiotracer.errors import DataError, InputError, NotFiniteError, RadiotracerError
from radiotracer.runs import Run
from radiotracer.training.text_classifier import (
    PADDING,
    BagOfWords,
    TextConfig,
    as_tensors,
    text_scores,
    train_on_texts,
    word_tokens,
)

TRAIN, TEST = letters(160, seed=100), letters(80, seed=101)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, BagOfWords]:
    return train_on_texts(TRAIN, QUICK, tmp_path_factory.mktemp("texts") / "run")


def test_words_are_tokens_and_signs_are_words() -> None:
    config = TextConfig(length=8)
    tokens = word_tokens(["Hello, WORLD hello", "world", "", "a\n\nb"], config)
    assert tokens.dtype == torch.int64 and tokens.shape == (4, 8)
    hello, comma, world = tokens[0, :3].tolist()
    assert tokens[0].tolist() == [hello, comma, world, hello, 0, 0, 0, 0]
    assert len({hello, comma, world, PADDING}) == 4
    assert tokens[1].tolist() == [world, *[PADDING] * 7]
    assert tokens[2].tolist() == [PADDING] * 8
    assert (tokens[3] != PADDING).sum() == 2


def test_a_text_has_the_same_tokens_whatever_others_there_are() -> None:
    alone = torch.cat([word_tokens([text], QUICK) for text in TRAIN.content])
    assert torch.equal(alone, word_tokens(TRAIN.content, QUICK))


@pytest.mark.parametrize("buckets", [2, 3, 64])
def test_tokens_fill_their_buckets(buckets: int) -> None:
    words = " ".join(f"word{row}" for row in range(2000))
    tokens = word_tokens([words], TextConfig(length=2000, buckets=buckets))
    assert tokens.unique().tolist() == list(range(1, buckets))


def test_only_the_beginning_is_read() -> None:
    long = " ".join(["one", "two", "three"] * 10)
    assert torch.equal(
        word_tokens([long], TextConfig(length=3)),
        word_tokens(["one two three"], TextConfig(length=3)),
    )


def test_one_text_is_no_sequence_of_texts() -> None:
    with pytest.raises(InputError, match=r"expected a sequence of texts; got one text; pass"):
        word_tokens("hello")


def test_padding_and_order_change_nothing() -> None:
    torch.manual_seed(0)
    model = BagOfWords(512, 3).eval()
    short, long = (word_tokens(["b a c"], TextConfig(buckets=512, length=n)) for n in (3, 50))
    other = word_tokens(["a b c"], TextConfig(buckets=512, length=50))
    torch.testing.assert_close(model(short), model(long))
    torch.testing.assert_close(model(other), model(long))
    assert model(torch.zeros(2, 5, dtype=torch.int64)).isfinite().all()


def test_it_learns_and_is_recorded(trained: tuple[Run, BagOfWords]) -> None:
    run, model = trained
    assert not model.training
    assert len(run.checkpoints) == QUICK.epochs
    assert run.info.data.digest == identify(as_tensors(TRAIN, QUICK)).digest
    scores = text_scores(model, QUICK, batch_size=7)(TEST.content)
    assert scores.shape == (80, 2) and scores.dtype == np.float64
    assert (scores.argmax(axis=1) == TEST.labels).mean() > 0.95
    with torch.no_grad():
        whole = model(as_tensors(TEST, QUICK)[0])
    np.testing.assert_allclose(scores, whole.double().numpy(), rtol=1e-5, atol=1e-6)


def test_a_seed_is_a_training(trained: tuple[Run, BagOfWords], tmp_path: Path) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    _, again = train_on_texts(TRAIN, QUICK, tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), state)
    other = QUICK.model_copy(update={"seed": 101})
    _, another = train_on_texts(TRAIN, other, tmp_path / "other")
    weights, same, differ = (m.head.weight for m in (trained[1], again, another))
    assert torch.equal(weights, same) and not torch.equal(weights, differ)


def test_scores_are_those_of_brute_force(trained: tuple[Run, BagOfWords]) -> None:
    run, model = trained
    train, queries = as_tensors(TRAIN.take(range(160)), QUICK), as_tensors(TEST, QUICK)
    few = (queries[0][:5], queries[1][:5])
    tracer = radiotracer.Tracer(model, run)
    found = tracer.influence(train, few)[:8]
    expected = torch.zeros(8, 5)
    private = BagOfWords(512, 2, width=8, hidden=8).eval()
    for checkpoint in run.checkpoints:
        private.load_state_dict(run.weights(checkpoint))
        (rate,) = set(run.learning_rates(checkpoint).values())
        sides = []
        for tokens, labels in ((train[0][:8], train[1][:8]), few):
            rows = []
            for one, label in zip(tokens, labels, strict=True):
                loss = torch.nn.functional.cross_entropy(private(one[None]), label[None])
                gradients = torch.autograd.grad(loss, list(private.parameters()))
                rows.append(torch.cat([each.flatten() for each in gradients]))
            sides.append(torch.stack(rows))
        expected += rate * sides[0] @ sides[1].T
    scale = float(expected.abs().max())
    assert scale > 0 and float((found - expected).abs().max()) < 2e-5 * scale


@pytest.mark.parametrize(
    ("texts", "config", "kind", "message"),
    [
        (TRAIN.take(range(10)), QUICK, DataError, "at least one batch of 16 texts; got 10"),
        (
            dataclasses.replace(TRAIN, class_names=("garden", "harbour", "attic")),
            QUICK,
            DataError,
            "at least one example in each of the 3 classes; got none in attic",
        ),
        (
            TRAIN,
            QUICK.model_copy(update={"learning_rate": 1e30}),
            NotFiniteError,
            "a finite training loss; got .*; lower the learning rate",
        ),
    ],
    ids=["few", "empty class", "diverges"],
)
def test_refusals(
    texts: Dataset,
    config: TextConfig,
    kind: type[RadiotracerError],
    message: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(kind, match=message) as caught:
        train_on_texts(texts, config, tmp_path / "run")
    assert "\n" not in str(caught.value)
