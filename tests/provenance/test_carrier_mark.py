"""Marking: the optimum where it is known, the bound always, and nothing of the caller's touched."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor, nn

from radiotracer.data import Images, Labels
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import Objective
from radiotracer.provenance import Key
from radiotracer.provenance.designs._carriers import marking
from radiotracer.provenance.designs._carriers.augment import Augmentation, augmenter
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.marking import mark_with_carriers, require_within
from radiotracer.provenance.designs.carriers import CarrierConfig

AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "shift", "shift-flip", "resized-crop")
FREE = {"lambda_feature": 0.0, "lambda_image": 0.0}
CLASSES, WIDE, SHAPE = 3, 6, (5, 4, 3)


class Straight(nn.Module):
    """Features A x of the pixels x in [0, 1], then a head."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Linear(int(np.prod(SHAPE)), WIDE, bias=False)
        self.head = nn.Linear(WIDE, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.features(inputs.permute(0, 2, 3, 1).flatten(1)))

    @property
    def matrix(self) -> np.ndarray:
        """A in float64, its columns in the order of a flattened image (h, w, c)."""
        return self.features.weight.detach().double().numpy()


def curved(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Dropout(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, WIDE),
        nn.Tanh(),
        nn.Linear(WIDE, CLASSES),
    )


def photos(seed: int, count: int = 4) -> tuple[Images, Labels]:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, count)


def directions(seed: int) -> np.ndarray:
    return carriers(Key(seed.to_bytes(32)), CLASSES, WIDE)


def objective(
    net: Straight, image: np.ndarray, along: np.ndarray, scale: float, config: CarrierConfig
) -> Callable[[np.ndarray], float]:
    """What is minimised, of a change in grey levels, in float64."""

    def loss(change: np.ndarray) -> float:
        moved = net.matrix @ (change / 255) / scale
        length = np.sqrt(moved @ moved + 1e-18)
        quiet = config.lambda_feature * length + config.lambda_image * np.mean(change**2)
        return float(-moved @ along + quiet)

    return loss


@pytest.mark.parametrize("radius", [1, 10, 255])
def test_nothing_but_the_bound_holds_back(radius: int) -> None:
    """Then the optimum of a linear network is a corner of the box."""
    net, (images, labels), u = Straight(), photos(1), directions(1)
    config = CarrierConfig(radius=radius, steps=300, rate=max(1.0, radius / 20), **FREE)
    marked = mark_with_carriers(images, labels, u, net, config, seed=0)
    signs = np.sign(u[labels] @ net.matrix).reshape(images.shape)
    np.testing.assert_array_equal(marked.images, np.clip(images + radius * signs, 0, 255))


def test_the_image_term_in_closed_form() -> None:
    """min -g . v + lambda |v|^2 / N in the box: v = N g / (2 lambda), clipped."""
    net, (images, labels), u = Straight(), photos(2), directions(2)
    config = CarrierConfig(radius=9, steps=400, rate=1.0, lambda_feature=0.0, lambda_image=0.001)
    marked = mark_with_carriers(images, labels, u, net, config, seed=0)
    wide = images.astype(np.int64)
    gradient = (u[labels] @ net.matrix).reshape(images.shape) / 255 / marked.feature_norm.mean()
    free = gradient * np.prod(SHAPE) / (2 * 0.001)
    low, high = np.maximum(wide - 9, 0), np.minimum(wide + 9, 255)
    best = np.clip(wide + free, low, high)
    assert 0.1 < np.mean(np.abs(free) < 9) < 0.9  # both kinds of optimum are there
    assert np.abs(marked.images - best).max() < 1.01


