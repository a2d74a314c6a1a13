"""The audit by weights: exact under the null, strong on real marks, and told by its controls."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Images, Labels
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.provenance import Key
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.marking import mark_with_carriers
from radiotracer.provenance.designs._carriers.white_box import (
    WhiteBoxResult,
    against_carriers,
    against_fresh_carriers,
    audit_weights,
    contrasts,
)
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.stats import cosine_log10_p, fisher, uniformity

CLASSES, WIDE = 4, 12
FALSE_FAILURE = -6.0
"""A test of chance fails once in a million runs of a program without defects."""


def network(seed: int, *, wide: int = WIDE, classes: int = CLASSES) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(25, 20), nn.Tanh(), nn.Linear(20, wide), nn.Linear(wide, classes)
    )


def head_of(net: nn.Module) -> nn.Linear:
    assert isinstance(net, nn.Sequential) and isinstance(net[-1], nn.Linear)
    return net[-1]


def noise(count: int = 60) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, 5, 5, 1), dtype=np.uint8)


def directions(seed: int, classes: int = CLASSES, wide: int = WIDE) -> np.ndarray:
    return carriers(Key(seed.to_bytes(32)), classes, wide)


def audit(suspect: nn.Module, extractor: nn.Module, key: int, **more: Any) -> WhiteBoxResult:
    call: dict[str, Any] = {"marked_classes": [0, 2], "controls": 5, **more}
    return audit_weights(suspect, extractor, directions(key), noise(), **call)


def test_uniform_for_suspects_that_know_nothing_of_the_key() -> None:
    """Networks of other shapes, frozen ones, rows all but equal: 300 of them under 300 keys."""
    extractor = network(1)
    found = []
    for i in range(300):
        suspect = network(2 + i, wide=(5, WIDE, 17)[i % 3])
        if i % 4 == 0:
            suspect = copy.deepcopy(extractor)
            with torch.no_grad():
                head_of(suspect).weight += torch.randn(CLASSES, WIDE)
        if i % 5 == 0:
            with torch.no_grad():
                head_of(suspect).weight += 100 * torch.randn(1, head_of(suspect).in_features)
        result = audit(suspect, extractor, i, controls=1)
        assert result.unmarked is not None
        found.append((result.log10_p, result.unmarked.combined))
    for p in np.array(found).T:
        assert uniformity(p).distance_log10_p > FALSE_FAILURE


def test_one_carrier_for_all_would_accuse_too_easily() -> None:
    """The check above sees it where the null is wrong: rows alike, and one shared carrier."""
    rng = np.random.default_rng(0)
    alike = np.ones((CLASSES, WIDE)) + 0.1 * rng.standard_normal((CLASSES, WIDE))
    p = []
    for key in range(300):
        shared = np.repeat(directions(key)[:1], CLASSES, axis=0)
        p.append(against_carriers(alike, shared, range(CLASSES)).combined)
    assert uniformity(p).distance_log10_p < FALSE_FAILURE


def test_what_was_planted_is_measured() -> None:
    extractor, u = network(3), directions(3)
    suspect = copy.deepcopy(extractor)
    planted = np.random.default_rng(1).standard_normal((CLASSES, WIDE))
    planted[[0, 2]] += 9 * u[[0, 2]]
    with torch.no_grad():
        head_of(suspect).weight.copy_(torch.from_numpy(planted))
    reference = head_of(extractor).weight.detach().double().numpy()
    rows, refs = (each - each.mean(axis=0) for each in (planted, reference))
    rows = rows - (rows * refs).sum() / (refs * refs).sum() * refs
    cosines = (rows * u).sum(axis=1) / np.linalg.norm(rows, axis=1)
    result = audit(suspect, extractor, 3)
    np.testing.assert_allclose(result.marked.cosines, cosines[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(
        result.marked.log10_p, cosine_log10_p(cosines[[0, 2]], WIDE), atol=1e-4
    )
    assert result.log10_p == pytest.approx(float(fisher(result.marked.log10_p)))
    assert result.log10_p < -4
    assert result.marked.classes == (0, 2) and result.marked.dimensions == WIDE
    assert result.marked.mean_cosine == pytest.approx(cosines[[0, 2]].mean(), abs=1e-6)
    assert result.marked.effect == pytest.approx(np.sqrt(12) * result.marked.mean_cosine)
    assert result.marked.sigma == pytest.approx(np.sqrt(24) * result.marked.mean_cosine)
    assert result.unmarked is not None and result.unmarked.classes == (1, 3)
    np.testing.assert_allclose(result.unmarked.cosines, cosines[[1, 3]], atol=1e-6)
    # The controls repeat the test of the marked classes, no other.
    fresh = against_fresh_carriers(rows[[0, 2]], 5, seed=0)
    np.testing.assert_allclose(result.control_log10_p, fresh, atol=1e-4)
    assert result.alignment.frozen and result.beyond_reference
    assert audit(suspect, extractor, 3, marked_classes=range(CLASSES)).unmarked is None


def test_another_network_is_aligned() -> None:
    """A suspect whose features are the extractor's, turned and stretched: the same answer."""
    extractor, turned = network(4), network(4)
    with torch.no_grad():
        head_of(extractor).weight.copy_(torch.randn(CLASSES, WIDE))
    frozen = copy.deepcopy(extractor)
    matrix = torch.randn(WIDE, WIDE)
    with torch.no_grad():
        head_of(frozen).weight += torch.randn(CLASSES, WIDE)
        features, head = turned[3], head_of(turned)  # type: ignore[index]
        features.bias.copy_(matrix @ features.bias + 5)
        features.weight.copy_(matrix @ features.weight)
        head.weight.copy_(head_of(frozen).weight @ torch.linalg.inv(matrix))
    one, two = audit(frozen, extractor, 4), audit(turned, extractor, 4)
    assert one.alignment.frozen and not two.alignment.frozen
    assert two.alignment.residual < 1e-3
    np.testing.assert_allclose(two.marked.cosines, one.marked.cosines, atol=5e-3)


