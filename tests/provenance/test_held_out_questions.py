"""What a suspect is asked of held-out images with the marks of the key and of control keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from marked_world import (
    CLASSES,
    COINS,
    WIDE,
    by_carriers,
    examples,
    normalised,
    trained,
)
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.held_out_marks import (
    Questions,
    classes_asked,
    hasty,
    how_many,
    make_questions,
)
from radiotracer.provenance.designs._carriers.held_out_test import (
    changes,
)
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release

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


@pytest.fixture(scope="module")
def questions(extractor: nn.Module, release: Release) -> Questions:
    return make_questions(
        release,
        COINS,
        extractor,
        HELD_OUT.content,
        HELD_OUT.labels,
        KEYS,
        images_per_class=6,
        steps=2,
    )


def test_questions(questions: Questions, release: Release, extractor: nn.Module) -> None:
    assert questions.classes == (0, 1, 2, 3) and len(questions.originals) == 24
    assert questions.images.shape == (21 * 24, 6, 6, 1)
    assert len(questions.images) == how_many(release, HELD_OUT.labels, KEYS, images_per_class=6)
    moved = np.abs(questions.marked.astype(int) - questions.originals)
    assert 0 < moved.max() <= release.protocol.settings["radius"]  # type: ignore[operator]
    assert questions.shift.mean() > 0
    assert (np.sort(questions.order, axis=1) == np.arange(KEYS + 1)).all()
    slots = [list(row).index(0) for row in questions.order]
    assert len(set(slots)) > 1, "each class has an order of its own"
    # The slot of the key holds what the key's own carriers make of the images.
    with torch.no_grad():
        before = extractor[:-1](to_inputs(questions.originals)).double().numpy()  # type: ignore[index]
    drawn = carriers(COINS, CLASSES, WIDE)
    for row, (c, slot) in enumerate(zip(questions.classes, slots, strict=True)):
        own = questions.labels == c
        with torch.no_grad():
            after = extractor[:-1](to_inputs(questions.marked[slot, own])).double().numpy()  # type: ignore[index]
        np.testing.assert_allclose(
            (after - before[own]) @ drawn[row], questions.shift[slot, own], atol=1e-5
        )
    again = make_questions(
        release,
        COINS,
        extractor,
        HELD_OUT.content,
        HELD_OUT.labels,
        KEYS,
        images_per_class=6,
        steps=2,
    )
    assert np.array_equal(again.images, questions.images)


def test_changes_find_each_key_in_its_slot(questions: Questions) -> None:
    logits = np.zeros((len(questions.images), CLASSES))
    n = len(questions.originals)
    for slot in range(KEYS + 1):
        for row, c in enumerate(questions.classes):
            own = n * (slot + 1) + np.flatnonzero(questions.labels == c)
            logits[own, c] = questions.order[row, slot]
    np.testing.assert_allclose(
        changes(questions, normalised(logits)),
        np.tile(np.arange(KEYS + 1), (CLASSES, 1)),
        atol=1e-12,
    )


def test_fewer_steps_reach_the_radius() -> None:
    config = CarrierConfig(radius=10, steps=30, rate=2.0)
    assert hasty(config, 3).rate == 5.0 and hasty(config, 3).steps == 3
    assert hasty(config, 30).rate == 2.0


def test_unmarked_classes_are_a_control_as_far_as_there_are_images(release: Release) -> None:
    labels = np.repeat([0, 1, 2, 3], [9, 9, 9, 4])
    assert classes_asked(release, labels, KEYS) == (0, 1, 2)
