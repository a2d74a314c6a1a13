"""Strategies that choose: coins, keys, pulses, references, looks, designs."""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np

from bench.adversaries.ground import (
    MARKED,
    Ground,
    Level,
    Outcome,
    drawn,
    judged,
    liked,
    outcome,
    past,
    prepared,
)
from radiotracer.provenance import Key
from radiotracer.provenance.coins import Coins, KeyNonces, published_twins
from radiotracer.provenance.designs._twins.testing import preferences
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import prepare, publish
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.planted import Laid
from radiotracer.provenance.preferences import beyond
from radiotracer.provenance.strengths.owner import owners

TRIED = 300
"""Keys, or pulses, that a grinder tries; the gain grows with the logarithm of their number."""


def honest(at: Ground, level: Level) -> Outcome:
    """An honest owner, for comparison."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    return outcome([judged(release, key, each, level) for each in at.innocents])


def coin_aware_twins(at: Ground, level: Level) -> Outcome:
    """Lay the twin that clean networks prefer where the coin will publish it."""
    key = Key.new()
    laid = swapped(at, known_coins(at, key))
    release = drawn(prepared(at, key, level, laid), key, level)
    return outcome([judged(release, key, each, level) for each in at.innocents])


def late_commitment(at: Ground, level: Level) -> Outcome:
    """Wait for the pulse, then lay the twins for it and commit: no stamp is older than it."""
    key, value = Key.new(), secrets.token_bytes(32)
    coins = Coins(KeyNonces(key), owners(key).bytes if level == "owner" else value)
    laid = swapped(at, published_twins(coins, at.data.ids[:MARKED].tolist()))
    release = drawn(prepared(at, key, level, laid), key, level, value)
    found = [judged(release, key, each, level, stamped=False) for each in at.innocents]
    got = outcome(found)
    if level == "beacon":
        return Outcome(got.log10_p, None, "told as the owner's word: no stamp before the pulse")
    return got


def keys_ground(at: Ground, level: Level) -> Outcome:
    """Try keys against what clean networks share, and commit to the luckiest."""
    return ground_by(at, level, [(Key.new(), None) for _ in range(TRIED)], before=True)


def keys_ground_against_a_pulse(at: Ground, level: Level) -> Outcome:
    """Commit to many keys before the pulse, and show the luckiest after it."""
    value = secrets.token_bytes(32)
    return ground_by(at, level, [(Key.new(), value) for _ in range(TRIED)])


def pulses_chosen(at: Ground, level: Level) -> Outcome:
    """Commit once, wait for many pulses, and draw by the luckiest."""
    key = Key.new()
    return ground_by(at, level, [(key, secrets.token_bytes(32)) for _ in range(TRIED)])


def several_commitments(at: Ground, level: Level) -> Outcome:
    """Ten releases; each innocent is accused with the one that suits."""
    found = []
    for _ in range(10):
        key = Key.new()
        release = drawn(prepared(at, key, level), key, level)
        found += [judged(release, key, each, level) for each in at.innocents]
    return outcome(found)


def designs_chosen(at: Ground, level: Level) -> Outcome:
    """Releases by five designs; each innocent is accused with the one that suits."""
    found = []
    for radius in (4, 8, 16, 32, 64):
        key, rows = Key.new(), np.arange(MARKED)
        config = TwinConfig(steps=2, radius=radius)
        release = drawn(prepare(at.data, rows, key, at.maker, config, coins=level), key, level)
        found += [judged(release, key, each, level) for each in at.innocents]
    return outcome(found)


def accesses_chosen(at: Ground, level: Level) -> Outcome:
    """Ask each innocent by scores and by labels, and show the smaller p-value: both count."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    found = []
    for each in at.innocents:
        labels, scores = (
            judged(release, key, each, level, access=access) for access in ("labels", "scores")
        )
        found.append(judged(release, key, each, level, access="labels", before=scores.audits))
        found.append(judged(release, key, each, level, access="scores", before=labels.audits))
    return outcome(found)