def test_the_extractor_itself_is_no_rounding_error() -> None:
    """Its own rows less its own rows would be nothing, or noise: they are tested as they are."""
    extractor = network(5)
    result = audit(copy.deepcopy(extractor), extractor, 5)
    rows = head_of(extractor).weight.detach().double().numpy()
    plain = against_carriers(rows - rows.mean(axis=0), directions(5), (0, 2))
    assert not result.beyond_reference
    np.testing.assert_allclose(result.marked.cosines, plain.cosines)


def test_an_extractor_of_other_classes_is_no_reference() -> None:
    rows, other = np.random.default_rng(2).standard_normal((2, CLASSES, WIDE))
    left, used = contrasts(rows, other[:3])
    assert not used
    np.testing.assert_allclose(left, rows - rows.mean(axis=0))
    assert not contrasts(rows, np.zeros((CLASSES, WIDE)))[0].sum() > 1e-9


@given(
    seed=st.integers(0, 2**31), by=st.floats(0.01, 100), much=st.floats(-3, 3), gain=st.floats(1, 9)
)
def test_contrasts_leave_out_what_says_nothing(
    seed: int, by: float, much: float, gain: float
) -> None:
    """Common vectors, the scale, and any multiple of the reference."""
    rng = np.random.default_rng(seed)
    rows, reference = rng.standard_normal((2, CLASSES, WIDE))
    plain, used = contrasts(rows, reference)
    other, _ = contrasts(by * (rows + much * reference + 7), gain * reference - 2)
    assert used
    np.testing.assert_allclose(other, by * plain, atol=1e-9 * by)
    assert abs(np.vdot(plain, reference - reference.mean(axis=0))) < 1e-9


def test_fresh_carriers_in_many_parts_and_by_the_plain_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.random.default_rng(3).standard_normal((3, WIDE))
    found = against_fresh_carriers(rows, 40, seed=6)
    fresh = np.random.default_rng(6).standard_normal((40, 3, WIDE))
    plain = [against_carriers(rows, each, range(3)).combined for each in fresh]
    np.testing.assert_allclose(found, plain)
    monkeypatch.setattr(
        "radiotracer.provenance.designs._carriers.white_box._AT_ONCE", 7 * rows.size
    )
    np.testing.assert_allclose(against_fresh_carriers(rows, 40, seed=6), plain)
    assert (against_fresh_carriers(rows, 40, seed=7) != found).all()


def test_controls_of_any_suspect_are_uniform() -> None:
    result = audit(network(7), network(8), 0, controls=2000)
    assert len(result.control_log10_p) == result.control.count == 2000
    assert result.control.distance_log10_p > FALSE_FAILURE
    again = audit(network(7), network(8), 1, controls=2000)  # whatever the key was
    np.testing.assert_array_equal(again.control_log10_p, result.control_log10_p)


