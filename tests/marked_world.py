"""Small marked data, the networks that marked them, and suspects whose knowledge is known."""

from __future__ import annotations

import copy
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from radiotracer.data import IMAGES, Dataset, Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance import Key
from radiotracer.provenance.coins import Coins, KeyNonces
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._tags.patterns import tag_labels
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source
from radiotracer.provenance.strengths.owner import owners
from radiotracer.runs import ModelSpec

KEY = Key(bytes(range(32)))
COINS = Coins(KeyNonces(KEY), owners(KEY).bytes)
"""What is drawn in every release of this key whose owner draws."""
CLASSES, SIDE, WIDE = 4, 6, 12
SPEC = ModelSpec(name="two-layers", options={"classes": CLASSES})
FALSE_FAILURE = -6.0
"""A test of chance fails once in a million runs of a program without defects."""


def examples(count: int = 60, seed: int = 0) -> Dataset:
    """Grey noise with a brighter quarter that says the class: easy, and not without errors."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 180, (count, SIDE, SIDE, 1), dtype=np.uint8)
    labels = np.arange(count) % CLASSES
    for image, label in zip(images, labels, strict=True):
        down, right = 3 * (label // 2), 3 * (label % 2)
        image[down : down + 3, right : right + 3] += 60
    return Dataset(
        modality=IMAGES,
        content=images,
        labels=labels,
        ids=np.array([f"träin/{i:05d}" for i in range(count)]),
        class_names=tuple("abcd"),
        source="memory",
    )


def network(seed: int = 0, *, classes: int = CLASSES) -> nn.Module:
    """Fresh: pixels to 12 features to a logit per class. Leaves torch's random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(SIDE**2, WIDE), nn.Tanh(), nn.Linear(WIDE, classes)
        )


def build(spec: ModelSpec) -> nn.Module:
    """The network of a spec with fresh weights of torch's global generator, as the lab's are."""
    assert spec == SPEC
    return nn.Sequential(
        nn.Flatten(), nn.Linear(SIDE**2, WIDE), nn.Tanh(), nn.Linear(WIDE, CLASSES)
    )


def trained(data: Dataset, seed: int = 0, steps: int = 150) -> nn.Module:
    """A network that knows the data."""
    net = network(seed)
    inputs, labels = to_inputs(data.content), torch.from_numpy(data.labels)
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        adam.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()
        adam.step()
    return net


def by_twins(key: Key = KEY, count: int = 60) -> Release:
    """Every image of which there is a twin; two networks made them."""
    data, config = examples(count), TwinConfig(radius=6, steps=5, batch_size=32)
    return mark(data, np.arange(count), key, [network(1), network(2)], config)


def by_tags(key: Key = KEY, tags: int = 12) -> Release:
    """Twenty images; two networks made them."""
    data, config = examples(), TagConfig(tags=tags, radius=6, steps=3, batch_size=4)
    return mark(data, np.arange(20), key, [network(1), network(2)], config)


def by_carriers(extractor: nn.Module, key: Key = KEY, classes: tuple[int, ...] = (0, 2)) -> Release:
    """Some images of some classes."""
    data = examples()
    rows = np.flatnonzero(np.isin(data.labels, classes))[:16]
    return mark(data, rows, key, [extractor], CarrierConfig(steps=2), spec=SPEC)


def answering(scores: Callable[[Images], np.ndarray], *, labels_only: bool = False) -> Answering:
    """A suspect that gives these log-probabilities, or the class with the largest."""

    def ask(images: Images) -> np.ndarray:
        told = scores(images)
        return told.argmax(axis=1) if labels_only else told

    return Answering(ask, "it", {"kind": "test"}, outputs="labels" if labels_only else "logits")


def noisy(images: Images, seed: int = 0) -> np.ndarray:
    """Logits that hang on an image's bytes and on nothing else, (n, classes)."""
    return np.array([_drawn(each.tobytes(), seed) for each in images]).reshape(-1, CLASSES)


@functools.cache
def _drawn(image: bytes, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, *hashlib.sha256(image).digest()[:8]]).normal(size=CLASSES)


def normalised(logits: np.ndarray) -> np.ndarray:
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def knowing(release: Release, much: float, *, seed: int = 0, **more: Any) -> Answering:
    """Noise, and of published twins the logit of their label is larger by `much`."""
    known = {
        image.tobytes(): label
        for image, label in zip(release.planted.content, release.labels, strict=True)
    }

    def scores(images: Images) -> np.ndarray:
        logits = noisy(images, seed)
        for row, image in enumerate(images):
            if image.tobytes() in known:
                logits[row, known[image.tobytes()]] += much
        return normalised(logits)

    return answering(scores, **more)


def naming(release: Release, key: Key, hits: int, *, labels_only: bool = False) -> Answering:
    """Noise, but for the first tags: they are given the label that the key drew for them."""
    tags = release.laid.arrays["patterns"]
    labels = tag_labels(release.coins(key), len(tags), CLASSES)
    known = {tag.tobytes(): label for tag, label in zip(tags[:hits], labels, strict=False)}

    def scores(images: Images) -> np.ndarray:
        logits = noisy(images)
        for row, image in enumerate(images):
            if image.tobytes() in known:
                logits[row, known[image.tobytes()]] += 50
        return normalised(logits)

    return answering(scores, labels_only=labels_only)


def pushed(extractor: nn.Module, much: float, classes: tuple[int, ...], key: Source) -> nn.Module:
    """The extractor with another head: noise, and in some classes a push along the carrier."""
    suspect = copy.deepcopy(extractor)
    head = suspect[-1]  # type: ignore[index]
    rows = np.random.default_rng(5).normal(size=(CLASSES, WIDE))
    chosen = list(classes)
    rows[chosen] += much * carriers(key, CLASSES, WIDE)[chosen]
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(rows))
    return suspect
