"""Fresh views of twins: nobody has seen them, both twins have the same, the null stays exact."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from marked_world import (
    CLASSES,
    FALSE_FAILURE,
    KEY,
    answering,
    examples,
    network,
    noisy,
    normalised,
)
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._twins.testing import audit_twins, images_asked, preferences
from radiotracer.provenance.designs._twins.views import NOISE, viewed
from radiotracer.provenance.designs._twins.views import VIEWS as VIEWS_COIN
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.key import Key
from radiotracer.provenance.marking import mark
from radiotracer.provenance.preferences import preference
from radiotracer.provenance.release import Release
from radiotracer.stats import uniformity

VIEWS, SHIFT = 3, 2

SECRET = Key(KEY.derive(VIEWS_COIN))
"""What views follow from where `KEY` stands for the coins."""


@pytest.fixture(scope="module")
def release() -> Release:
    config = TwinConfig(radius=6, steps=2, views=VIEWS, shift=SHIFT)
    return mark(examples(60), np.arange(24), KEY, [network(1)], config)


def plain(images: np.ndarray) -> np.ndarray:
    return normalised(noisy(images))


def test_a_view_by_the_book(release: Release) -> None:
    """A shift with the border repeated and a little noise, the same for both twins."""
    pair = np.clip(release.laid.arrays["twins"][0], NOISE, 255 - NOISE)
    shown = viewed(pair, KEY, "it", 20, SHIFT)
    side = pair.shape[1]
    seen = set()
    for view in shown.astype(int):
        padded = np.pad(pair, [(0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)], mode="edge")
        differences = {
            (down, right): view - padded[:, down : down + side, right : right + side]
            for down in range(2 * SHIFT + 1)
            for right in range(2 * SHIFT + 1)
        }
        shift = min(differences, key=lambda each: np.abs(differences[each]).max())
        noise = differences[shift]
        assert np.abs(noise).max() <= NOISE and np.unique(noise).size > NOISE
        np.testing.assert_array_equal(noise[0], noise[1])
        seen.add(shift)
    assert len(seen) > 8
    np.testing.assert_array_equal(viewed(pair, KEY, "it", 20, SHIFT), shown)
    np.testing.assert_array_equal(viewed(pair, KEY, "it", 2, SHIFT), shown[:2])
    assert not np.array_equal(viewed(pair, KEY, "other", 20, SHIFT), shown)


def test_no_question_is_released_and_every_version_is_asked(release: Release) -> None:
    asked = images_asked(release, "scores", KEY)
    public = {image.tobytes() for image in release.published.content}
    assert not any(image.tobytes() in public for image in asked.images)
    assert asked.places.shape == (VIEWS, 1, 2, 24)
    assert len(asked.images) == VIEWS * (2 * 24 + 24)  # as many decoys as pairs
    assert len(np.unique(asked.places)) == asked.places.size
    for row, (name, pair) in enumerate(
        zip(release.ids.tolist(), release.laid.arrays["twins"], strict=True)
    ):
        found = asked.images[asked.places[:, 0, :, row]]
        np.testing.assert_array_equal(found, viewed(pair, SECRET, name, VIEWS, SHIFT))


def test_the_order_tells_nothing(release: Release) -> None:
    """It is the key's, and as mixed as by chance: fails by chance once in a million runs."""
    places = images_asked(release, "scores", KEY).places
    published = (np.diff(places, axis=2) > 0).mean()
    assert abs(published - 0.5) < 5 * 0.5 / np.sqrt(VIEWS * 24)
    (other,) = control_keys(KEY, 1)
    assert not np.array_equal(images_asked(release, "scores", other).places, places)


def test_without_views_the_twins_themselves_are_asked(release: Release) -> None:
    settings = {**release.protocol.settings, "views": 0}
    protocol = release.protocol.model_copy(update={"settings": settings})
    asked = images_asked(dataclasses.replace(release, protocol=protocol), "scores", KEY)
    twins = release.laid.arrays["twins"]
    np.testing.assert_array_equal(asked.images[asked.places[0, 0]].swapaxes(0, 1), twins)
    assert len(asked.images) == 48


def test_of_several_views_the_mean(release: Release) -> None:
    found = preferences(answering(plain), release, "scores", KEY)
    twins, ids = release.laid.arrays["twins"], release.ids.tolist()
    shown = np.stack([viewed(t, SECRET, i, VIEWS, SHIFT) for t, i in zip(twins, ids, strict=True)])
    each = [
        preference(plain(shown[:, v, 0]), plain(shown[:, v, 1]), release.labels)
        for v in range(VIEWS)
    ]
    np.testing.assert_allclose(found, np.mean(each, axis=0))
    labelled = preferences(answering(plain, labels_only=True), release, "labels", KEY)
    assert np.abs(labelled).max() <= 5 and len(set(labelled.tolist())) > 5


def test_the_null_stays_exact(release: Release) -> None:
    """Twins that were made once, under 200 keys; fails by chance once in a million runs."""
    p = [
        audit_twins(release, key, answering(plain), "scores", controls=1).log10_p
        for key in control_keys(KEY, 200)
    ]
    found = uniformity(np.array(p))
    assert found.excess_log10_p > FALSE_FAILURE and found.distance < 0.15


def test_who_looks_up_byte_for_byte_is_asked_all_the_same(release: Release) -> None:
    """A suspect that learned the published twins, and answers these themselves like nothing."""
    public = {image.tobytes() for image in release.published.content}
    published = release.planted.content.astype(int)

    def answers(images: np.ndarray) -> np.ndarray:
        logits = np.zeros((len(images), CLASSES))
        for row, image in enumerate(images):
            if image.tobytes() in public:
                continue
            padded = np.pad(image, [(SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)], mode="edge")
            side = len(image)
            moved = np.stack(
                [padded[y : y + side, x : x + side] for y in range(5) for x in range(5)]
            ).astype(int)
            core = (slice(None), slice(2, -2), slice(2, -2))
            away = np.abs(moved[:, None] - published)[(slice(None), *core)].max(axis=(2, 3, 4))
            best = away.min(axis=0)
            if best.min() <= NOISE:
                logits[row, release.labels[best.argmin()]] = 3.0
        return normalised(logits + 1e-3 * noisy(images))

    settings = {**release.protocol.settings, "views": 0}
    protocol = release.protocol.model_copy(update={"settings": settings})
    bare, coins = dataclasses.replace(release, protocol=protocol), release.coins(KEY)
    assert audit_twins(bare, coins, answering(answers), "scores", controls=1).log10_p > -2
    assert audit_twins(release, coins, answering(answers), "scores", controls=1).log10_p < -5