def test_the_caller_notices_nothing() -> None:
    suspect, extractor = network(9).train(), network(10).train()
    state = {name: value.clone() for name, value in suspect.state_dict().items()}
    before = random.getstate(), torch.get_rng_state(), torch.get_num_threads()
    with torch.inference_mode():
        audit(suspect, extractor, 0)
    assert suspect.training and extractor.training
    for name, value in suspect.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
    assert before[0] == random.getstate() and torch.equal(before[1], torch.get_rng_state())
    assert before[2] == torch.get_num_threads()


class Doubled(nn.Module):
    """Logits that are not a linear layer's own output: nobody finds the head, but it has a name."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * self.inside(inputs)


def test_a_head_by_name() -> None:
    suspect, extractor = network(11), network(12)
    with pytest.raises(InputError, match="without such a head; end"):
        audit(Doubled(suspect), extractor, 0)
    with pytest.raises(InputError, match=r"without such a head named inside\.2; end"):
        audit(Doubled(suspect), extractor, 0, head="inside.2")
    named = audit(Doubled(suspect), extractor, 0, head="inside.4")
    np.testing.assert_array_equal(named.marked.cosines, audit(suspect, extractor, 0).marked.cosines)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"suspect": network(0, classes=5)}, DataError, "each of the suspect's 5 classes"),
        ({"extractor": network(0, wide=9)}, DataError, "with 12 features, .*; got one with 9"),
        ({"images": noise(13)}, DataError, "more than 13 images"),
        ({"marked_classes": []}, DataError, "from 0 to 3, at least one"),
        ({"marked_classes": [1, 1]}, DataError, "different marked classes"),
        ({"marked_classes": [4]}, DataError, r"got \[4\]"),
        ({"controls": 0}, InputError, "at least 1 control"),
        ({"seed": -1}, InputError, "a seed of at least 0"),
        ({"suspect": nn.Sequential(nn.Flatten(), nn.Linear(9, 4))}, InputError, "takes images"),
    ],
)
def test_what_cannot_be_audited(change: dict[str, Any], error: type, text: str) -> None:
    call = {
        "suspect": network(1),
        "extractor": network(2),
        "carriers": directions(0),
        "images": noise(),
        "marked_classes": [0],
    }
    with pytest.raises(error, match=text) as caught:
        audit_weights(**{**call, **change})
    assert "\n" not in str(caught.value)


def test_weights_that_say_nothing() -> None:
    suspect = network(13)
    with torch.no_grad():
        head_of(suspect).weight.fill_(0.5)
    with pytest.raises(DataError, match="tell the classes apart"):
        audit(suspect, network(14), 0)
    with torch.no_grad():
        head_of(suspect).weight[0, 0] = torch.nan
    with pytest.raises(NotFiniteError, match="finite classifier weights"):
        audit(suspect, network(14), 0)


def digits() -> tuple[Images, Labels]:
    bunch = load_digits()
    images = (bunch.images * 15).astype(np.uint8)[..., np.newaxis]
    order = np.random.default_rng(100).permutation(len(images))
    return images[order], bunch.target.astype(np.int64)[order]


def fit(net: nn.Module, parameters: Any, images: Images, labels: Labels) -> None:
    inputs, targets = torch.from_numpy(images / 255).float(), torch.from_numpy(labels)
    adam = torch.optim.Adam(parameters, lr=0.01)
    for _ in range(150):
        adam.zero_grad()
        F.cross_entropy(net(inputs), targets).backward()
        adam.step()


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """An extractor that knows real digits."""
    images, labels = digits()
    torch.manual_seed(100)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    fit(net, net.parameters(), images[:1200], labels[:1200])
    return net


@pytest.mark.parametrize("key", [100, 101])
def test_a_head_trained_on_marked_digits_is_found_out(trained: nn.Module, key: int) -> None:
    images, labels = digits()
    u = directions(key, classes=10, wide=64)
    # Images of 8 x 8 pixels have little room, so every one is marked, and strongly.
    config = CarrierConfig(radius=32, rate=6.0, lambda_image=0.0)
    marked = mark_with_carriers(images[:1200], labels[:1200], u, trained, config, seed=0)
    log10_p = []
    for shown in (images[:1200], marked.images):
        suspect = copy.deepcopy(trained)
        suspect.requires_grad_(False)
        torch.manual_seed(key)
        head = nn.Linear(64, 10)
        suspect[-1] = head  # type: ignore[index]
        fit(suspect, head.parameters(), shown, labels[:1200])
        result = audit_weights(suspect, trained, u, images[1200:], range(10))
        assert result.alignment.frozen and result.beyond_reference
        log10_p.append(result.log10_p)
    innocent, guilty = log10_p
    assert guilty < -6 and innocent > -3
