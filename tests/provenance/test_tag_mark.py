"""Images that teach tags: within the radius, towards the tags' gradient, no other touched."""

from __future__ import annotations

import copy
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from marked_world import CLASSES, KEY, SIDE, examples, network, trained
from radiotracer.data import IMAGES, Dataset, Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import Objective
from radiotracer.provenance import Key
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._tags.marking import (
    Aim,
    _matched,
    _starts,
    lay_tags,
    matching_loss,
    plant_tags,
    share_chosen,
)
from radiotracer.provenance.designs._tags.patterns import tag_images, tag_labels
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.planted import Planted
from radiotracer.scale import FolderLedger

CONFIG = TagConfig(tags=12, radius=6, steps=4, batch_size=8)


def planted_tags(
    data: Dataset, key: Key, models: list[nn.Module], config: TagConfig, **more: Any
) -> Planted:
    """With labels that the key alone draws."""
    return plant_tags(lay_tags(data, key, config), data, key, models, config, **more)


def gradient_of(net: nn.Module, images: torch.Tensor, label: int) -> torch.Tensor:
    """Of the mean loss, over all parameters in one row."""
    loss = F.cross_entropy(net(images), torch.full((len(images),), label))
    parts = torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    return torch.cat([part.flatten() for part in parts])


def cosine_of(net: nn.Module, images: Images, tags: Images, label: int) -> float:
    """In float64, from the stored bytes."""
    net = copy.deepcopy(net).double()
    one, two = (
        gradient_of(net, to_inputs(each).double(), label).detach() for each in (images, tags)
    )
    return float(F.cosine_similarity(one, two, dim=0))


def test_the_losss_gradient_by_autograd_and_by_differences() -> None:
    """Two tiny networks in float64: autograd of the loss written down once more, and steps."""
    nets = [network(seed).double() for seed in (1, 2)]
    generator = torch.Generator().manual_seed(0)
    images, tags = (
        torch.rand((3, 1, SIDE, SIDE), generator=generator, dtype=torch.float64) for _ in "ab"
    )
    objectives = [Objective.of(net, example=images[:1]) for net in nets]
    wanted = [gradient_of(net, tags, 2).detach() for net in nets]
    parts = [
        tuple(
            part.view_as(weights)
            for part, weights in zip(
                row.split([w.numel() for w in net.parameters()]), net.parameters(), strict=True
            )
        )
        for net, row in zip(nets, wanted, strict=True)
    ]
    aims = [Aim(2, each) for each in parts]
    images.requires_grad_()
    loss = matching_loss(objectives, aims, images)
    (found,) = torch.autograd.grad(loss, images)
    cosines = [
        F.cosine_similarity(gradient_of(net, images, 2), row, dim=0)
        for net, row in zip(nets, wanted, strict=True)
    ]
    by_hand = 1 - sum(cosines) / 2
    (truth,) = torch.autograd.grad(by_hand, images)  # type: ignore[arg-type]
    torch.testing.assert_close(loss, by_hand, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-12)
    assert found.abs().max() > 1e-4
    for place in ((0, 0, 0, 0), (1, 0, 3, 2), (2, 0, 5, 5)):
        step = torch.zeros_like(images)
        step[place] = 1e-5
        sides = [matching_loss(objectives, aims, images + s * step).item() for s in (1, -1)]
        assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(found[place].item(), rel=1e-5)


def test_an_aim_is_the_tags_gradient() -> None:
    net, tags = network(3), tag_images(KEY, 3, (SIDE, SIDE, 1))
    aim = Aim.at(Objective.of(net, example=to_inputs(tags[:1])), tags, 1)
    truth = gradient_of(net, to_inputs(tags), 1)
    torch.testing.assert_close(torch.cat([p.flatten() for p in aim.gradient]), truth)
    assert not any(part.requires_grad for part in aim.gradient)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), radius=st.sampled_from([1, 2, 6, 40, 255]))
