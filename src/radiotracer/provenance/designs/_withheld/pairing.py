"""Pairs of examples of one class that networks find equally hard; a coin publishes one of each.

No example is changed. What a model that learned the release says of the published ones differs from
what it says of the withheld ones by what it learned by heart, and by nothing else: which of the two
is which was tossed. Comparing members with non-members of one distribution is dataset inference
(Maini, Yaghini and Papernot 2021, arXiv:2104.10706), which lacks non-members that are certainly of
the same distribution; here a coin makes them so. That the published half of a pair is drawn at
random makes an exact test: Huang, Gong and Reiter 2024, "A general framework for data-use auditing
of ML models". Differs from both in that the pair are two real examples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import DataError
from radiotracer.provenance.coins import coin_names, published_twins
from radiotracer.provenance.designs._withheld.settings import WithheldConfig
from radiotracer.provenance.designs._withheld.views import views_of
from radiotracer.provenance.key import Key
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.preferences import Reals, log_odds
from radiotracer.provenance.source import Source

PAIRS = "pairs"
"""Array: which of the chosen examples are a pair, int64, shape (p, 2)."""

NAMES = "names"
"""Array: what the coin of each pair hangs on, shape (p,)."""

LABELS = "labels"
"""Array: the label of each pair, int64, shape (p,)."""

REFERENCE = "reference"
"""Array: by how much the marking networks prefer the first example, float64, shape (p,)."""

ORDER = "withheld/order"
"""The coin that the order of all questions follows from."""


def alone(data: Dataset) -> NDArray[np.bool_]:
    """Whether an example comes once, bool, shape (n,): of another one a copy would be published."""
    hashes = np.asarray(data.hashes)
    _, place, count = np.unique(hashes, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(count[place.reshape(-1)] == 1)


def lay_pairs(
    chosen: Dataset, key: Key, networks: Sequence[nn.Module], config: WithheldConfig
) -> Laid:
    """Pair the chosen examples: within a class, neighbours in how hard networks find them.

    Args:
        chosen: The k examples, of which a pair takes two; an odd one of a class is in none.
        key: The order of those that are equally hard, and of all where there is no network.
        networks: From what the modality gives to networks to a logit per class.
        config: How.

    Raises:
        DataError: No class has two of them.
        InputError: A network does not take them, or gives fewer columns than there are classes.
    """
    suspects = [
        network_suspect(
            each,
            "a marking network",
            {},
            modality=chosen.modality,
            classes=len(chosen.class_names),
        )
        for each in networks
    ]
    views = views_of(chosen.modality, config.views)
    ease = np.zeros(len(chosen))
    for each in suspects:
        for view in views:
            scores = each.scores(view(chosen.content))
            ease += log_odds(scores, chosen.labels) / (len(suspects) * len(views))
    drawn = key.generator("withheld/order").bit_generator.random_raw(len(chosen))
    order = np.lexsort((drawn, ease))
    pairs = []
    for label in np.unique(chosen.labels):
        own = order[chosen.labels[order] == label]
        pairs.append(own[: len(own) // 2 * 2].reshape(-1, 2))
    found = np.concatenate(pairs)
    if not len(found):
        raise DataError(
            expected=f"two {chosen.modality.name} of a class at least, to withhold one of them",
            came=f"{len(chosen)} of {len(pairs)} classes",
            do="choose more of them (share=)",
        )
    # Which of a pair comes first says nothing of how hard it is.
    turned = (drawn[found[:, 0]] & 1).astype(np.bool_)
    found[turned] = found[turned][:, ::-1]
    ids = chosen.ids
    return _laid(found, ids, chosen.labels, ease if suspects else None)


def _laid(
    pairs: NDArray[np.int64],
    ids: NDArray[np.str_],
    labels: NDArray[np.int64],
    ease: Reals | None,
) -> Laid:
    names = [f"{ids[one]} or {ids[other]}" for one, other in pairs.tolist()]
    arrays = {PAIRS: pairs, NAMES: np.array(names), LABELS: labels[pairs[:, 0]]}
    if ease is not None:
        arrays[REFERENCE] = ease[pairs[:, 0]] - ease[pairs[:, 1]]
    return Laid(coins=(*coin_names(names), ORDER), arrays=arrays)


def published(laid: Laid, chosen: Dataset, coins: Source) -> Planted:
    """All of the chosen examples but the one of every pair that its coin did not choose.

    Args:
        laid: By `lay_pairs`.
        chosen: The k examples.
        coins: What is drawn.

    Returns:
        Column ``pair``: which pair an example is of; -1 of none.
    """
    pairs, k = laid.arrays[PAIRS], len(chosen)
    tossed = published_twins(coins, laid.arrays[NAMES].tolist())
    rows = np.arange(len(pairs))
    shown = np.ones(k, dtype=np.bool_)
    shown[pairs[rows, 1 - tossed]] = False
    pair = np.full(k, -1, dtype=np.int64)
    pair[pairs] = rows[:, np.newaxis]
    content = chosen.modality.take(chosen.content, np.flatnonzero(shown))
    return Planted(content, {"pair": pair}, shown)
