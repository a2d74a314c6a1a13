"""How often audits reject for models that saw no mark: clean suspects, many keys, every test.

    python -m bench false_accusations [--suspects 20] [--keys 100]

Every suspect is trained on clean Fashion-MNIST, and every (suspect, key) pair has a key of its own,
so that the p-values are independent. Printed for each test: how many pairs, the share of
rejections at three levels with its exact 95 % interval, and whether the p-values are uniform or
larger (Kolmogorov-Smirnov, one-sided).
"""

from __future__ import annotations

import hashlib
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from torch import nn

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
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Access, Suspect, function_suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.stats import binomial_log10_p
from radiotracer.training.loop import TrainConfig, train

EXAMPLES, MARKED, EPOCHS = 5000, 0.04, 4
TAGS = TagConfig().tags
ACCESS: tuple[Access, ...] = ("scores", "labels")


def main(*, suspects: int = 20, keys: int = 100) -> None:
    """Print the table.

    Args:
        suspects: How many networks.
        keys: How many for each of them.
    """
    data, test = open_data("fashion-mnist"), open_data("fashion-mnist:test")
    generator = np.random.default_rng(0)
    pool = data.take(generator.choice(len(data), EXAMPLES, replace=False))
    extractor = trained(pool, 1000)
    reference = trained(pool, 3000)
    maker = key_of("false accusations/maker", 0)
    rows = choose(pool, MARKED, "hardest", maker, models=[extractor])
    release = mark(pool, rows, maker, [extractor], TwinConfig())
    blind = [remembering(reference)]
    found: dict[str, list[float]] = {}

    def note(test_name: str, log10_p: float) -> None:
        found.setdefault(test_name, []).append(log10_p)

    with frozen_copy(extractor, test.content, seed=0) as network:
        features = features_of(network, test.content)
        own = head_rows(extractor)
    for number in range(suspects):
        # Half of them share their training data with the release, half never saw any of it.
        examples = (
            pool if number % 2 else data.take(generator.choice(len(data), EXAMPLES, replace=False))
        )
        model = trained(examples, number)
        suspect = remembering(model)
        with frozen_copy(model, test.content, seed=0) as network:
            theirs = features_of(network, test.content)
        scores = suspect.scores(test.content)
        centred = scores - scores.mean(axis=1, keepdims=True)
        aligned = {
            "carriers, weights": align(theirs, features).rows(head_rows(model)),
            "carriers, scores": align(centred, features).rows(np.eye(scores.shape[1])),
        }
        for other in range(keys):
            key = key_of(f"false accusations/suspect/{number}", other)
            for access, references in product(ACCESS, ([], blind)):
                finding = audit_twins(
                    release, release.coins(key), suspect, access, references=references, controls=1
                )
                more = ", references" if references else ""
                note(f"twins, {access}{more}", finding.log10_p)
            for name, theirs_rows in aligned.items():
                rows_left, _ = contrasts(theirs_rows, own)
                drawn = carriers(key, *own.shape)
                note(name, against_carriers(rows_left, drawn, range(len(own))).combined)
            patterns = tag_images(key, TAGS, pool.content.shape[1:])
            hits = int((suspect.labels(patterns) == tag_labels(key, TAGS, len(own))).sum())
            note(f"tags, labels (of {TAGS})", binomial_log10_p(hits, TAGS, 1 / len(own)))
        print(f"suspect {number + 1} of {suspects}", flush=True)
    print(rejections(found))


def remembering(model: nn.Module) -> Suspect:
    """A suspect that answers from memory when asked the same again."""
    suspect, known = network_suspect(model, "suspect", {}), {}

    def scores(images: np.ndarray) -> np.ndarray:
        name = hashlib.sha256(images.tobytes()).digest()
        if name not in known:
            known[name] = suspect.scores(images)
        return known[name]

    return function_suspect(scores, name="suspect", batch=1 << 30)


def trained(examples: Dataset, seed: int) -> nn.Module:
    """A small network; its recording is thrown away."""
    config = TrainConfig(
        architecture="small-cnn",
        epochs=EPOCHS,
        learning_rate=0.1,
        checkpoint_every=EPOCHS,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        return train(examples, config, Path(folder) / "run")[1]


def head_rows(model: nn.Module) -> np.ndarray:
    """The classifier's rows, float64, shape (classes, d)."""
    example = np.zeros((1, 28, 28, 1), np.uint8)
    with frozen_copy(model, example, seed=0) as network:
        weight = require_linear_head(network).weight.detach()
        return np.array(weight.double().numpy())
