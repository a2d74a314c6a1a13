"""How often audits reject for models that saw no mark: innocents of ten kinds, every test.

    python -m bench false_accusations [--suspects 20] [--keys 100]

Every suspect is trained on clean Fashion-MNIST, and every (suspect, key) pair has coins of its own,
so that the p-values are independent. Printed for each test, and for each kind of model (by scores,
without references, of both designs): how many audits, the share of rejections at three levels with
its exact 95 % interval, and whether the p-values are uniform or larger (Kolmogorov-Smirnov,
one-sided).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from bench import small_networks
from bench.tables import rejections
from bench.worlds import key_of
from radiotracer.data import Dataset, open_data
from radiotracer.gradients import frozen_copy, require_linear_head
from radiotracer.provenance.designs._carriers.alignment import align
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.marking import features_of
from radiotracer.provenance.designs._carriers.white_box import against_carriers, contrasts
from radiotracer.provenance.designs._tags.patterns import tag_images, tag_labels
from radiotracer.provenance.designs._twins.testing import audit_twins
from radiotracer.provenance.designs._withheld.testing import audit_withheld
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.designs.withheld import WithheldConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Access, Suspect, function_suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.stats import binomial_log10_p
from radiotracer.training.loop import TrainConfig, train

EXAMPLES, MARKED, EPOCHS = 5000, 0.04, 4
TAGS = TagConfig().tags
ACCESS: tuple[Access, ...] = ("scores", "labels")
VIEWS = 4


@dataclass(frozen=True)
class Innocent:
    """A model that saw no mark.

    Args:
        suspect: It, answering from memory when asked the same again.
        model: Its network, if it is one.
    """

    suspect: Suspect
    model: nn.Module | None = None


def main(*, suspects: int = 20, keys: int = 100) -> None:
    """Print both tables.

    Args:
        suspects: How many models, of the kinds in turn.
        keys: How many for each of them.
    """
    data, test = open_data("fashion-mnist"), open_data("fashion-mnist:test")
    generator = np.random.default_rng(0)
    pool = data.take(generator.choice(len(data), EXAMPLES, replace=False))
    extractor = trained(pool, 1000)
    blind = [of_network(trained(pool, 3000)).suspect]
    maker = key_of("false accusations/maker", 0)
    rows = choose(pool, MARKED, "hardest", maker, models=[extractor])
    twins = mark(pool, rows, maker, [extractor], TwinConfig())
    rows = choose(pool, MARKED / 2, "hardest", maker, design="withheld", models=[extractor])
    withheld = mark(pool, rows, maker, [extractor], WithheldConfig(views=VIEWS))
    found: dict[str, list[float]] = {}
    by_kind: dict[str, list[float]] = {}

    with frozen_copy(extractor, test.content, seed=0) as network:
        features = features_of(network, test.content)
        own = head_rows(extractor)
    for number in range(suspects):
        kind = list(KINDS)[number % len(KINDS)]
        # Half of them share their training data with the release, half never saw any of it.
        shares = number // len(KINDS) % 2
        examples = (
            pool if shares else data.take(generator.choice(len(data), EXAMPLES, replace=False))
        )
        innocent = KINDS[kind](examples, number)
        suspect = innocent.suspect
        scores = suspect.scores(test.content)
        centred = scores - scores.mean(axis=1, keepdims=True)
        aligned = {"carriers, scores": align(centred, features).rows(np.eye(scores.shape[1]))}
        if innocent.model is not None:
            with frozen_copy(innocent.model, test.content, seed=0) as network:
                theirs = features_of(network, test.content)
            aligned["carriers, weights"] = align(theirs, features).rows(head_rows(innocent.model))
        for other in range(keys):
            key = key_of(f"false accusations/suspect/{number}", other)
            for access, references in product(ACCESS, ([], blind)):
                more = ", references" if references else ""
                for name, test_of, release in (
                    ("twins", audit_twins, twins),
                    ("withheld", audit_withheld, withheld),
                ):
                    p = test_of(
                        release,
                        release.coins(key),
                        suspect,
                        access,
                        references=references,
                        controls=1,
                    ).log10_p
                    found.setdefault(f"{name}, {access}{more}", []).append(p)
                    if access == "scores" and not references:
                        by_kind.setdefault(kind, []).append(p)
            for name, theirs_rows in aligned.items():
                rows_left, _ = contrasts(theirs_rows, own)
                drawn = carriers(key, *own.shape)
                p = against_carriers(rows_left, drawn, range(len(own))).combined
                found.setdefault(name, []).append(p)
            patterns = tag_images(key, TAGS, pool.content.shape[1:])
            hits = int((suspect.labels(patterns) == tag_labels(key, TAGS, len(own))).sum())
            p = binomial_log10_p(hits, TAGS, 1 / len(own))
            found.setdefault(f"tags, labels (of {TAGS})", []).append(p)
        print(f"suspect {number + 1} of {suspects}: {kind}", flush=True)
    print(rejections(found))
    print(rejections(by_kind, "model"))


def of_network(model: nn.Module) -> Innocent:
    return Innocent(remembering(network_suspect(model, "suspect", {}).scores), model)


def remembering(ask: Callable[[Any], Any]) -> Suspect:
    """A suspect that answers from memory when asked the same again.

    Args:
        ask: From images to log probabilities.
    """
    known: dict[bytes, Any] = {}

    def scores(images: Any) -> Any:
        names = [image.tobytes() for image in images]
        new = [row for row, name in enumerate(names) if name not in known]
        if new:
            known.update(zip((names[row] for row in new), ask(images[new]), strict=True))
        return np.array([known[name] for name in names])

    return function_suspect(scores, name="suspect", batch=1 << 30)


def by_scikit_learn(estimator: Any) -> Callable[[Dataset, int], Innocent]:
    """A kind that is no network: fitted to pixels."""

    def made(examples: Dataset, seed: int) -> Innocent:
        fitted = estimator(seed).fit(_pixels(examples.content), examples.labels)

        def ask(images: Any) -> Any:
            return np.log(np.maximum(fitted.predict_proba(_pixels(images)), 1e-6))

        return Innocent(remembering(ask))

    return made


def _pixels(images: Any) -> Any:
    return images.reshape(len(images), -1) / np.float32(255)


def wrongly_labelled(examples: Dataset, seed: int) -> Innocent:
    """It learned by heart what is not so."""
    labels = np.random.default_rng(seed).permutation(examples.labels)
    return of_network(small_networks.trained("cnn", examples.with_labels(labels), seed))


def trained(examples: Dataset, seed: int, **more: Any) -> nn.Module:
    """A small network; its recording is thrown away."""
    usual: dict[str, Any] = {"architecture": "small-cnn", "epochs": EPOCHS, "learning_rate": 0.1}
    config = TrainConfig(**usual | {"checkpoint_every": EPOCHS, "seed": seed} | more)
    with tempfile.TemporaryDirectory() as folder:
        return train(examples, config, Path(folder) / "run")[1]


def head_rows(model: nn.Module) -> np.ndarray:
    """The classifier's rows, float64, shape (classes, d)."""
    example = np.zeros((1, 28, 28, 1), np.uint8)
    with frozen_copy(model, example, seed=0) as network:
        weight = require_linear_head(network).weight.detach()
        return np.array(weight.double().numpy())


KINDS: dict[str, Callable[[Dataset, int], Innocent]] = {
    "small CNN": lambda data, seed: of_network(trained(data, seed)),
    "small CNN, crops and flips": lambda data, seed: of_network(
        trained(data, seed, augment="crops-and-flips")
    ),
    "narrow ResNet-18": lambda data, seed: of_network(
        trained(data, seed, architecture="resnet18", width=4)
    ),
    "perceptron": lambda data, seed: of_network(small_networks.trained("mlp", data, seed)),
    "CNN, batch normalisation": lambda data, seed: of_network(
        small_networks.trained("deep-cnn", data, seed)
    ),
    "CNN that learned wrong labels": wrongly_labelled,
    "CNN without training": lambda data, seed: of_network(
        small_networks.trained("cnn", data, seed, epochs=0)
    ),
    "logistic regression": by_scikit_learn(lambda _: LogisticRegression(C=0.01, max_iter=300)),
    "random forest": by_scikit_learn(lambda seed: RandomForestClassifier(60, random_state=seed)),
    "nearest neighbours": by_scikit_learn(lambda _: KNeighborsClassifier(10)),
}
"""Ten kinds of models; none of them sees a mark."""
