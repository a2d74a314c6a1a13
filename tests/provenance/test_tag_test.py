"""The audit by tags: exact for whoever does not know the labels, strong against whoever does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from marked_world import CLASSES, FALSE_FAILURE, KEY, answering, by_tags, naming, noisy, normalised
from radiotracer.data import Images
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._tags.patterns import tag_images, tag_labels
from radiotracer.provenance.designs._tags.testing import audit_tags, control_log10_p, tags_asked
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.release import Release
from radiotracer.provenance.wording import why_inconclusive
from radiotracer.stats import uniformity


@pytest.fixture(scope="module")
def release() -> Release:
    return by_tags()


def saying(label: int) -> Suspect:
    """The same of every image."""

    def scores(images: Images) -> np.ndarray:
        return np.tile(np.where(np.arange(9) == label, 0.0, -20.0), (len(images), 1))

    return answering(scores)


def plain(seed: int = 0) -> Suspect:
    return answering(lambda images: normalised(noisy(images, seed)))


@pytest.mark.parametrize("hits", [0, 3, 12])
@pytest.mark.parametrize("labels_only", [False, True])
def test_by_the_book(release: Release, hits: int, labels_only: bool) -> None:
    """Every hit counted, and the tail added up."""
    suspect = naming(release, KEY, hits, labels_only=labels_only)
    found = audit_tags(release, release.coins(KEY), suspect, "labels", controls=50)
    named = suspect.labels(tag_images(KEY, 12, (6, 6, 1)))
    reached = int((named == tag_labels(release.coins(KEY), 12, CLASSES)).sum())
    p = sum(math.comb(12, k) * 3 ** (12 - k) for k in range(reached, 13)) / 4**12
    assert reached >= hits and found.log10_p == pytest.approx(math.log10(p), rel=1e-9, abs=1e-12)
    assert found.effect == pytest.approx((reached / 12 - 0.25) / 0.75)
    assert found.coins == 12 and found.access == "labels"
    assert found.least_log10_p == pytest.approx(-12 * math.log10(4))
    assert found.details["hits"] == reached and found.details["expected_hits"] == 3
    assert [each.name for each in found.controls] == ["fresh keys"] and len(
        found.control_log10_p
    ) == 50


@pytest.mark.parametrize("suspect", [plain(1), plain(2), saying(0), saying(3)])
def test_exact_for_a_suspect_that_knows_no_label(suspect: Suspect) -> None:
    """Patterns as they are, labels of 3,000 keys: hits are binomial, even of one answer for all.

    Each case fails by chance once in a million runs.
    """
    tags = tag_images(KEY, 20, (6, 6, 1))
    named = suspect.labels(tags)
    hits = [int((named == tag_labels(key, 20, CLASSES)).sum()) for key in control_keys(KEY, 3000)]
    law = stats.binom(20, 1 / CLASSES)
    kept = np.arange(1, 10)
    counts = np.array([hits.count(k) for k in kept])
    expected = 3000 * law.pmf(kept)
    other = [3000 - counts.sum()], [3000 - expected.sum()]
    test = stats.chisquare([*counts, *other[0]], [*expected, *other[1]])
    assert test.pvalue > 1e-6


def test_controls_are_uniform_and_not_only_larger(release: Release) -> None:
    """On a coarse test, too: the drawn p-values have no steps. Fails once in a million runs."""
    for tags, seed in ((12, 0), (3, 1), (1, 2)):
        named = plain(seed).labels(tag_images(KEY, tags, (6, 6, 1)))
        found = uniformity(control_log10_p(named, KEY, CLASSES, 1000))
        assert found.distance_log10_p > FALSE_FAILURE
    again = control_log10_p(named, KEY, CLASSES, 1000)
    np.testing.assert_array_equal(again[:10], control_log10_p(named, KEY, CLASSES, 10))
    assert (control_log10_p(named, Key(bytes(32)), CLASSES, 10) != again[:10]).any()


def test_a_wrong_law_is_seen() -> None:
    """The control can fail: five classes' law held against draws of four."""
    named = plain().labels(tag_images(KEY, 40, (6, 6, 1)))
    drawn = [tag_labels(each, 40, CLASSES) for each in control_keys(KEY, 1000)]
    tail = stats.binom(40, 1 / (CLASSES + 1)).sf
    p = [tail(int((named == labels).sum()) - 1) for labels in drawn]
    assert uniformity(np.log10(p)).excess_log10_p < FALSE_FAILURE


def test_a_class_beyond_the_data_is_no_hit(release: Release) -> None:
    found = audit_tags(release, release.coins(KEY), saying(8), "labels", controls=20)
    assert found.log10_p == 0 and found.details["hits"] == 0 and found.effect < 0


def test_what_is_asked(release: Release) -> None:
    asked: list[Images] = []

    def scores(images: Images) -> np.ndarray:
        asked.append(images)
        return normalised(noisy(images))

    audit_tags(release, release.coins(KEY), answering(scores), "labels")
    np.testing.assert_array_equal(np.concatenate(asked), tags_asked(release))
    assert tags_asked(release).shape == (12, 6, 6, 1)


@pytest.mark.parametrize(("tags", "alpha", "few"), [(2, 0.05, True), (2, 0.07, False)])
def test_too_few_tags_say_nothing(tags: int, alpha: float, few: bool) -> None:
    """Two tags of four classes cannot show less than 1 in 16."""
    release = by_tags(tags=tags)
    found = audit_tags(
        release, release.coins(KEY), naming(release, KEY, tags), "labels", controls=20
    )
    because = why_inconclusive(found, alpha)
    assert (because is not None) == few
    if because:
        assert "stands on 2 tags of 4 classes, which cannot show less than 10^-1.20, and" in because


def test_access_that_the_suspect_does_not_give(release: Release) -> None:
    with pytest.raises(InputError, match="a suspect model that gives weights"):
        audit_tags(release, release.coins(KEY), plain(), "weights")
