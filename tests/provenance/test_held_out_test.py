"""The test of held-out images with the key's marks among those of control keys."""

from __future__ import annotations

import copy
import dataclasses
import random
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from marked_world import (
    CLASSES,
    COINS,
    FALSE_FAILURE,
    KEY,
    SPEC,
    WIDE,
    answering,
    build,
    by_carriers,
    by_twins,
    examples,
    network,
    noisy,
    normalised,
    pushed,
    trained,
)
from radiotracer.data import Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.held_out_marks import (
    make_questions,
    require_classes,
)
from radiotracer.provenance.designs._carriers.held_out_test import (
    audit_held_out,
    beyond_extractor,
    least,
    ranked,
)
from radiotracer.provenance.designs._carriers.settings import CONTROL_KEYS
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source
from radiotracer.provenance.wording import why_inconclusive
from radiotracer.stats import uniformity

HELD_OUT = examples(80, seed=7)
KEYS = 19


@pytest.fixture(scope="module")
def extractor() -> nn.Module:
    return trained(examples(), steps=40)


@pytest.fixture(scope="module")
def release(extractor: nn.Module) -> Release:
    """Classes 0 and 2 are marked."""
    return by_carriers(extractor)


def opened(net: nn.Module) -> Suspect:
    return network_suspect(net, "it", {"kind": "network"})


def audited(release: Release, suspect: Suspect, **more: Any) -> Finding:
    call: dict[str, Any] = {
        "coins": COINS, "held_out": HELD_OUT.content, "labels": HELD_OUT.labels, "build": build,
        "keys": KEYS, "images_per_class": 8, "steps": 2,
    }  # fmt: skip
    return audit_held_out(release, suspect=suspect, **{**call, **more})


def passed(finding: Finding) -> dict[str, bool]:
    return {each.name: each.passed for each in finding.controls}


def test_the_null_by_simulation() -> None:
    """Four classes, each with a level of its own, an outlier and ties; fails once in a million.

    Two thousand audits: a single class's p-values are uniform on 1/20 to 1 as far as there are no
    ties, and no level is exceeded by Fisher's.
    """
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, 4, KEYS + 1)) * [[1.0], [5.0], [0.1], [1.0]] + 3
    drawn[:, 1] = np.round(drawn[:, 1])  # many ties
    drawn[:, 2] = drawn[:, 2] ** 9
    found = [ranked(each) for each in drawn]
    combined = np.array([each.combined for each in found])
    assert uniformity(combined).excess_log10_p > FALSE_FAILURE
    p = 10 ** np.array([each.log10_p for each in found])
    counts = np.bincount(np.rint(p[:, 0] * (KEYS + 1)).astype(int), minlength=KEYS + 2)[1:]
    assert counts.sum() == 2000
    # Twenty binomial counts of mean 100: one of them outside by chance is rarer than 1 in 10^7.
    assert counts.min() > 45 and counts.max() < 170
    assert p[:, 1].mean() > p[:, 0].mean() + 0.01, "ties count against the key"
    assert np.mean([each.ahead.mean() for each in found]) == pytest.approx(0, abs=0.04)


def test_null_with_a_line_through_all_keys() -> None:
    """The line knows no key: beyond it ranks are uniform, too."""
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(1000, 3, KEYS + 1))
    raised = 2 * reference + 0.3 * rng.normal(size=reference.shape)
    combined = [
        ranked(beyond_extractor(one, other)).combined
        for one, other in zip(raised, reference, strict=True)
    ]
    assert uniformity(combined).excess_log10_p > FALSE_FAILURE


@pytest.mark.parametrize("seed", [8, 9])
def test_networks_that_never_saw_the_mark(
    extractor: nn.Module, release: Release, seed: int
) -> None:
    """Real networks, trained on unmarked images, under 60 keys: fails once in a million."""
    suspect = opened(trained(examples(seed=seed), seed, steps=60))
    found = [
        audited(release, suspect, coins=key, images_per_class=5, steps=1)
        for key in control_keys(Key(bytes([seed] * 32)), 60)
    ]
    assert uniformity([each.log10_p for each in found]).excess_log10_p > FALSE_FAILURE
    assert all(passed(each)["control keys"] for each in found)