def rows_chosen(at: Ground, level: Level) -> Outcome:
    """Mark the images whose twins the owner's clean networks tell apart best."""
    key, every = Key.new(), np.arange(len(at.data))
    config = TwinConfig(steps=2, radius=16)
    tried = prepare(at.data, every, key, at.maker, config, coins="owner")
    asked = [
        preferences(each, publish(tried, key, owners(key)), "scores", key) for each in at.oracle
    ]
    rows = np.sort(np.argsort(-np.abs(np.mean(asked, axis=0)))[:MARKED])
    release = drawn(prepare(at.data, rows, key, at.maker, config, coins=level), key, level)
    return outcome([judged(release, key, each, level) for each in at.innocents])


def reference_written_afterwards(at: Ground, level: Level) -> Outcome:
    """A table that leaves of an innocent's preferences what falls as the coins did."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    found = []
    for each in at.innocents:
        asked = preferences(each, release, "scores", release.coins(key))
        signs = 1 - 2.0 * published_twins(release.coins(key), release.ids.tolist())
        table = np.where(asked * signs > 0, 0.0, asked)
        known = {
            twin.tobytes(): (label, half * side)
            for pair, label, half in zip(
                release.laid.arrays["twins"], release.labels.tolist(), table / 2, strict=True
            )
            for twin, side in zip(pair, (1, -1), strict=True)
        }

        def scores(images: np.ndarray, known: dict = known) -> np.ndarray:  # type: ignore[type-arg]
            told = np.zeros((len(images), 10))
            for row, image in enumerate(images):
                label, value = known.get(image.tobytes(), (0, 0.0))
                told[row, label] = value
            return told

        fake = Answering(scores, "fake", {"kind": "python"}, outputs="logits")
        found.append(judged(release, key, each, level, references=[fake]))
    got = outcome(found)
    return replace(got, told="it was not committed to before the coins, and does not count")


def looks_dropped(at: Ground, level: Level) -> Outcome:
    """Ask all innocents, throw the ledger away, and show the smallest alone."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    got = outcome([judged(release, key, each, level) for each in at.innocents])
    return replace(got, told="the count is called the owner's; two who meet find it (verify A B)")


def looks_kept(at: Ground, level: Level) -> Outcome:
    """The same with the ledger as it should be, for comparison."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    before = [past(each, -0.3) for each in at.innocents[1:]]
    return outcome([judged(release, key, at.innocents[0], level, before=before)])


STRATEGIES = (
    honest,
    coin_aware_twins,
    late_commitment,
    keys_ground,
    keys_ground_against_a_pulse,
    pulses_chosen,
    several_commitments,
    designs_chosen,
    accesses_chosen,
    rows_chosen,
    reference_written_afterwards,
    looks_dropped,
    looks_kept,
)


def known_coins(at: Ground, key: Key) -> np.ndarray:
    """What the owner knows of the coins before anything is drawn: those of the key."""
    return published_twins(Coins(KeyNonces(key), owners(key).bytes), at.data.ids[:MARKED].tolist())


def swapped(at: Ground, coins: np.ndarray) -> Laid:
    """The honest twins, in the order that suits these coins."""
    swap = np.where(liked(at, at.laid) > 0, 0, 1) != coins
    arrays = dict(at.laid.arrays)
    arrays["twins"] = np.where(
        swap[:, None, None, None, None], arrays["twins"][:, ::-1], arrays["twins"]
    )
    arrays["reference"] = np.where(swap, -arrays["reference"], arrays["reference"])
    return replace(at.laid, arrays=arrays)


def ground_by(
    at: Ground, level: Level, tries: list[tuple[Key, bytes | None]], *, before: bool = False
) -> Outcome:
    """The luckiest of these, by what is left of clean networks' preferences.

    Args:
        at: Where.
        level: Who draws.
        tries: Keys, each with the pulse that it is drawn by; None: not known yet.
        before: Whether the pulse comes after the choice.
    """
    rest = beyond(liked(at, at.laid), at.laid.arrays["reference"][:, None])
    ids = at.data.ids[:MARKED].tolist()

    def luck(key: Key, value: bytes | None) -> float:
        known = value if value is not None and level == "beacon" else owners(key).bytes
        signs = 1 - 2.0 * published_twins(Coins(KeyNonces(key), known), ids)
        return float(rest @ signs)

    key, value = max(tries, key=lambda each: luck(*each))
    value = None if before else value
    release = drawn(prepared(at, key, level), key, level, value)
    return outcome([judged(release, key, each, level) for each in at.innocents])
