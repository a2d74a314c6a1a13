"""The audit by carriers of a whole release: by weights, and by scores through a linear student."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from marked_world import (
    CLASSES,
    COINS,
    FALSE_FAILURE,
    KEY,
    SIDE,
    SPEC,
    WIDE,
    answering,
    build,
    by_carriers,
    by_twins,
    examples,
    network,
    normalised,
    pushed,
    trained,
)
from radiotracer.data import Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.distillation import audit_distilled
from radiotracer.provenance.designs._carriers.testing import audit_carriers, extractor_of
from radiotracer.provenance.designs._carriers.white_box import audit_weights
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release
from radiotracer.stats import uniformity

ACCESS: tuple[Access, ...] = ("weights", "scores")
HELD_OUT = np.random.default_rng(9).integers(0, 256, (80, SIDE, SIDE, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def extractor() -> nn.Module:
    return trained(examples(), steps=40)


@pytest.fixture(scope="module")
def release(extractor: nn.Module) -> Release:
    """Classes 0 and 2 are marked."""
    return by_carriers(extractor)


def opened(net: nn.Module) -> Suspect:
    return network_suspect(net, "it", {"kind": "network"})


def audited(release: Release, suspect: Suspect, access: Access, **more: Any) -> Finding:
    call: dict[str, Any] = {"coins": COINS, "held_out": HELD_OUT, "build": build, "controls": 100}
    return audit_carriers(release, suspect=suspect, access=access, **{**call, **more})


def passed(finding: Finding) -> dict[str, bool]:
    return {each.name: each.passed for each in finding.controls}


@pytest.mark.parametrize("access", ACCESS)
def test_a_head_along_the_carriers_is_found(
    extractor: nn.Module, release: Release, access: Access
) -> None:
    found = audited(release, opened(pushed(extractor, 20, (0, 2), COINS)), access)
    assert found.access == access and found.coins == 2
    assert found.log10_p < -6 and 0.8 < found.effect <= 1
    assert passed(found) == {"fresh carriers": True, "unmarked classes": True}
    assert len(found.control_log10_p) == 100 and min(found.control_log10_p) > -6
    assert found.details["classes"] == 2 and found.details["dimensions"] == WIDE
    assert found.details["extractor_frozen"] == (access == "weights")
    assert found.details["alignment_images"] == 80
    # The other way round, and under another key, it is nothing.
    away = audited(release, opened(pushed(extractor, -20, (0, 2), COINS)), access, controls=1)
    assert away.log10_p > -0.01 and away.effect < -0.8
    other = audited(release, opened(pushed(extractor, 20, (0, 2), Key(bytes(32)))), access)
    assert other.log10_p > -4


@pytest.mark.parametrize("access", ACCESS)
def test_uniform_for_a_suspect_that_knows_no_carrier(release: Release, access: Access) -> None:
    """Both fail by chance twice in a million runs: two samples each, 200 keys, one suspect."""
    suspect = opened(network(8))
    p, unmarked = [], []
    for key in control_keys(KEY, 200):
        found = audited(release, suspect, access, coins=key, controls=1)
        p.append(found.log10_p)
        unmarked.append(float(found.controls[1].came.rsplit(" ", 1)[1]))
    assert uniformity(p).distance_log10_p > FALSE_FAILURE
    # What the control says is rounded to a tenth.
    assert uniformity(np.minimum(0, np.array(unmarked) + 0.05)).excess_log10_p > FALSE_FAILURE


@pytest.mark.parametrize("access", ACCESS)
def test_marks_where_none_were_made_fail_the_control(
    extractor: nn.Module, release: Release, access: Access
) -> None:
    """A suspect made with the key in hand leans towards every carrier."""
    found = audited(release, opened(pushed(extractor, 20, (1, 3), COINS)), access)
    assert passed(found) == {"fresh carriers": True, "unmarked classes": False}
    (came,) = [each.came for each in found.controls if each.name == "unmarked classes"]
    assert came.startswith("2 classes: log10 p -")


def test_where_every_class_is_marked_there_is_no_such_control(extractor: nn.Module) -> None:
    whole = by_carriers(extractor, classes=tuple(range(CLASSES)))
    found = audited(whole, opened(pushed(extractor, 20, (0, 1, 2, 3), COINS)), "weights")
    assert passed(found) == {"fresh carriers": True} and found.coins == 4
    assert found.log10_p < -10


def features(net: nn.Module, images: Images) -> np.ndarray:
    with torch.no_grad():
        return net[:-1](to_inputs(images)).double().numpy()  # type: ignore[index]


@pytest.mark.parametrize("more", [0, 3])
def test_a_student_of_linear_scores_is_the_head_itself(extractor: nn.Module, more: int) -> None:
    """Scores that are exactly linear in the features: both audits see the same rows."""
    suspect = pushed(extractor, 2, (0, 2), COINS)
    u = carriers(COINS, CLASSES, WIDE)
    rows = suspect[-1].weight.detach().double().numpy()  # type: ignore[index]
    wide = np.concatenate([rows, np.random.default_rng(4).normal(size=(more, WIDE))])

    def scores(images: Images) -> np.ndarray:
        # Columns of other classes, whose sum is in every log-probability, change nothing.
        return normalised(features(extractor, images) @ wide.T - np.arange(CLASSES + more))

    by_weights = audit_weights(suspect, extractor, u, HELD_OUT, [0, 2], controls=20, seed=3)
    by_scores = audit_distilled(scores, extractor, u, HELD_OUT, [0, 2], controls=20, seed=3)
    assert by_weights.alignment.frozen and by_scores.alignment.rank == WIDE
    assert by_scores.alignment.residual < 1e-6
    for name in ("marked", "unmarked"):
        one, two = getattr(by_weights, name), getattr(by_scores, name)
        assert one.classes == two.classes
        np.testing.assert_allclose(one.cosines, two.cosines, atol=1e-5)
        np.testing.assert_allclose(one.log10_p, two.log10_p, atol=1e-3)
    np.testing.assert_allclose(by_weights.control_log10_p, by_scores.control_log10_p, atol=1e-3)
    assert by_weights.beyond_reference and by_scores.beyond_reference


def test_the_caller_notices_nothing(extractor: nn.Module, release: Release) -> None:
    suspect = pushed(extractor, 2, (0,), COINS)
    state = {name: value.clone() for name, value in suspect.state_dict().items()}
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    for access in ACCESS:
        audited(release, opened(suspect), access)
    assert random.getstate() == before[0] and str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert all(torch.equal(value, state[name]) for name, value in suspect.state_dict().items())


def test_the_extractor_is_made_again(extractor: nn.Module, release: Release) -> None:
    found = extractor_of(release, build)
    assert not found.training
    for name, value in extractor.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    with pytest.raises(DataError, match="a release with its extractor; got one of twins"):
        extractor_of(by_twins(count=8), build)
    with pytest.raises(InputError, match="a checkpoint of the same architecture"):
        extractor_of(release, lambda _: network(classes=7))
    assert release.protocol.extractor == SPEC


@pytest.mark.parametrize("access", ACCESS)
@pytest.mark.parametrize(
    ("images", "text"),
    [
        (HELD_OUT[:, :5], r"shape \(6, 6, 1\), as the marked ones; got 80 uint8 .* \(5, 6, 1\)"),
        (HELD_OUT.astype(np.float32), "held-out uint8 images .*; got 80 float32"),
        (HELD_OUT[:0], "got 0 uint8 images"),
        (HELD_OUT[:1], "more than 13 images"),
        (HELD_OUT[:13], "more than 13 images"),
        (np.tile(HELD_OUT[:1], (20, 1, 1, 1)), "features that differ from image to image"),
    ],
)
def test_held_out_images_that_will_not_do(
    release: Release, images: np.ndarray, text: str, access: Access
) -> None:
    with pytest.raises(DataError, match=text) as caught:
        audited(release, opened(network(8)), access, held_out=images)
    assert "\n" not in str(caught.value)


def test_suspects_that_will_not_do(release: Release) -> None:
    told = answering(lambda images: np.zeros((len(images), CLASSES)))
    for suspect, access, text in (
        (told, "weights", "a suspect model that gives weights; got it, which gives labels, scores"),
        (dataclasses.replace(told, outputs="labels"), "scores", "that gives scores"),
        (told, "scores", "suspect features that differ from image to image"),
        (opened(network(classes=3)), "scores", "each of the suspect's 3 classes"),
        (opened(network(classes=5)), "weights", "each of the suspect's 5 classes"),
    ):
        with pytest.raises(InputError, match=text) as caught:
            audited(release, suspect, access)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
