"""Which test is made of which suspect, what stops it before, and the controls' own answers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from torch import nn

from marked_world import (
    COINS,
    KEY,
    SIDE,
    answering,
    build,
    by_carriers,
    by_tags,
    by_twins,
    examples,
    knowing,
    naming,
    network,
    noisy,
    normalised,
    pushed,
)
from radiotracer.data import Images
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.audit import access_of, audit
from radiotracer.provenance.controls import CONTROLS, SOUND, silent_control, uniform_control
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release
from text_world import plain

HELD_OUT = dataclasses.replace(
    examples(40),
    content=np.random.default_rng(9).integers(0, 256, (40, SIDE, SIDE, 1), dtype=np.uint8),
)


def best_access(release: Release, suspect: Any) -> Access:
    return access_of(release, suspect, None, Inputs())


def given(design: str) -> dict[str, Any]:
    """What an audit of this design needs."""
    return {"held_out": HELD_OUT, "build": build} if design == "carriers" else {}


@pytest.fixture(scope="module")
def extractor() -> nn.Module:
    return network(3)


@pytest.fixture(scope="module")
def releases(extractor: nn.Module) -> dict[str, Release]:
    return {
        "twins": by_twins(count=20),
        "carriers": by_carriers(extractor),
        "tags": by_tags(),
    }


class Counting:
    """How many images a suspect was asked about."""

    def __init__(self, *, labels_only: bool = False) -> None:
        self.asked = 0
        self.suspect = answering(self.scores, labels_only=labels_only)

    def scores(self, images: Images) -> np.ndarray:
        self.asked += len(images)
        return normalised(noisy(images))


def opened(net: nn.Module) -> Any:
    return network_suspect(net, "it", {"kind": "network"})


def test_the_most_telling_test(releases: dict[str, Release]) -> None:
    scores, labels = Counting().suspect, Counting(labels_only=True).suspect
    whole = opened(network())
    twins, carriers = releases["twins"], releases["carriers"]
    assert [best_access(twins, each) for each in (whole, scores, labels)] == [
        "scores", "scores", "labels"
    ]  # fmt: skip
    assert [best_access(carriers, each) for each in (whole, scores)] == ["weights", "scores"]
    with pytest.raises(InputError) as caught:
        best_access(carriers, labels)
    assert str(caught.value) == (
        "expected a suspect model that gives weights or scores: the data were marked by carriers; "
        "got it, which gives labels; open the model in another way"
    )
    assert set(DESIGNS) == {"canaries", "carriers", "tags", "twins", "withheld"}


@pytest.mark.parametrize("access", [None, "scores", "labels"])
def test_twins(releases: dict[str, Release], access: Access | None) -> None:
    suspect = knowing(releases["twins"], 4.0)
    found = audit(releases["twins"], KEY, suspect, access)
    assert found.access == (access or "scores") and found.log10_p < -1
    assert len(found.control_log10_p) == CONTROLS == 1000


def test_references_are_passed_on(releases: dict[str, Release]) -> None:
    reference = Counting()
    found = audit(releases["twins"], KEY, Counting().suspect, references=[reference.suspect])
    assert reference.asked == 40
    assert [each.name for each in found.controls] == ["fresh keys", "references"]


@pytest.mark.parametrize("access", [None, "weights", "scores"])
def test_carriers(
    releases: dict[str, Release], extractor: nn.Module, access: Access | None
) -> None:
    suspect = opened(pushed(extractor, 20, (0, 2), COINS))
    found = audit(releases["carriers"], KEY, suspect, access, held_out=HELD_OUT, build=build)
    assert found.access == (access or "weights") and found.log10_p < -5
    assert all(each.passed for each in found.controls)


@pytest.mark.parametrize("access", [None, "labels"])
@pytest.mark.parametrize("labels_only", [False, True])
def test_tags(releases: dict[str, Release], access: Access | None, labels_only: bool) -> None:
    suspect = naming(releases["tags"], KEY, 12, labels_only=labels_only)
    found = audit(releases["tags"], KEY, suspect, access)
    assert found.access == "labels" and found.log10_p == pytest.approx(-12 * np.log10(4))
    assert len(found.control_log10_p) == CONTROLS and all(each.passed for each in found.controls)


def test_access_that_the_design_has_no_test_for(releases: dict[str, Release]) -> None:
    asked = Counting()
    with pytest.raises(
        InputError, match="access=labels for data marked by tags; got access=scores"
    ):
        audit(releases["tags"], KEY, asked.suspect, "scores")
    with pytest.raises(InputError, match="access=scores or labels for data marked by twins; got"):
        audit(releases["twins"], KEY, asked.suspect, "weights")
    with pytest.raises(
        InputError, match=r"access=weights or scores for .* by carriers; got access=labe"
    ):
        audit(releases["carriers"], KEY, asked.suspect, "labels", held_out=HELD_OUT, build=build)
    assert asked.asked == 0


@pytest.mark.parametrize("more", [{}, {"build": build}])
def test_carriers_without_held_out_images(
    releases: dict[str, Release], more: dict[str, Any]
) -> None:
    asked = Counting()
    with pytest.raises(
        InputError, match=r"expected held-out, unmarked images .*; got held_out=None; pass"
    ):
        audit(releases["carriers"], KEY, asked.suspect, **more)
    assert asked.asked == 0


@pytest.mark.parametrize("design", ["twins", "carriers", "tags"])
@pytest.mark.parametrize("spoiled", ["key", "level", "image", "rows"])
def test_nobody_is_asked_before_the_commitment_opens(
    releases: dict[str, Release], design: str, spoiled: str
) -> None:
    release, key, asked = releases[design], KEY, Counting()
    if spoiled == "key":
        key = Key(bytes(32))
    elif spoiled == "level":
        protocol = release.protocol.model_copy(update={"alpha": 0.5})
        release = dataclasses.replace(release, protocol=protocol)
    elif spoiled == "rows":
        release = dataclasses.replace(release, rows=release.rows[::-1].copy())
    else:
        images = release.published.content.copy()
        images[0] ^= 1
        public = dataclasses.replace(release.published, content=images)
        release = dataclasses.replace(release, published=public)
    with pytest.raises(InputError, match=r"another |edited since"):
        audit(release, key, asked.suspect, **given(design))
    assert asked.asked == 0
    audit(releases[design], KEY, asked.suspect, **given(design))
    assert asked.asked > 0


@pytest.mark.parametrize(
    ("design", "more", "text"),
    [
        ("twins", {"held_out": HELD_OUT}, "held_out= with data marked by carriers alone"),
        ("tags", {"control_keys": 99}, "control_keys= with data marked by carriers alone"),
        (
            "tags",
            {"references": True},
            "references= with data marked by canaries or twins or withheld alone",
        ),
    ],
)
def test_inputs_that_would_change_nothing(
    releases: dict[str, Release], design: str, more: dict[str, Any], text: str
) -> None:
    asked = Counting()
    if "references" in more:
        more = {"references": [asked.suspect]}
    with pytest.raises(InputError, match=f"{text}; got data marked by {design}; leave it out"):
        audit(releases[design], KEY, asked.suspect, **more)
    assert asked.asked == 0


def test_a_suspect_of_other_examples(releases: dict[str, Release]) -> None:
    with pytest.raises(InputError, match="asked about images, as were marked; got it, which is"):
        audit(releases["twins"], KEY, plain())


class TestControls:
    def test_uniform_or_larger(self) -> None:
        """The even ones are no chance: 0.5/n, 1.5/n and so on."""
        even = np.log10((np.arange(500) + 0.5) / 500)
        found = uniform_control(even)
        assert found.passed and found.name == "fresh keys"
        assert found.came == "500 keys, 1.0% of them at p <= 0.01, log10 p 0.0"
        assert uniform_control(np.zeros(1000)).passed
        assert uniform_control(even / 2, name="fresh carriers").name == "fresh carriers"
        assert not uniform_control(even * 2).passed

    def test_it_fails_beyond_a_thousandth(self) -> None:
        """One p-value: D+ = 1 - p, and its own probability is p."""
        for log10_p in (-2.9, -3.1):
            assert uniform_control(np.array([log10_p])).passed == (log10_p > SOUND)

    @pytest.mark.parametrize(("log10_p", "passed"), [(0.0, True), (-2.99, True), (-3.01, False)])
    def test_silence(self, log10_p: float, passed: bool) -> None:
        found = silent_control("unmarked classes", log10_p, "7 classes")
        assert found.passed == passed and found.name == "unmarked classes"
        assert found.came == f"7 classes: log10 p {log10_p:.1f}"
