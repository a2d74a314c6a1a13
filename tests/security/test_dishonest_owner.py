"""An owner who knows a suspect's preferences beforehand: what they gain, by who draws the coins."""

from __future__ import annotations

import dataclasses

import numpy as np

from marked_world import FALSE_FAILURE, KEY, answering, examples, network, noisy, normalised
from radiotracer.provenance.audit import with_and_without
from radiotracer.provenance.coins import Coins, KeyNonces, published_twins
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.designs._twins.testing import audit_twins, preferences
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import prepare, publish
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.randomness import Randomness
from radiotracer.provenance.release import Opened
from radiotracer.provenance.strengths.owner import owners
from radiotracer.stats import uniformity


def innocent() -> Suspect:
    """It knows no coin, and whoever asks it beforehand knows all of its answers."""
    return answering(lambda images: normalised(noisy(images)))


def framed() -> Prepared:
    """Twins in the order that accuses the innocent, if the coins fall as the key's own do."""
    config = TwinConfig(radius=6, steps=5, batch_size=32)
    honest = prepare(examples(), np.arange(60), KEY, [network(1)], config, coins="beacon")
    ids = honest.chosen.ids.tolist()
    expected = published_twins(Coins(KeyNonces(KEY), owners(KEY).bytes), ids)
    release = released(honest, owners(KEY).value).release
    known = preferences(innocent(), release, "scores", release.coins(KEY))
    swap = np.where(known > 0, 0, 1) != expected
    twins, blind = (honest.laid.arrays[name] for name in ("twins", "reference"))
    arrays = {
        "twins": np.where(swap[:, None, None, None, None], twins[:, ::-1], twins),
        "reference": np.where(swap, -blind, blind),
    }
    laid = dataclasses.replace(honest.laid, arrays=arrays)
    return Prepared.make(honest.data, honest.rows, laid, honest.protocol, KEY)


def released(made: Prepared, value: str) -> Opened:
    """As the coins of this R fell."""
    return publish(made, KEY, Randomness(strength="beacon", value=value)).opened(KEY)


def test_twins_laid_for_known_coins_accuse_and_for_later_ones_do_not() -> None:
    """Sixty draws after the twins were laid; fails by chance once in a million runs."""
    made = framed()
    known, _ = with_and_without(released(made, owners(KEY).value), innocent(), "scores", Inputs())
    assert known.log10_p < -10
    later = [
        audit_twins(opened.release, opened.coins, innocent(), "scores", controls=1).log10_p
        for opened in (
            released(made, np.random.default_rng(seed).bytes(32).hex()) for seed in range(60)
        )
    ]
    assert uniformity(later).excess_log10_p > FALSE_FAILURE
    assert min(later) > -6
