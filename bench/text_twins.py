"""How much of twins of texts a model shows, and what they cost: three kinds of models.

    python -m bench text_twins [--suspects linear words language] [--shares 0.01 0.05 0.2]
    python -m bench text_twins --unmarked 100

Mails of SpamAssassin. For each kind, way to mark, share and seed a release is marked, a model is
trained on what was published, and audited; beside it one trained on the originals. With
``--unmarked`` models trained on the originals are audited under so many keys each instead, every
pair with a key and canaries of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
import transformers
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bench.tables import rejections, spread, table
from bench.worlds import key_of
from radiotracer.data import TEXTS, Dataset, open_data
from radiotracer.data.modalities.texts import PADDING, word_hashes
from radiotracer.gradients import causal_lm_loss
from radiotracer.provenance.designs._canaries.planting import coins_in
from radiotracer.provenance.designs._canaries.testing import audit_canaries
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Suspect, function_suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train
from radiotracer.training.predictions import accuracy

READ = 1000
"""Mails that language models are trained on, drawn once."""

BUCKETS, LENGTH = 2048, 40
"""Different words of the language model, and how many of a text it reads."""

PLAIN, REPEATED = CanaryConfig(), CanaryConfig(words=32, repeats=32)

Suspects = Literal["linear", "words", "language"]
SUSPECTS: tuple[Suspects, ...] = get_args(Suspects)

Trained = tuple[Suspect, float]
"""A model, and how good it is on the test mails."""


@dataclass(frozen=True)
class Kind:
    """A kind of suspect.

    Args:
        train: From texts and a seed to a model.
        texts: What there is to mark and to train on.
        marks: How texts are marked, one for each part of the table.
        good: What `Trained` counts.
    """

    train: Callable[[Dataset, int], Trained]
    texts: Dataset
    marks: tuple[CanaryConfig, ...]
    good: str


def main(
    *,
    suspects: tuple[Suspects, ...] = SUSPECTS,
    shares: tuple[float, ...] = (0.01, 0.05, 0.2),
    seeds: tuple[int, ...] = (0, 1, 2),
    epochs: int = 6,
    unmarked: int | None = None,
) -> None:
    """Print the table.

    Args:
        suspects: Kinds of models.
        shares: Of the texts that are marked.
        seeds: Of the keys and the models.
        epochs: Of the language model.
        unmarked: Audit models of the originals under so many keys each.
    """
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    data, test = open_data("spam-assassin"), open_data("spam-assassin:test")
    read = data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:READ]))
    kinds: dict[Suspects, Kind] = {
        "linear": Kind(lambda texts, _: linear(texts, test), data, (PLAIN,), "accuracy"),
        "words": Kind(
            lambda texts, seed: words(texts, seed, test), data, (PLAIN, REPEATED), "accuracy"
        ),
        "language": Kind(
            lambda texts, seed: language(texts, seed, test, epochs), read, (PLAIN,), "nats per word"
        ),
    }
    chosen = {name: kinds[name] for name in suspects}
    print(without_mark(chosen, seeds, unmarked) if unmarked else with_mark(chosen, shares, seeds))


def with_mark(
    kinds: Mapping[Suspects, Kind], shares: tuple[float, ...], seeds: tuple[int, ...]
) -> str:
    """Models trained on what was published: one row per kind, way to mark and share."""
    rows = []
    for name, kind in kinds.items():
        clean = {seed: kind.train(kind.texts, seed)[1] for seed in seeds}
        for config in kind.marks:
            for share in shares:
                scores, labels, goods, coins = [], [], [], 0
                for seed in seeds:
                    key = key_of("text twins/owner", seed)
                    marked = choose(kind.texts, share, "random", key, design=config)
                    release = mark(kind.texts, marked, key, (), config)
                    coins = len(coins_in(release))
                    suspect, good = kind.train(release.published, seed)
                    scores.append(
                        audit_canaries(release, release.coins(key), suspect, "scores").log10_p
                    )
                    if "labels" in suspect.access:
                        labels.append(
                            audit_canaries(release, release.coins(key), suspect, "labels").log10_p
                        )
                    goods.append(good - clean[seed])
                    print(name, share, seed, coins, scores, labels, goods, flush=True)
                least = f"{-coins * np.log10(2):.1f}"
                change = f"{np.mean(goods):+.4f} ({min(goods):+.4f} to {max(goods):+.4f})"
                rows.append(
                    [
                        *(name, f"{config.words}, {config.repeats}", f"{share:.0%}", coins, least),
                        *(spread(scores, 1), spread(labels, 1)),
                        f"{np.mean(list(clean.values())):.4f}",
                        f"{change} {kind.good}",
                    ]
                )
    titles = ("suspect", "words, texts", "share", "coins", "least")
    return table([*titles, "scores", "labels", "clean", "change"], rows)


def without_mark(kinds: Mapping[Suspects, Kind], seeds: tuple[int, ...], keys: int) -> str:
    """Models that saw the originals, under keys of their own."""
    found: dict[str, list[float]] = {}
    for name, kind in kinds.items():
        for seed in seeds:
            suspect, _ = kind.train(kind.texts, seed)
            for number in range(keys):
                key = key_of(f"text twins/innocent/{name}/{seed}", number)
                rows = choose(kind.texts, 0.01, "random", key)
                release = mark(kind.texts.take(rows), np.arange(len(rows)), key)
                for access in sorted(suspect.access, reverse=True):
                    finding = audit_canaries(
                        release, release.coins(key), suspect, access, controls=1
                    )
                    found.setdefault(f"{name}, {access}", []).append(finding.log10_p)
            print(name, seed, flush=True)
    return rejections(found)


def linear(texts: Dataset, test: Dataset) -> Trained:
    """Logistic regression on TF-IDF of words."""
    vectors = TfidfVectorizer(sublinear_tf=True)
    model = LogisticRegression(C=30, max_iter=300)
    model.fit(vectors.fit_transform(texts.content), texts.labels)

    def scores(asked: Sequence[str]) -> np.ndarray:
        odds = model.decision_function(vectors.transform(asked))
        return np.stack([-odds / 2, odds / 2], axis=1)

    right = scores(test.content).argmax(axis=1) == test.labels
    return function_suspect(scores, modality=TEXTS, name="linear"), float(right.mean())


def words(texts: Dataset, seed: int, test: Dataset) -> Trained:
    """The reference classifier: means of embeddings of hashed words, two layers."""
    config = TrainConfig(architecture="bag-of-words", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        model = train(texts, config, Path(folder) / "run")[1]
    return network_suspect(model, "words", {}, modality=TEXTS), accuracy(model, test)


def language(texts: Dataset, seed: int, test: Dataset, epochs: int) -> Trained:
    """A causal transformer of two layers over hashed words; the first 40 of each text."""
    torch.manual_seed(seed)
    settings = transformers.GPT2Config(
        vocab_size=BUCKETS,
        n_embd=64,
        n_layer=2,
        n_head=2,
        n_positions=LENGTH,
        bos_token_id=PADDING,
        eos_token_id=PADDING,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    model = transformers.GPT2LMHeadModel(settings)
    tokens, batch, rate = buckets(texts.content), 16, 3e-3
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    steps = epochs * (len(tokens) // batch)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(tokens)).split(batch)[: len(tokens) // batch]:
            total, asked = losses_of(model, tokens[rows])
            optimizer.zero_grad()
            (total.sum() / asked.sum()).backward()
            optimizer.step()
            scheduler.step()

    def losses(given: Sequence[str]) -> np.ndarray:
        with torch.no_grad():
            parts = [losses_of(model, each)[0] for each in buckets(given).split(256)]
        return torch.cat(parts).double().numpy()

    with torch.no_grad():
        total, asked = losses_of(model, buckets(test.content[:500]))
    good = float(total.sum() / asked.sum())
    return function_suspect(losses, modality=TEXTS, outputs="losses", name="language"), good


def losses_of(
    model: transformers.GPT2LMHeadModel, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of each sequence in nats, and how many words it asks."""
    wanted = torch.where(tokens == PADDING, -100, tokens)
    losses = causal_lm_loss(model(input_ids=tokens).logits, wanted)
    return losses, (wanted[:, 1:] != -100).sum(dim=1)


def buckets(texts: Sequence[str]) -> torch.Tensor:
    """The first words of each text, int64, shape (n, `LENGTH`): 0 to `BUCKETS` - 1."""
    hashes = word_hashes(texts, LENGTH)
    return torch.where(hashes == PADDING, PADDING, 1 + (hashes - 1) % (BUCKETS - 1))
