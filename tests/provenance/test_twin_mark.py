"""Twins: within the radius, the coin's one published, wrong for networks, right for the record."""

from __future__ import annotations

import copy
import math
import random
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from marked_world import KEY, examples, network, trained
from radiotracer.data import IMAGES, Dataset, Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs._twins.marking import _most_worth, lay_twins, published
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.pixels import as_bytes, distortion, rounded
from radiotracer.provenance.preferences import log_odds, preference
from radiotracer.scale import FolderLedger

CONFIG = TwinConfig(radius=6, steps=5, batch_size=32)


def log_likely(net: nn.Module, images: Images) -> np.ndarray:
    """Log-probabilities, all in float64."""
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2) / 255)
    with torch.no_grad():
        return torch.log_softmax(copy.deepcopy(net).double()(inputs), dim=1).numpy()


def by_the_book(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """log p - log(1 - p) with a hundred digits."""
    found = []
    with localcontext() as context:
        context.prec = 100
        for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
            rest = sum(Decimal(x).exp() for i, x in enumerate(row) if i != label)
            found.append(float(Decimal(row[label]) - Decimal(rest).ln()))
    return found


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), radius=st.sampled_from([1, 2, 6, 40, 255]))
def test_both_twins_stay_within_the_radius(seed: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    data = examples(5)
    images = rng.choice(np.array([0, 1, 7, 128, 254, 255], np.uint8), data.content.shape)
    data = Dataset(IMAGES, images, data.labels, data.ids, data.class_names, "memory")
    # From ten steps on, only the bound holds them back.
    config = TwinConfig(radius=radius, steps=(1, 12, 16)[seed % 3])
    laid = lay_twins(data, [network(seed % 7)], config)
    twins = laid.arrays["twins"]
    planted = published(laid, data, KEY)
    assert twins.dtype == np.uint8 and twins.shape == (5, 2, 6, 6, 1)
    assert np.abs(twins.astype(int) - images[:, None]).max() <= radius
    np.testing.assert_array_equal(
        planted.columns["max_difference"],
        np.abs(planted.content.astype(int) - images).max(axis=(1, 2, 3)),
    )


@pytest.mark.parametrize("limit", [34.0, 41.5, 60.0])
def test_no_twin_below_the_limit(limit: float) -> None:
    data, models = examples(20), [network(1)]
    free = lay_twins(data, models, CONFIG).arrays["twins"].astype(int)
    kept = lay_twins(data, models, CONFIG.model_copy(update={"psnr": limit}))
    twins, images = kept.arrays["twins"].astype(int), data.content[:, None].astype(int)
    psnr = -10 * np.log10(np.square((twins - images) / 255).mean(axis=(2, 3, 4)) + 1e-12)
    assert psnr.min() >= limit
    # A change is the whole one or none, and one more would be too many.
    changed = twins != images
    np.testing.assert_array_equal(twins[changed], free[changed])
    assert (changed.sum(axis=(2, 3, 4)) <= (free != images).sum(axis=(2, 3, 4))).all()
    if limit == 41.5:  # below it are all, and one change is a large part of the others
        assert psnr.mean() < limit + 1


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31), psnr=st.floats(20, 60))
def test_the_changes_of_most_worth_are_kept(seed: int, psnr: float) -> None:
    rng = np.random.default_rng(seed)
    change = torch.from_numpy(rng.integers(-9, 10, (3, 1, 4, 4)).astype(np.float32))
    gain = torch.from_numpy(rng.normal(size=(3, 1, 4, 4)).astype(np.float32))
    mask = _most_worth(change, gain, psnr)
    for i in range(3):
        left, wanted = 16 * 255.0**2 / 10 ** (psnr / 10), set()
        for pixel in gain[i].flatten().argsort(descending=True).tolist():
            left -= float(change[i].flatten()[pixel]) ** 2
            if left < 0:
                break
            wanted.add(pixel)
        assert set(mask[i].flatten().nonzero().flatten().tolist()) == wanted


def test_the_coin_decides_which_is_published() -> None:
    data = examples()
    for key in (KEY, Key(bytes(32))):
        laid = lay_twins(data, [network()], CONFIG)
        planted = published(laid, data, key)
        coins = published_twins(key, data.ids.tolist())
        assert 0 < coins.sum() < len(coins)
        np.testing.assert_array_equal(planted.columns["twin"], coins)
        for image, pair, coin in zip(planted.content, laid.arrays["twins"], coins, strict=True):
            np.testing.assert_array_equal(image, pair[coin])
            assert (pair[0] != pair[1]).any()


def test_the_reference_is_what_the_networks_prefer() -> None:
    data, nets = examples(), [network(1), network(2), network(3)]
    laid = lay_twins(data, nets, CONFIG)
    twins = laid.arrays["twins"]
    first, second = (
        np.mean([log_likely(net, twins[:, which]) for net in nets], axis=0) for which in (0, 1)
    )
    odds = np.subtract(by_the_book(first, data.labels), by_the_book(second, data.labels))
    assert np.abs(odds).max() > 0.005
    np.testing.assert_allclose(laid.arrays["reference"], odds, atol=1e-6)
    assert laid.arrays["reference"].dtype == np.float64