class Drifting:
    """Answers that grow with the number of questions, and noise: ranks must not tell of it."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, images: Images) -> NDArray[np.float64]:
        logits = noisy(images)
        for row in range(len(images)):
            self.asked += 1
            logits[row, 0] += 0.02 * self.asked
            logits[row, 2] += 0.02 * self.asked
        return normalised(logits)


def test_a_suspect_that_answers_late_questions_otherwise(
    extractor: nn.Module, release: Release
) -> None:
    """The key's slot is drawn for every class apart: fails once in a million."""
    found = [
        audited(release, answering(Drifting()), coins=key, images_per_class=5, steps=1).log10_p
        for key in control_keys(Key(bytes([3] * 32)), 60)
    ]
    assert uniformity(found).excess_log10_p > FALSE_FAILURE
    assert len(set(np.round(found, 6))) > 20, "it does not say the same of every key"


def leaning(extractor: nn.Module, much: float, classes: tuple[int, ...], key: Source) -> nn.Module:
    """The extractor, whose rows of some classes lean towards the key's carriers."""
    suspect = copy.deepcopy(extractor)
    chosen = list(classes)
    with torch.no_grad():
        drawn = torch.from_numpy(carriers(key, CLASSES, WIDE)[chosen]).float()
        suspect[-1].weight[chosen] += much * drawn  # type: ignore[index]
    return suspect


def test_a_head_along_the_carriers_is_found(extractor: nn.Module, release: Release) -> None:
    found = audited(release, opened(leaning(extractor, 10, (0, 2), COINS)), keys=199)
    assert found.access == "scores" and found.coins == 2
    assert found.log10_p < -2 and found.effect > 0.9
    assert passed(found) == {"control keys": True, "unmarked classes": True}
    assert len(found.control_log10_p) == 199 and min(found.control_log10_p) > -4
    assert found.least_log10_p == least(2, 199) <= found.log10_p
    assert least(2, 99) == pytest.approx(np.log10(1e-4 * (1 + np.log(1e4))))
    details = found.details
    assert (details["control_keys"], details["images"], details["classes"]) == (199, 32, 2)
    assert details["announced_in_protocol"] is True
    assert details["log_odds_by_key"] > details["log_odds_by_control_keys"]  # type: ignore[operator]
    away = audited(release, opened(leaning(extractor, -10, (0, 2), COINS)))
    assert away.log10_p > -0.1 and away.effect < -0.6
    other = audited(release, opened(leaning(extractor, 10, (0, 2), Key(bytes(32)))))
    assert abs(other.effect) < 1


def test_a_network_that_trained_on_marked_images_is_found(extractor: nn.Module) -> None:
    """A new last layer on the extractor's features, fitted to the published images alone."""
    data = examples(240)
    release = mark(
        data, np.arange(240), KEY, [extractor], CarrierConfig(radius=40, steps=20), spec=SPEC
    )
    suspect = copy.deepcopy(extractor)
    inputs, labels = to_inputs(release.published.content), torch.from_numpy(data.labels)
    with torch.no_grad():
        features = suspect[:-1](inputs)  # type: ignore[index]
    head = suspect[-1]  # type: ignore[index]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head.reset_parameters()
    adam = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(800):
        adam.zero_grad()
        F.cross_entropy(head(features), labels).backward()
        adam.step()
    found = audited(release, opened(suspect), keys=99, images_per_class=20, steps=3)
    assert found.log10_p < -1.5 and found.effect > 0.6
    assert passed(found) == {"control keys": True}


def test_marks_where_none_were_made_fail_the_control(
    extractor: nn.Module, release: Release
) -> None:
    """A suspect made with the key in hand knows the key's marks on images of every class."""
    asked = make_questions(
        release,
        COINS,
        extractor,
        HELD_OUT.content,
        HELD_OUT.labels,
        199,
        images_per_class=8,
        steps=2,
    )
    known = {
        asked.marked[list(own).index(0), row].tobytes()
        for own, c in zip(asked.order, asked.classes, strict=True)
        for row in np.flatnonzero(asked.labels == c)
    }

    def scores(images: Images) -> NDArray[np.float64]:
        lifted = [5 * (image.tobytes() in known) for image in images]
        marked = network_suspect(extractor, "it", {}).labels(images)
        return normalised(np.array(lifted)[:, np.newaxis] * np.eye(CLASSES)[marked])

    suspect = answering(scores)
    found = audited(release, suspect, keys=199)
    assert passed(found) == {"control keys": True, "unmarked classes": False}
    assert "this control failed" in str(why_inconclusive(found, 0.01))
    # With 99 keys two classes cannot show one in a thousand: no control that cannot fail.
    assert passed(audited(release, suspect, keys=99)) == {"control keys": True}


