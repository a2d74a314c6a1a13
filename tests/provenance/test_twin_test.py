"""The audit by twins: exact for whoever does not know the coins, strong against whoever does."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marked_world import FALSE_FAILURE, KEY, answering, by_twins, knowing, noisy, normalised
from radiotracer.data import Images
from radiotracer.errors import InputError
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._twins.testing import audit_twins, spread
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.preferences import beyond
from radiotracer.provenance.release import Release
from radiotracer.stats import signflip, uniformity


@pytest.fixture(scope="module")
def release() -> Release:
    return by_twins()


def plain(seed: int = 0, *, labels_only: bool = False) -> Suspect:
    """Knows nothing."""
    return answering(lambda images: normalised(noisy(images, seed)), labels_only=labels_only)


def control_of(finding: Finding, name: str) -> bool:
    (found,) = [each.passed for each in finding.controls if each.name == name]
    return found


def p_under_many_keys(release: Release, access: str, references: list[Suspect]) -> np.ndarray:
    """Twins that were made once, under 400 keys: the coins alone differ."""
    return np.array(
        [
            audit_twins(
                release, release.coins(key), plain(), access, references=references, controls=1
            ).log10_p  # type: ignore[arg-type]
            for key in control_keys(KEY, 400)
        ]
    )


@pytest.mark.parametrize(("access", "seeds"), [("scores", []), ("scores", [1, 2]), ("labels", [1])])
def test_uniform_or_larger_for_a_suspect_that_knows_no_coin(
    release: Release, access: str, seeds: list[int]
) -> None:
    """Each of the three fails by chance once in a million runs."""
    few = dataclasses.replace(release, chosen=release.chosen.take(np.arange(24)))
    few = dataclasses.replace(
        few,
        laid=dataclasses.replace(
            few.laid,
            arrays={name: array[:24] for name, array in few.laid.arrays.items()},
        ),
    )
    p = p_under_many_keys(few, access, [plain(seed) for seed in seeds])
    found = uniformity(p)
    assert found.excess_log10_p > FALSE_FAILURE
    # 24 ranks have 301 sums: the law is all but continuous, so nothing is wasted either.
    assert found.distance < 0.15


def test_a_test_that_looks_at_the_coins_is_seen_to_accuse_too_easily() -> None:
    """The check above can fail: under each key the suspect's lean is turned that key's way."""
    asked = np.random.default_rng(0).normal(size=24)
    p = []
    for key in control_keys(KEY, 400):
        signs = 1 - 2 * published_twins(key, map(str, range(24)))
        p.append(signflip(asked * signs + 0.3).log10_p)
    assert uniformity(p).excess_log10_p < FALSE_FAILURE


@pytest.mark.parametrize("access", ["scores", "labels"])
def test_what_was_learned_is_found_and_the_contrary_is_not(release: Release, access: str) -> None:
    guilty, contrary = (
        audit_twins(release, release.coins(KEY), knowing(release, much), access, controls=200)  # type: ignore[arg-type]
        for much in (3.0, -3.0)
    )
    # By labels, four of the five distances show it images that it never saw.
    assert guilty.log10_p < (-6 if access == "scores" else -3.5) and guilty.effect > 0.3
    assert contrary.log10_p > -0.5 and contrary.effect < 0.05
    for found in (guilty, contrary):
        assert found.access == access and found.details["pairs"] == 60
        said = [found.details[f"{which}_preferred"] for which in ("published", "sealed")]
        assert sum(said) == found.coins == 60 - found.details["undecided"]  # type: ignore[arg-type, operator]
        assert said[0] > said[1] or found is contrary  # type: ignore[operator]
        assert len(found.control_log10_p) == 200 and control_of(found, "fresh keys")
        assert [each.name for each in found.controls] == ["fresh keys"]
    assert audit_twins(release, release.coins(KEY), plain(), "scores", controls=1).log10_p > -4


def test_by_trying_every_sign() -> None:
    """Twelve pairs, 2^12 coins, and all of the statistic written down once more."""
    release = by_twins(count=12)
    suspect = knowing(release, 1.0)
    found = audit_twins(
        release, release.coins(KEY), suspect, "scores", references=[plain(7)], controls=3
    )

    def prefers(each: Suspect) -> np.ndarray:
        odds = []
        for which in (0, 1):
            p = np.exp(each.scores(release.laid.arrays["twins"][:, which]))
            own = p[np.arange(12), release.labels]
            odds.append(np.log(own / (1 - own)))
        return odds[0] - odds[1]

    blind = np.stack([release.laid.arrays["reference"], prefers(plain(7))], axis=1)
    asked = prefers(suspect)
    rest = asked - blind @ np.linalg.solve(blind.T @ blind, blind.T @ asked)
    signed = rest * (1 - 2 * published_twins(release.coins(KEY), release.ids.tolist()))
    size = np.abs(signed)
    cut = np.quantile(size, 0.95)
    weights = np.ceil(1000 * np.minimum(size, cut) / cut)
    reached = (weights * np.sign(signed)).sum()
    sums = [(weights * np.array(signs)).sum() for signs in product((-1, 1), repeat=12)]
    p = np.mean(np.array(sums) >= reached - 1e-9)
    assert found.log10_p == pytest.approx(np.log10(p))
    # One weight in twelve thousand may be rounded the other way.
    assert found.effect == pytest.approx(reached / weights.sum(), abs=2e-4)
    assert found.coins == 12
    assert found.details["published_preferred"] == int((signed > 0).sum())
    # Controls are the same test under keys that follow from this one.
    for key, log10_p in zip(
        control_keys(release.coins(KEY), 3), found.control_log10_p, strict=True
    ):
        again = audit_twins(release, key, suspect, "scores", references=[plain(7)], controls=1)
        assert log10_p == pytest.approx(again.log10_p)


def test_references_like_the_suspect_take_its_noise_off(release: Release) -> None:
    suspect = knowing(release, 0.5)
    alone, far, near = (
        audit_twins(release, release.coins(KEY), suspect, "scores", references=refs, controls=1)
        for refs in ([], [plain(1)], [plain(0)])
    )
    assert near.log10_p < -10 < min(alone.log10_p, far.log10_p)
    assert control_of(near, "references") and control_of(far, "references")


@pytest.mark.parametrize("much", [3.0, -3.0])
def test_a_reference_that_knows_the_coins_is_found_out(release: Release, much: float) -> None:
    """Whichever twin it was trained on: then the suspect's own lean is taken off, or one is put
    on."""
    reference = knowing(release, much, seed=1)
    found = audit_twins(
        release, release.coins(KEY), plain(), "scores", references=[reference], controls=50
    )
    assert not control_of(found, "references") and control_of(found, "fresh keys")
    several = [reference, plain(2)]
    found = audit_twins(
        release, release.coins(KEY), plain(), "scores", references=several, controls=1
    )
    assert not control_of(found, "references")


def test_labels_by_the_book(release: Release) -> None:
    """How much more often the first twin got its label, at five distances from the middle."""
    twins, labels = release.laid.arrays["twins"].astype(int), release.labels
    suspect = plain(labels_only=True)
    asked = np.zeros(60)
    for distance in (0.5, 1, 1.5, 2, 3):
        for which, way in ((0, 1), (1, -1)):
            # With m the middle of a and b: m + d (a - m) = (a (1 + d) + b (1 - d)) / 2.
            a, b = twins[:, which], twins[:, 1 - which]
            shown = np.rint((a * (1 + distance) + b * (1 - distance)) / 2).clip(0, 255)
            asked += way * (suspect.labels(shown.astype(np.uint8)) == labels)
    assert np.abs(asked).max() >= 2
    rest = beyond(asked, release.laid.arrays["reference"][:, None])
    signs = 1 - 2 * published_twins(release.coins(KEY), release.ids.tolist())
    wanted = signflip(rest * signs, weighting="magnitudes")
    found = audit_twins(release, release.coins(KEY), suspect, "labels", controls=1)
    assert found.log10_p == pytest.approx(wanted.log10_p)
    assert found.effect == pytest.approx(wanted.statistic / wanted.largest)
    assert found.details["published_preferred"] == int((rest * signs > 0).sum())


def test_references_give_labels_where_the_suspect_does(release: Release) -> None:
    suspect, reference = plain(labels_only=True), knowing(release, 9.0, labels_only=True)
    found = audit_twins(
        release, release.coins(KEY), suspect, "labels", references=[reference], controls=1
    )
    assert not control_of(found, "references")


@given(seed=st.integers(0, 2**31), distance=st.floats(0, 4))
def test_spread(seed: int, distance: float) -> None:
    twins = np.random.default_rng(seed).integers(0, 256, (3, 2, 2, 2, 1), dtype=np.uint8)
    np.testing.assert_array_equal(spread(twins, 1.0), twins)
    moved = spread(twins, distance).astype(int)
    gap = (twins[:, 0].astype(int) - twins[:, 1]) * distance
    found = moved[:, 0] - moved[:, 1]
    inside = ((moved > 0) & (moved < 255)).all(axis=1)
    most = 1 + 1e-9  # both ends are rounded, and so is the gap itself
    assert (np.abs(found - gap)[inside] <= most).all()
    assert (np.abs(found) <= np.abs(gap) + most).all()
    np.testing.assert_array_equal(spread(twins[:, ::-1], distance), moved[:, ::-1])


@pytest.mark.parametrize("access", ["scores", "labels"])
def test_a_suspect_that_says_one_thing_only(access: str) -> None:
    """Without references it is no evidence, and there is nothing to divide by."""
    release = by_twins(count=10)
    constant = answering(lambda images: np.tile(normalised(np.arange(4.0)[None]), (len(images), 1)))
    found = audit_twins(release, release.coins(KEY), constant, access, controls=20)  # type: ignore[arg-type]
    assert found.log10_p == 0 and found.coins == 0 and found.effect == 0
    assert set(found.control_log10_p) == {0.0} and control_of(found, "fresh keys")
    assert found.details["undecided"] == 10


def test_suspects_that_cannot_be_tested(release: Release) -> None:
    with pytest.raises(InputError, match="gives scores; got it, which gives labels") as caught:
        audit_twins(release, release.coins(KEY), plain(labels_only=True), "scores")
    assert "\n" not in str(caught.value)
    narrow = answering(lambda images: normalised(noisy(images)[:, :3]))
    with pytest.raises(InputError, match="scores of the 4 classes of the marked data from it; got"):
        audit_twins(release, release.coins(KEY), narrow, "scores")
    with pytest.raises(InputError, match="scores of the 4 classes"):
        audit_twins(release, release.coins(KEY), plain(), "scores", references=[narrow])


def test_a_suspect_of_more_classes(release: Release) -> None:
    """Its scores are of the first ones."""

    def wide(images: Images) -> np.ndarray:
        more = noisy(images, 9)
        known = knowing(release, 3.0).scores(images)
        return normalised(np.concatenate([known, more - 2], axis=1))

    found = audit_twins(release, release.coins(KEY), answering(wide), "scores", controls=1)
    assert found.log10_p < -5


@given(
    seed=st.integers(0, 2**31),
    k=st.integers(4, 30),
    networks=st.integers(1, 3),
    much=st.floats(-5, 5),
)
def test_beyond_is_what_is_at_right_angles(seed: int, k: int, networks: int, much: float) -> None:
    rng = np.random.default_rng(seed)
    blind, asked = rng.normal(size=(k, networks)), rng.normal(size=k)
    rest = beyond(asked, blind)
    assert np.abs(blind.T @ rest).max() < 1e-9
    coefficients = np.linalg.pinv(blind) @ (asked - rest)
    np.testing.assert_allclose(blind @ coefficients, asked - rest, atol=1e-9)
    np.testing.assert_allclose(beyond(asked + much * blind[:, 0], blind), rest, atol=1e-8)
    # References that say the same, or nothing, change nothing.
    twice = np.concatenate([blind, blind[:, :1], np.zeros((k, 1))], axis=1)
    np.testing.assert_allclose(beyond(asked, twice), rest, atol=1e-8)