def test_all_terms_against_a_solver() -> None:
    net, (images, labels), u = Straight(3), photos(3), directions(3)
    config = CarrierConfig(radius=20, steps=400, lambda_feature=0.4, lambda_image=1e-4)
    marked = mark_with_carriers(images, labels, u, net, config, seed=0)
    for image, label, made in zip(images, labels, marked.images, strict=True):
        loss = objective(net, image, u[label], marked.feature_norm.mean(), config)
        wide = image.astype(np.float64).ravel()
        box = list(zip(np.maximum(-20, -wide), np.minimum(20, 255 - wide), strict=True))
        best = optimize.minimize(loss, np.full(wide.size, 0.01), method="L-BFGS-B", bounds=box)
        assert best.fun < 0
        assert loss(made.ravel() - wide) <= 0.98 * best.fun
        assert loss(made.ravel() - wide) >= 1.001 * best.fun  # the solver's is the optimum


def test_what_is_reported() -> None:
    net, (images, labels), u = Straight(), photos(4), directions(4)
    marked = mark_with_carriers(images, labels, u, net, CarrierConfig(radius=7), seed=0)
    change = marked.images.astype(np.float64) - images
    moved = change.reshape(4, -1) / 255 @ net.matrix.T
    np.testing.assert_allclose(marked.shift, (moved * u[labels]).sum(axis=1), atol=1e-5)
    before = images.reshape(4, -1) / 255 @ net.matrix.T
    np.testing.assert_allclose(marked.feature_norm, np.linalg.norm(before, axis=1), rtol=1e-5)
    errors = np.square(change).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(marked.psnr, 10 * np.log10(255**2 / errors))
    np.testing.assert_array_equal(marked.max_difference, np.abs(change).reshape(4, -1).max(axis=1))
    assert (marked.shift > 0).all() and marked.max_difference.max() == 7


def test_an_image_that_cannot_gain_stays() -> None:
    """With a strong image term no change is worth it: unchanged to the byte, infinite PSNR."""
    images, labels = photos(5)
    config = CarrierConfig(lambda_image=1e6)
    marked = mark_with_carriers(images, labels, directions(5), Straight(), config, seed=0)
    np.testing.assert_array_equal(marked.images, images)
    assert np.isposinf(marked.psnr).all() and not marked.shift.any()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    radius=st.integers(1, 255),
    name=st.sampled_from(AUGMENTATIONS),
    rate=st.floats(0.01, 100),
    batch=st.integers(1, 5),
)
def test_never_beyond_the_radius_and_the_same_again(
    seed: int, radius: int, name: Augmentation, rate: float, batch: int
) -> None:
    (images, labels), u, net = photos(seed), directions(seed), curved(seed)
    config = CarrierConfig(radius=radius, steps=4, rate=rate, augmentation=name, batch_size=batch)
    one, two = (mark_with_carriers(images, labels, u, net, config, seed=seed) for _ in range(2))
    assert one.images.dtype == np.uint8 and one.images.shape == images.shape
    difference = np.abs(one.images.astype(int) - images.astype(int))
    assert difference.max() <= radius
    np.testing.assert_array_equal(one.max_difference, difference.max(axis=(1, 2, 3)))
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.shift, two.shift)


def test_a_seed_draws_the_augmentations() -> None:
    (images, labels), u, net = photos(6), directions(6), curved()
    config = CarrierConfig(augmentation="resized-crop", steps=4)
    made = [mark_with_carriers(images, labels, u, net, config, seed=s).images for s in (0, 1)]
    assert (made[0] != made[1]).any()


@pytest.mark.parametrize("batch", [2, 64])
def test_classes_go_along_their_own_carriers_in_any_batch(batch: int) -> None:
    images, _ = photos(7, 3)
    net, u, labels = Straight(), directions(7), np.array([2, 0, 1])
    config = CarrierConfig(steps=60, batch_size=batch, **FREE)
    together = mark_with_carriers(images, labels, u, net, config, seed=0)
    for i, label in enumerate(labels):
        alone = mark_with_carriers(images[[i]], labels[[i]], u, net, config, seed=0)
        np.testing.assert_array_equal(together.images[i], alone.images[0])
        assert together.shift[i] > 0
        moved = (together.images[i].astype(float) - images[i]).ravel() / 255 @ net.matrix.T
        assert moved @ u[label] > np.delete(u, label, axis=0) @ moved @ np.ones(2) / 2