def test_what_cannot_reach_the_level_is_inconclusive(
    extractor: nn.Module, release: Release
) -> None:
    alone = by_carriers(extractor, classes=(0,))
    found = audited(alone, opened(leaning(extractor, 10, (0,), COINS)))
    assert found.log10_p == pytest.approx(np.log10(1 / 20))
    because = why_inconclusive(found, 0.01)
    assert because is not None and "cannot show less than 10^-1.3" in because
    assert why_inconclusive(found, 0.05) is None
    enough = audited(alone, opened(leaning(extractor, 10, (0,), COINS)), keys=99)
    assert why_inconclusive(enough, 0.01) is None


def test_ranks_by_hand() -> None:
    found = ranked(np.array([[2.0, 1, 2, 3, 0], [9.0, 1, 1, 1, 1]]))
    np.testing.assert_allclose(10**found.log10_p, [3 / 5, 1 / 5])
    np.testing.assert_allclose(found.ahead, [0.25, 1])
    one = ranked(np.array([[0.0, 3, 2, 1, 0]]))
    np.testing.assert_allclose(10**one.control_log10_p, [1 / 4, 2 / 4, 3 / 4, 1])


def test_the_line_is_taken_off() -> None:
    there = np.array([[0.0, 1, 2, 3], [5.0, 5, 5, 5]])
    extra = np.array([[1.0, -1, -1, 1], [4.0, 2, 1, 1]])  # the first has no slope of its own
    left = beyond_extractor(3 * there + extra, there)
    np.testing.assert_allclose(left[0], 4.5 + extra[0])
    np.testing.assert_allclose(left[1], 3 * there[1] + extra[1])


def test_the_caller_notices_nothing(extractor: nn.Module, release: Release) -> None:
    suspect = pushed(extractor, 2, (0,), COINS)
    state = {name: value.clone() for name, value in suspect.state_dict().items()}
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    audited(release, opened(suspect))
    assert random.getstate() == before[0] and str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert all(torch.equal(value, state[name]) for name, value in suspect.state_dict().items())


def test_what_will_not_do(extractor: nn.Module, release: Release) -> None:
    told = answering(noisy)
    few = np.repeat([0, 1, 2, 3], [40, 20, 4, 16])
    narrow = answering(lambda images: noisy(images)[:, :3])
    for suspect, more, error, text in (
        (told, {"keys": 18}, InputError, "at least 19 control keys; got control_keys=18"),
        (told, {"labels": few}, DataError, "5 held-out images of every marked class; got 4 of 'c'"),
        (told, {"labels": HELD_OUT.labels[:9]}, DataError, "80 labels from 0 to 3 of the held-out"),
        (told, {"labels": HELD_OUT.labels + 1}, DataError, "or others"),
        (told, {"held_out": HELD_OUT.content[:, :5]}, DataError, "as the marked ones"),
        (narrow, {}, InputError, "scores of the 4 classes of the marked data from it; got 3"),
        (dataclasses.replace(told, outputs="labels"), {}, InputError, "that gives scores"),
    ):
        with pytest.raises(error, match=text) as caught:
            audited(release, suspect, **more)
        assert "\n" not in str(caught.value)
    renamed = dataclasses.replace(HELD_OUT, class_names=("b", "a", "c", "d"))
    with pytest.raises(DataError, match="classes a, b, c, d; got b, a, c, d"):
        require_classes(renamed, release)
    require_classes(HELD_OUT, release)


def test_by_the_front_door(extractor: nn.Module, release: Release) -> None:
    told, more = answering(noisy), {"held_out": HELD_OUT, "build": build, "control_keys": KEYS}
    found = audit(release, KEY, opened(network(8)), **more)  # type: ignore[arg-type]
    assert found.access == "scores" and found.details["control_keys"] == KEYS
    for access, marked, options, text in (
        ("weights", release, more, f"access=scores for .* by carriers and control_keys={KEYS}; "),
        (None, by_twins(count=8), {"control_keys": KEYS}, "got data marked by twins; leave it out"),
    ):
        with pytest.raises(InputError, match=text) as caught:
            audit(marked, KEY, told, access, **options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_older_releases_did_not_announce_it(extractor: nn.Module, release: Release) -> None:
    protocol = release.protocol.model_copy(update={"test": {"scores": "as then"}})
    older = dataclasses.replace(release, protocol=protocol)
    assert audited(older, opened(network(8))).details["announced_in_protocol"] is False
    assert CONTROL_KEYS in release.protocol.test