def test_networks_get_twins_wrong() -> None:
    """The first twin is taken for the likeliest wrong class, the second for the next."""
    data = examples(200, seed=1)
    net = trained(data)
    laid = lay_twins(data, [net], TwinConfig(radius=25, steps=20))
    likely = log_likely(net, data.content)
    right = (likely.argmax(axis=1) == data.labels).mean()
    twins = [log_likely(net, laid.arrays["twins"][:, which]) for which in (0, 1)]
    wrong = likely.copy()
    wrong[np.arange(200), data.labels] = -np.inf
    targets = np.argsort(-wrong, axis=1)[:, :2]
    assert right > 0.95
    for which in (0, 1):
        assert (twins[which].argmax(axis=1) == data.labels).mean() < right - 0.3
        aimed = twins[which][np.arange(200), targets[:, which]]
        assert (aimed > twins[1 - which][np.arange(200), targets[:, which]]).all()


def test_all_networks_have_a_say() -> None:
    data, nets = examples(), [network(1), network(2)]
    both, one = (lay_twins(data, each, CONFIG) for each in (nets, nets[:1]))
    assert (both.arrays["twins"] != one.arrays["twins"]).any()


def test_the_caller_notices_nothing() -> None:
    data, net = examples(), network().train()
    net.insert(2, nn.Dropout())  # type: ignore[operator]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    with torch.inference_mode():
        lay_twins(data, [net], CONFIG)
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
    whole = lay_twins(examples(), [network()], CONFIG, progress=lambda *t: told.append(t))
    assert told == [("marking", 32, 60), ("marking", 60, 60)]

    def stop(_: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    kept = Kept(FolderLedger(tmp_path / "kept"))
    with pytest.raises(KeyboardInterrupt):
        lay_twins(examples(), [network()], CONFIG, kept=kept, progress=stop)
    rest = lay_twins(examples(), [network()], CONFIG, kept=kept)
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(rest.arrays[name], array)


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
        ([network(classes=2)], InputError, "the same classes, at least 4; got 2"),
        ([network(classes=3)], InputError, "at least 4; got 3"),
        ([network(), network(classes=5)], InputError, "got 4 and 5"),
        ([nn.Sequential(nn.Flatten(), nn.Linear(9, 4))], InputError, r"images of shape \(6, 6, 1"),
        ([filled(math.nan)], NotFiniteError, "finite outputs of the marking networks"),
        ([Rooted()], NotFiniteError, "finite gradients of the marking networks"),
    ],
)
def test_networks_that_will_not_do(models: list[nn.Module], error: type, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        lay_twins(examples(), models, CONFIG)
    assert "\n" not in str(caught.value)


def test_two_classes_are_too_few() -> None:
    """There is no second wrong class."""
    data = examples().with_labels(np.zeros(60, np.int64))
    with pytest.raises(InputError, match="at least 3; got 2"):
        lay_twins(data, [network(classes=2)], CONFIG)


@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 700), columns=st.integers(2, 6))
def test_log_odds(seed: int, scale: float, columns: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4, columns)) * scale
    scores = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    labels = rng.integers(0, columns, 4)
    kept = scores.copy()
    np.testing.assert_allclose(log_odds(scores, labels), by_the_book(scores, labels), rtol=1e-9)
    np.testing.assert_array_equal(scores, kept)


def test_log_odds_of_what_is_certain() -> None:
    """Where 1 - p is 0 in float64, differences are still seen."""
    scores = np.array([[0.0, -700.0, -701.0], [-700.0, 0.0, -800.0], [-1e5, -1e5, 0.0]])
    labels = np.array([0, 0, 1])
    found = log_odds(scores, labels)
    np.testing.assert_allclose(found, by_the_book(scores, labels), rtol=1e-12)
    assert found[0] == pytest.approx(700 - np.log1p(np.exp(-1)))
    more = preference(scores - np.array([0, 1, 1]), scores, labels)
    np.testing.assert_allclose(more, [1, 1, 0], atol=1e-9)
    assert not preference(scores, scores, labels).any()


def test_pixels() -> None:
    levels = torch.tensor([0.4, 0.6, 254.5, 255.0, 3.0, 3.2], dtype=torch.float32)
    levels = levels.view(1, 3, 1, 2).requires_grad_()
    shown = rounded(levels)
    assert torch.equal(shown, levels.detach().round())
    (gradient,) = torch.autograd.grad((shown * torch.arange(6.0).view(1, 3, 1, 2)).sum(), levels)
    assert torch.equal(gradient.flatten(), torch.arange(6.0))
    image = as_bytes(levels)
    assert image.dtype == np.uint8 and image.shape == (1, 1, 2, 3)
    assert torch.equal(to_inputs(image) * 255, levels.detach().round())
    moved = image.copy()
    moved[0, 0, 0, 0] += 6
    psnr, most = distortion(np.concatenate([image, image]), np.concatenate([moved, image]))
    np.testing.assert_allclose(psnr, [10 * np.log10(255**2 / 6), np.inf])
    assert most.tolist() == [6, 0]