def test_both_images_get_the_same_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def spied(name: Augmentation, height: int, width: int) -> Callable[[Tensor], Tensor]:
        vary = augmenter(name, height, width)

        def noted(images: Tensor) -> Tensor:
            varied = vary(images)
            seen.append((images.detach().clone(), varied.detach().clone()))
            return varied

        return noted

    monkeypatch.setattr(marking, "augmenter", spied)
    images, labels = photos(8)
    config = CarrierConfig(augmentation="resized-crop", steps=3)
    mark_with_carriers(images, labels, directions(8), curved(), config, seed=0)
    assert len(seen) == 3
    given_first, varied_first = seen[0]
    torch.testing.assert_close(given_first[:, :3], given_first[:, 3:], rtol=0, atol=0)
    torch.testing.assert_close(varied_first[:, :3], varied_first[:, 3:], rtol=0, atol=0)
    assert (varied_first[:, 3:] != given_first[:, 3:]).any()
    assert (seen[2][0][:, :3] != seen[2][0][:, 3:]).any()
    assert (seen[1][1][:, 3:] != seen[2][1][:, 3:]).any()  # each step draws anew
    whole = seen[2][0] * 255
    torch.testing.assert_close(whole, whole.round(), rtol=0, atol=1e-4)  # judged in whole levels


@pytest.mark.parametrize(("name", "passes"), [("none", 1 + 3), ("shift", 2 * 3)])
def test_the_original_is_shown_again_for_every_draw(
    monkeypatch: pytest.MonkeyPatch, name: Augmentation, passes: int
) -> None:
    seen: list[Tensor] = []
    inside = marking.penultimate

    def noted(network: Objective, inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return inside(network, inputs)

    monkeypatch.setattr(marking, "penultimate", noted)
    images, labels = photos(8)
    config = CarrierConfig(augmentation=name, steps=3)
    mark_with_carriers(images, labels, directions(8), curved(), config, seed=0)
    assert len(seen) == passes + 2  # and once before, once after


def test_progress_counts_images() -> None:
    images, labels = photos(9, 5)
    told: list[tuple[str, int, int]] = []
    config = CarrierConfig(steps=1, batch_size=2)
    mark_with_carriers(
        images, labels, directions(9), curved(), config, seed=0, progress=lambda *t: told.append(t)
    )
    assert told == [("marking", 2, 5), ("marking", 4, 5), ("marking", 5, 5)]


def test_the_caller_notices_nothing() -> None:
    (images, labels), net = photos(10), curved().train()
    kept = images.copy(), {name: value.clone() for name, value in net.state_dict().items()}
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    with torch.inference_mode():
        config = CarrierConfig(augmentation="shift-flip", steps=2)
        mark_with_carriers(images, labels, directions(10), net, config, seed=0)
        assert torch.is_inference_mode_enabled()
    assert net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    np.testing.assert_array_equal(images, kept[0])
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, kept[1][name], rtol=0, atol=0)
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[2])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_a_pixel_too_far_is_a_defect() -> None:
    images = np.array([0, 255, 7], dtype=np.uint8).reshape(1, 1, 1, 3)
    moved = np.array([3, 252, 7], dtype=np.uint8).reshape(1, 1, 1, 3)
    require_within(images, moved, 3)
    with pytest.raises(RuntimeError, match="changed by 3, radius 2"):
        require_within(images, moved, 2)


class Rooted(Straight):
    """Finite features without a finite gradient: the root of 0."""

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head((self.features(inputs.permute(0, 2, 3, 1).flatten(1)) * 0).sqrt() + 1)


