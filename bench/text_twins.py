"""How much of twins of texts a model shows, and what they cost: three kinds of models.

    python benchmarks/text_twins.py [--suspects linear words language] [--shares 0.01 0.05 0.2]
    python benchmarks/text_twins.py --innocent 100

Mails of SpamAssassin. For each kind, way to mark, share and seed a release is marked, a model is
trained on what was published, and audited; beside it one trained on the originals. With
``--innocent`` models trained on the originals are audited under so many keys each instead, every
pair with a key and canaries of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import transformers
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from radiotracer.data import TEXTS, Dataset, open_data
from radiotracer.data.modalities.texts import PADDING, word_hashes
from radiotracer.gradients import causal_lm_loss
from radiotracer.provenance import Key
from radiotracer.provenance.designs._canaries.planting import coins_in
from radiotracer.provenance.designs._canaries.testing import audit_canaries
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Suspect, function_suspect
from radiotracer.stats import clopper_pearson, uniformity
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train as trained

LEVELS = (0.05, 0.01, 0.001)
READ = 1000
"""Mails that language models are trained on, drawn once."""

BUCKETS, LENGTH = 2048, 40
"""Tokens of the language model, and how many words of a text it reads."""

PLAIN, REPEATED = CanaryConfig(), CanaryConfig(words=32, repeats=32)

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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suspects", nargs="+", default=["linear", "words", "language"])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05, 0.2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=6, help="of the language model")
    parser.add_argument("--innocent", type=int, metavar="KEYS")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    train, test = open_data("spam-assassin"), open_data("spam-assassin:test")
    read = train.take(np.sort(np.random.default_rng(0).permutation(len(train))[:READ]))
    kinds = {
        "linear": Kind(lambda texts, _: linear(texts, test), train, (PLAIN,), "accuracy"),
        "words": Kind(lambda *made: words(*made, test), train, (PLAIN, REPEATED), "accuracy"),
        "language": Kind(
            lambda *made: language(*made, test, options.epochs), read, (PLAIN,), "nats per word"
        ),
    }
    chosen = {name: kinds[name] for name in options.suspects}
    if options.innocent:
        innocent(chosen, options.seeds, options.innocent)
    else:
        power(chosen, options.shares, options.seeds)


def power(kinds: dict[str, Kind], shares: list[float], seeds: list[int]) -> None:
    """Models trained on what was published: one row per kind, way to mark and share."""
    rows = []
    for name, kind in kinds.items():
        clean = {seed: kind.train(kind.texts, seed)[1] for seed in seeds}
        for config in kind.marks:
            for share in shares:
                scores, labels, goods, coins = [], [], [], 0
                for seed in seeds:
                    key = key_of("owner", seed)
                    marked = choose(kind.texts, share, "random", key, design=config)
                    release = mark(kind.texts, marked, key, (), config)
                    coins = len(coins_in(release))
                    suspect, good = kind.train(release.published, seed)
                    scores.append(audit_canaries(release, key, suspect, "scores").log10_p)
                    if "labels" in suspect.access:
                        labels.append(audit_canaries(release, key, suspect, "labels").log10_p)
                    goods.append(good - clean[seed])
                    print(name, share, seed, coins, scores, labels, goods, flush=True)
                least = f"{-coins * np.log10(2):.1f}"
                made = f"{config.words}, {config.repeats} | {share:.0%} | {coins} | {least}"
                rows.append(
                    f"| {name} | {made} | {told(scores)} | "
                    f"{told(labels) if labels else '-'} | {np.mean(list(clean.values())):.4f} | "
                    f"{np.mean(goods):+.4f} ({min(goods):+.4f} to {max(goods):+.4f}) {kind.good} |"
                )
    print("| suspect | words, texts | share | coins | least | scores | labels | clean | change |")
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def innocent(kinds: dict[str, Kind], seeds: list[int], keys: int) -> None:
    """Models that saw the originals, under keys of their own."""
    found: dict[str, list[float]] = {}
    for name, kind in kinds.items():
        for seed in seeds:
            suspect, _ = kind.train(kind.texts, seed)
            for number in range(keys):
                key = key_of(f"innocent/{name}/{seed}", number)
                rows = choose(kind.texts, 0.01, "random", key)
                release = mark(kind.texts.take(rows), np.arange(len(rows)), key)
                for access in sorted(suspect.access, reverse=True):
                    finding = audit_canaries(release, key, suspect, access, controls=1)
                    found.setdefault(f"{name}, {access}", []).append(finding.log10_p)
            print(name, seed, flush=True)
    rejected = " | ".join(f"rejected at {a:g}" for a in LEVELS)
    print(f"| test | pairs | {rejected} | KS log10 p |")
    print("|---|---|" + "---|" * len(LEVELS) + "---|")
    for name, values in found.items():
        cells = []
        for level in LEVELS:
            hits = int((np.array(values) <= np.log10(level)).sum())
            low, high = clopper_pearson(hits, len(values))
            cells.append(f"{hits / len(values):.2%} ({low:.2%} to {high:.2%})")
        ks = uniformity(np.array(values)).excess_log10_p
        print(f"| {name} | {len(values)} | " + " | ".join(cells) + f" | {ks:.2f} |")


def linear(texts: Dataset, test: Dataset) -> Trained:
    """Logistic regression on TF-IDF of words."""
    vectors = TfidfVectorizer(sublinear_tf=True)
    model = LogisticRegression(C=30, max_iter=300)
    model.fit(vectors.fit_transform(texts.content), texts.labels)

    def scores(asked: list[str]) -> np.ndarray:
        odds = model.decision_function(vectors.transform(asked))
        return np.stack([-odds / 2, odds / 2], axis=1)

    return function_suspect(scores, modality=TEXTS, name="linear"), accuracy(
        scores(list(test.content)), test
    )


def words(texts: Dataset, seed: int, test: Dataset) -> Trained:
    """The reference classifier: means of embeddings of hashed words, two layers."""
    config = TrainConfig(architecture="bag-of-words", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        _, model = trained(texts, config, Path(folder) / "run")

    def scores(asked: list[str]) -> np.ndarray:
        with torch.no_grad():
            return model(word_hashes(asked)).double().numpy()

    return function_suspect(scores, modality=TEXTS, name="words"), accuracy(
        scores(list(test.content)), test
    )


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
    tokens, batch, rate = tokens_of(texts.content), 16, 3e-3
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

    def losses(given: list[str]) -> np.ndarray:
        with torch.no_grad():
            parts = [losses_of(model, each)[0] for each in tokens_of(given).split(256)]
        return torch.cat(parts).double().numpy()

    with torch.no_grad():
        total, asked = losses_of(model, tokens_of(test.content[:500]))
    good = float(total.sum() / asked.sum())
    return function_suspect(losses, modality=TEXTS, outputs="losses", name="language"), good


def tokens_of(texts: Sequence[str]) -> torch.Tensor:
    """The hashed words of texts in so many buckets."""
    hashes = word_hashes(texts, LENGTH)
    return torch.where(hashes == PADDING, PADDING, 1 + hashes % (BUCKETS - 1))


def losses_of(
    model: transformers.GPT2LMHeadModel, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of each sequence in nats, and how many words it asks."""
    wanted = torch.where(tokens == PADDING, -100, tokens)
    losses = causal_lm_loss(model(input_ids=tokens).logits, wanted)
    return losses, (wanted[:, 1:] != -100).sum(dim=1)


def accuracy(scores: np.ndarray, test: Dataset) -> float:
    """The share of test mails that are given their class."""
    return float((scores.argmax(axis=1) == test.labels).mean())


def told(values: list[float]) -> str:
    """Mean, lowest and highest."""
    return f"{np.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def key_of(purpose: str, number: int) -> Key:
    """A key that anybody can make again."""
    return Key(hashlib.sha256(f"text twins/{purpose}/{number}".encode()).digest())


if __name__ == "__main__":
    main()
