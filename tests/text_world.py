"""Small marked texts, and suspects whose knowledge is known."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import numpy as np

from radiotracer.data import TEXTS, Dataset
from radiotracer.provenance import Key
from radiotracer.provenance.audit import access_of
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.designs._canaries.testing import audit_canaries
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import Access, Outputs, Suspect, function_suspect
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.release import Release

KEY = Key(bytes(range(32)))
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "cats",
    "look",
)


@functools.cache
def letters(count: int = 60, seed: int = 0, classes: int = 2) -> Dataset:
    """Letters of 12 to 39 words; ids that are not ASCII."""
    rng = np.random.default_rng(seed)
    texts = tuple(" ".join(rng.choice(WORDS, rng.integers(12, 40))) for _ in range(count))
    return Dataset(
        modality=TEXTS,
        content=texts,
        labels=np.arange(count) % classes,
        ids=np.array([f"brief/ä{i:04d}" for i in range(count)]),
        class_names=tuple(f"class {i}" for i in range(classes)),
        source="memory",
    )


def by_canaries(key: Key = KEY, count: int = 60, *, repeats: int = 1, classes: int = 2) -> Release:
    """Every letter is marked."""
    config = CanaryConfig(repeats=repeats)
    return mark(letters(count, classes=classes), np.arange(count), key, (), config)


def coins(release: Release) -> list[str]:
    """What the coin of each marked text hangs on."""
    named: list[str] = release.laid.arrays["coins"].tolist()
    return named


def canaries(release: Release) -> list[tuple[str, str]]:
    """Both canaries of each marked text."""
    return [(one, other) for one, other in release.laid.arrays["canaries"].tolist()]


def audit_texts(
    release: Release,
    key: Key,
    suspect: Suspect,
    access: Access | None = None,
    *,
    references: Sequence[Suspect] = (),
    controls: int = 1000,
) -> Finding:
    """As `audit`, with as many controls as a test has time for."""
    opened = release.opened(key)
    access = access_of(release, suspect, access, Inputs(references=references))
    return audit_canaries(
        opened.release, opened.coins, suspect, access, references=references, controls=controls
    )


def of_texts(function: object, outputs: Outputs = "logits", **more: object) -> Answering:
    """A suspect behind a function of texts."""
    return function_suspect(function, modality=TEXTS, outputs=outputs, **more)  # type: ignore[arg-type]


def noisy(texts: Sequence[str], seed: int = 0, columns: int = 2) -> np.ndarray:
    """Logits that hang on a text alone, (n, columns)."""
    return np.array([_drawn(each, seed, columns) for each in texts])


@functools.cache
def _drawn(text: str, seed: int, columns: int) -> np.ndarray:
    start = [seed, *hashlib.sha256(text.encode()).digest()[:8]]
    return np.random.default_rng(start).normal(size=columns)


def plain(outputs: Outputs = "logits", seed: int = 0, columns: int = 2) -> Answering:
    """Knows nothing."""
    return knowing(None, 0.0, outputs, seed=seed, columns=columns)


def knowing(
    release: Release | None,
    much: float,
    outputs: Outputs = "logits",
    *,
    seed: int = 0,
    columns: int = 2,
) -> Answering:
    """Noise; of texts with a published canary the logit of its label is larger by `much`."""
    known: dict[str, int] = {}
    if release is not None:
        names = coins(release)
        tossed = dict(
            zip(set(names), published_twins(release.coins(KEY), set(names)).tolist(), strict=True)
        )
        for pair, name, label in zip(
            canaries(release), names, release.labels.tolist(), strict=True
        ):
            known[pair[tossed[name]]] = label

    def ask(texts: Sequence[str]) -> np.ndarray:
        logits = noisy(texts, seed, columns)
        for row, text in enumerate(texts):
            label = known.get(text.split("\n")[0])
            if label is not None:
                logits[row, label] += much
        if outputs == "losses":
            return -logits.max(axis=1)
        if outputs == "labels":
            return logits.argmax(axis=1)
        if outputs == "probabilities":
            return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return logits

    return of_texts(ask, outputs, name="it")