def broken(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        next(net.parameters()).fill_(torch.nan)
    return net


def test_numbers_that_are_none() -> None:
    images, labels = photos(11)
    with pytest.raises(NotFiniteError, match="finite features; got NaN"):
        mark_with_carriers(images, labels, directions(0), broken(Straight()), seed=0)
    with pytest.raises(NotFiniteError, match="finite gradients of the features"):
        mark_with_carriers(images, labels, directions(0), Rooted(), seed=0)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"images": np.zeros((0, *SHAPE), np.uint8)}, DataError, "k at least 1"),
        ({"images": np.zeros((4, *SHAPE))}, DataError, "float64 of shape"),
        ({"labels": np.array([0, 1, 2, 3])}, DataError, "4 labels from 0 to 2"),
        ({"labels": np.array([0, 1, -1, 0])}, DataError, "4 labels from 0 to 2"),
        ({"labels": np.array([0, 1])}, DataError, r"shape \(2,\)"),
        ({"carriers": 2 * np.eye(CLASSES, WIDE)}, DataError, "of length 1|and length 1"),
        ({"carriers": np.full((CLASSES, WIDE), np.nan)}, DataError, "and length 1"),
        ({"carriers": np.eye(CLASSES, WIDE + 1)}, DataError, "an extractor with 7 features"),
        ({"model": nn.Sequential(nn.Flatten(), nn.Linear(9, 3))}, InputError, "one that fails"),
        ({"model": nn.Sequential(nn.Flatten(), nn.ReLU())}, InputError, "parameters"),
        ({"model": nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten())}, InputError, "such a head"),
        ({"seed": -1}, InputError, "a seed of at least 0"),
    ],
)
def test_what_cannot_be_marked(change: dict[str, Any], error: type, text: str) -> None:
    images, labels = photos(12)
    call = {"images": images, "labels": labels, "carriers": directions(0), "model": Straight()}
    with pytest.raises(error, match=text) as caught:
        mark_with_carriers(**{**call, "seed": 0, **change})
    assert "\n" not in str(caught.value)


def test_black_images_say_nothing() -> None:
    with pytest.raises(DataError, match="not all 0"):
        mark_with_carriers(
            np.zeros((1, *SHAPE), np.uint8), np.array([0]), directions(0), Straight(), seed=0
        )


class TestAugmenter:
    def test_none_needs_no_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "kornia", None)
        images = torch.rand(2, 3, 4, 4)
        assert augmenter("none", 4, 4)(images) is images
        with pytest.raises(InputError, match=r"radiotracer\[marking\]"):
            augmenter("shift", 4, 4)

    def test_an_unknown_name(self) -> None:
        with pytest.raises(InputError, match="got 'blur'; choose"):
            augmenter("blur", 4, 4)  # type: ignore[arg-type]

    def test_shifts_are_whole_pixels_up_to_an_eighth(self) -> None:
        images = torch.rand(200, 1, 17, 8, generator=torch.Generator().manual_seed(0))
        around = nn.functional.pad(images, (1, 1, 3, 3))
        seen = set()
        for image, padded in zip(augmenter("shift", 17, 8)(images), around, strict=True):
            hits = [
                (y, x)
                for y in range(7)
                for x in range(3)
                if torch.equal(padded[:, y : y + 17, x : x + 8], image)
            ]
            assert len(hits) == 1
            seen.update(hits)
        assert {y for y, _ in seen} == set(range(7)) and {x for _, x in seen} == set(range(3))

    def test_flips_are_mirrors(self) -> None:
        # Constant rows: nothing but a mirror, or a shift to the side, can be seen.
        images = torch.arange(1.0, 9.0).expand(100, 1, 8, 8)
        rows = augmenter("shift-flip", 8, 8)(images)[:, 0, 4]
        rising = (rows[:, 2:6].diff(dim=1) > 0).all(dim=1)
        falling = (rows[:, 2:6].diff(dim=1) < 0).all(dim=1)
        assert (rising ^ falling).all() and 20 < int(rising.sum()) < 80

    @pytest.mark.parametrize("name", AUGMENTATIONS[1:])
    def test_gradients_pass_through(self, name: Augmentation) -> None:
        vary = augmenter(name, 6, 5)
        images = torch.rand(3, 2, 6, 5, dtype=torch.float64, requires_grad=True)

        def fixed(given: Tensor) -> Tensor:
            torch.manual_seed(7)
            return vary(given)

        assert fixed(images).shape == images.shape
        assert torch.autograd.gradcheck(fixed, (images,))
