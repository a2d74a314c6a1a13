"""Marking by a design: what the protocol says, what is refused, and that the caller goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from marked_world import CLASSES, KEY, SPEC, by_carriers, by_tags, examples, network
from radiotracer.errors import DataError, InputError, RadiotracerError
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import mark

TWINS = TwinConfig(radius=4, steps=1)


def test_the_protocol_says_it_all() -> None:
    data = examples()
    release = mark(data, np.array([9, 1, 5]), KEY, [network()], TWINS, alpha=0.05)
    protocol = release.protocol
    assert release.rows.tolist() == [1, 5, 9] and release.labels.tolist() == [1, 1, 1]
    assert protocol.design == "twins" and protocol.test == DESIGNS["twins"].announced
    own = {"radius": 4, "psnr": None, "steps": 1, "batch_size": 100, "views": 0, "shift": 0}
    assert protocol.settings == own
    assert (protocol.examples, protocol.marked, protocol.share) == (60, 3, 0.05)
    assert protocol.marked_classes == (1,) and protocol.class_names == tuple("abcd")
    assert protocol.modality == "images" and protocol.shape == {
        "channels": 1, "height": 6, "width": 6
    }  # fmt: skip
    assert protocol.alpha == 0.05
    assert protocol.source_digest == data.digest and protocol.extractor is None
    np.testing.assert_array_equal(data.content, examples().content)


def test_carriers_seal_the_network_as_it_was() -> None:
    """Whoever trains it on after the marking does not change the release."""
    extractor = network(3)
    before = {name: value.clone() for name, value in extractor.state_dict().items()}
    release = by_carriers(extractor)
    with torch.no_grad():
        for parameter in extractor.parameters():
            parameter.add_(1)
    assert release.laid.extractor is not None and release.protocol.extractor == SPEC
    assert all(torch.equal(value, before[name]) for name, value in release.laid.extractor.items())
    release.opened(KEY)
    assert release.laid.arrays == {} and (release.planted.columns["shift"] > 0).all()
    assert release.protocol.marked_classes == (0, 2)


def test_tags_seal_their_patterns_and_no_label() -> None:
    release = by_tags()
    assert release.protocol.design == "tags" and release.protocol.test == DESIGNS["tags"].announced
    assert release.protocol.settings == {
        "tags": 12, "radius": 6, "steps": 3, "restarts": 1, "batch_size": 4
    }  # fmt: skip
    assert list(release.laid.arrays) == ["patterns"] and release.laid.extractor is None
    assert release.laid.coins == (*(f"tag/label/4/{tag}" for tag in range(12)), "control")
    release.opened(KEY)
    np.testing.assert_array_equal(release.labels, examples().labels[release.rows])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"rows": np.array([], np.int64)}, DataError, "rows from 0 to 59, at least one"),
        ({"rows": np.array([3, 3])}, DataError, "2 rows that are not so"),
        ({"rows": np.array([-1, 3])}, DataError, "different rows"),
        ({"rows": np.array([60])}, DataError, "different rows"),
        ({"alpha": 0.0}, InputError, "alpha= between 0 and 1; got 0"),
        ({"alpha": 1.0}, InputError, "alpha= between 0 and 1; got 1"),
        ({"alpha": float("nan")}, InputError, "got nan"),
        ({"models": []}, InputError, "a network to mark with"),
        ({"models": [], "design": TagConfig()}, InputError, "a network to mark with"),
        (
            {"models": [], "design": CarrierConfig(), "spec": SPEC},
            InputError,
            "to mark with by carriers",
        ),
        ({"design": CarrierConfig()}, InputError, "what network it is"),
        (
            {"models": [network(classes=5)], "design": CarrierConfig(), "spec": SPEC},
            InputError,
            f"an extractor of the {CLASSES} classes; got one of 5",
        ),
    ],
)
def test_what_cannot_be_marked(
    change: dict[str, Any], error: type[RadiotracerError], text: str
) -> None:
    call: dict[str, Any] = {"rows": np.arange(4), "models": [network()], "design": TWINS, **change}
    with pytest.raises(error, match=text) as caught:
        mark(examples(), key=KEY, **call)
    assert "\n" not in str(caught.value)