def test_within_the_radius(seed: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    data = examples(8)
    images = rng.choice(np.array([0, 1, 7, 128, 254, 255], np.uint8), data.content.shape)
    data = Dataset(IMAGES, images, data.labels, data.ids, data.class_names, "memory")
    config = TagConfig(tags=20, radius=radius, steps=(1, 12)[seed % 2], restarts=1 + seed % 2)
    planted = planted_tags(data, KEY, [network(seed % 7)], config)
    assert planted.content.dtype == np.uint8 and planted.content.shape == images.shape
    change = np.abs(planted.content.astype(int) - images).max(axis=(1, 2, 3))
    assert change.max() <= radius
    assert change.min() > 0 or config.steps == 1  # one step of less than half a level is none
    np.testing.assert_array_equal(planted.columns["max_difference"], change)


def test_images_are_moved_towards_their_tags() -> None:
    """The cosine that is told is that of the stored images, and far above that of the originals."""
    data = examples()
    net = trained(data, steps=40)
    config = TagConfig(tags=12, radius=30, steps=30, batch_size=8)
    planted = planted_tags(data, KEY, [net], config)
    tags, wanted = tag_images(KEY, 12, (SIDE, SIDE, 1)), tag_labels(KEY, 12, CLASSES)
    for label in np.unique(wanted):
        rows = np.flatnonzero(data.labels == label)
        for first in range(0, len(rows), 8):
            batch = rows[first : first + 8]
            own = tags[wanted == label]
            before = cosine_of(net, data.content[batch], own, int(label))
            after = cosine_of(net, planted.content[batch], own, int(label))
            np.testing.assert_allclose(planted.columns["cosine"][batch], after, atol=1e-4)
            assert after > before + 0.02


def test_the_best_restart_is_kept() -> None:
    """Whichever it was: starts are given in both orders."""
    images, tags = examples(4).content, tag_images(KEY, 2, (SIDE, SIDE, 1))
    objective = Objective.of(network(), example=to_inputs(images))
    aims = [Aim.at(objective, tags, 1)]
    draws = torch.Generator().manual_seed(0)
    config = TagConfig(radius=90, steps=1, restarts=3)
    over, *others = _starts(images, np.concatenate([tags, tags]), config, draws)
    assert len(others) == 2 and (others[0] != others[1]).any()
    laid = images.transpose(0, 3, 1, 2) + 90.0 * np.where(
        np.concatenate([tags, tags]).transpose(0, 3, 1, 2) > 0, 1, -1
    )
    np.testing.assert_allclose(over.numpy(), laid, atol=1e-3)
    alone = [_matched([objective], aims, images, [each], config) for each in (over, *others)]
    best = max(alone, key=lambda each: float(each[1][0]))
    assert len({float(each[1][0]) for each in alone}) == 3
    for order in ((over, *others), (*others, over)):
        found = _matched([objective], aims, images, order, config)
        np.testing.assert_array_equal(found[0], best[0])
        np.testing.assert_array_equal(found[1], best[1])


def test_a_class_that_no_tag_names_is_left_alone() -> None:
    config = CONFIG.model_copy(update={"tags": 2})
    data = examples()
    taught = sorted(set(tag_labels(KEY, 2, CLASSES).tolist()))
    assert len(taught) < CLASSES
    planted = planted_tags(data, KEY, [network()], config)
    rest = ~np.isin(data.labels, taught)
    np.testing.assert_array_equal(planted.content[rest], data.content[rest])
    assert np.isinf(planted.columns["psnr"][rest]).all()
    assert not planted.columns["cosine"][rest].any() and planted.columns["cosine"][~rest].all()
    np.testing.assert_array_equal(data.content, examples().content)


def test_another_key_and_another_network_matter() -> None:
    one, again, key, net, both = (
        planted_tags(examples(), k, nets, CONFIG).content
        for k, nets in (
            (KEY, [network(1)]),
            (KEY, [network(1)]),
            (Key(bytes(32)), [network(1)]),
            (KEY, [network(2)]),
            (KEY, [network(1), network(2)]),
        )
    )
    np.testing.assert_array_equal(one, again)
    assert all((one != other).any() for other in (key, net, both))


def test_the_caller_notices_nothing() -> None:
    data, net = examples(), network().train()
    net.insert(2, nn.Dropout())  # type: ignore[operator]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    with torch.inference_mode():
        planted_tags(data, KEY, [net], CONFIG.model_copy(update={"restarts": 2}))
        assert torch.is_inference_mode_enabled()
    assert net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, state[name])
    np.testing.assert_array_equal(data.content, examples().content)
    assert random.getstate() == before[0] and torch.equal(torch.get_rng_state(), before[2])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_progress_and_going_on(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    whole = planted_tags(examples(), KEY, [network()], CONFIG, progress=lambda *t: told.append(t))
    assert told[0] == ("marking", 8, 60) and told[-1] == ("marking", 60, 60)
    assert [each[1] for each in told] == sorted(each[1] for each in told)

    def stop(_: str, done: int, of: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    kept = Kept(FolderLedger(tmp_path / "kept"))
    with pytest.raises(KeyboardInterrupt):
        planted_tags(examples(), KEY, [network()], CONFIG, kept=kept, progress=stop)
    assert len(list((tmp_path / "kept").glob("*.safetensors"))) == 3
    rest = planted_tags(examples(), KEY, [network()], CONFIG, kept=kept)
    np.testing.assert_array_equal(rest.content, whole.content)
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(rest.columns[name], column)


def filled(value: float) -> nn.Module:
    net = network()
    with torch.no_grad():
        net[1].weight.fill_(value)  # type: ignore[index]
    return net


class Rooted(nn.Module):
    """Finite outputs without a finite gradient: the root of 0."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = network()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.inside(inputs) + (inputs.mean() * 0).sqrt()


@pytest.mark.parametrize(
    ("models", "error", "text"),
    [
        ([], InputError, "a network to mark with"),
        ([network(classes=2)], InputError, r"of 4 classes; got outputs of shape \(12, 2\)"),
        ([network(), network(classes=5)], InputError, r"got outputs of shape \(12, 5\)"),
        ([nn.Sequential(nn.Flatten(), nn.Linear(9, 4))], InputError, r"images of shape \(6, 6, 1"),
        ([filled(math.nan)], NotFiniteError, "finite outputs of the marking networks"),
        ([Rooted()], NotFiniteError, "finite gradients of the marking networks"),
    ],
)
def test_networks_that_will_not_do(models: list[nn.Module], error: type, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        planted_tags(examples(), KEY, models, CONFIG)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("tags", "taught"), [(1, 1 / 4), (2, 7 / 16), (40, 1.0)])
def test_a_share_of_all_is_a_larger_one_of_the_classes_that_are_taught(
    tags: int, taught: float
) -> None:
    """Which they are is drawn later: what is chosen is the mean over all draws."""
    config = TagConfig(tags=tags)
    assert share_chosen(config, 4, 0.1) == pytest.approx(0.1 / taught, rel=1e-4)
    drawn = [len(set(tag_labels(key, tags, 4).tolist())) / 4 for key in control_keys(KEY, 2000)]
    assert np.mean(drawn) == pytest.approx(taught, abs=0.02)


def test_more_than_can_be_taught() -> None:
    with pytest.raises(
        InputError, match=r"share= below 0\.25: 1 tags .* got share=0\.3; mark fewer"
    ):
        share_chosen(TagConfig(tags=1), 4, 0.3)
