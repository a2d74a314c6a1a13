"""Which images are marked: shares, orders and oracles, and nothing of the caller's touched."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.provenance import Key, choosing
from radiotracer.provenance.choosing import (
    LEFT_OUT,
    Policy,
    choose_rows,
    counts,
    of_classes,
    require_outputs,
    require_share,
    smallest_share,
)
from radiotracer.provenance.design import Candidates
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import choose as choose_by_design

KEY = Key(bytes(range(32)))
POLICIES: tuple[Policy, ...] = ("hardest", "random", "self-influence")
SHAPE = (3, 2, 1)


def examples(seed: int = 0, n: int = 120, classes: int = 3) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(
        modality=IMAGES,
        content=rng.integers(0, 256, (n, *SHAPE), dtype=np.uint8),
        labels=rng.integers(0, classes, n),
        ids=np.array([f"id/{i}" for i in range(n)]),
        class_names=tuple("abcdefgh"[:classes]),
        source="memory",
    )


def candidates(
    data: Dataset, share: float, *, per_class: bool = True, classes: list[int] | None = None
) -> Candidates:
    every = Candidates(np.ones(len(data), dtype=np.bool_), share, per_class)
    return every if classes is None else of_classes(every, data, classes)


def choose(
    data: Dataset, share: float, policy: Policy, key: Key, *, per_class: bool = True,
    classes: list[int] | None = None, **more: Any,
) -> np.ndarray:  # fmt: skip
    require_share(share)
    some = candidates(data, share, per_class=per_class, classes=classes)
    return choose_rows(data, some, policy, key, **more)


def how_many(data: Dataset, share: float, **more: Any) -> int:
    return sum(counts(data, candidates(data, share, **more)))


def network(seed: int = 0, outputs: int = 3, scale: float = 3.0, bias: bool = True) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, outputs, bias=bias)
    )
    with torch.no_grad():
        # Centred on grey, so that every class is predicted somewhere.
        made[1].weight.mul_(5)
        made[1].bias.copy_(-made[1].weight.sum(dim=1) / 2)
        made[-1].weight.mul_(scale)
    return made.train()


def margins(models: list[nn.Module], data: Dataset) -> np.ndarray:
    """In float64, image by image."""
    rows = []
    for model in models:
        private = copy.deepcopy(model).double().eval()
        own = []
        for image, label in zip(data.content, data.labels, strict=True):
            inputs = torch.from_numpy(image / 255.0).permute(2, 0, 1)[None]
            likely = private(inputs).softmax(1)[0].detach().numpy()
            own.append(likely[label] - np.delete(likely, label).max())
        rows.append(own)
    return np.mean(rows, axis=0)


def influences(models: list[nn.Module], data: Dataset) -> np.ndarray:
    """Squared norms of the last layer's gradients, by autograd, in float64."""
    rows = []
    for model in models:
        private = copy.deepcopy(model).double().eval()
        own = []
        for image, label in zip(data.content, data.labels, strict=True):
            inputs = torch.from_numpy(image / 255.0).permute(2, 0, 1)[None]
            loss = F.cross_entropy(private(inputs), torch.tensor([label]))
            parts = torch.autograd.grad(loss, list(private[-1].parameters()))
            own.append(sum(float(part.square().sum()) for part in parts))
        rows.append(own)
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=25)
@given(share=st.floats(0.001, 0.999), seed=st.integers(0, 9))
def test_the_share_is_per_class(policy: Policy, share: float, seed: int) -> None:
    data = examples(seed, n=30)
    rows = choose(data, share, policy, KEY, models=[network(seed)])
    assert rows.dtype == np.int64 and (np.diff(rows) > 0).all()
    sizes = np.bincount(data.labels, minlength=3)
    wanted = [max(1, round(share * size)) if size else 0 for size in sizes.tolist()]
    assert np.bincount(data.labels[rows], minlength=3).tolist() == wanted
    assert how_many(data, share) == sum(wanted)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=25)
@given(share=st.floats(0.001, 0.999), seed=st.integers(0, 9))
def test_a_share_of_all_together(policy: Policy, share: float, seed: int) -> None:
    """As if all images were of one class; the margins still go by their own."""
    data, models = examples(seed, n=30), [network(seed)]
    rows = choose(data, share, policy, KEY, models=models, per_class=False, classes=[0, 2])
    some = np.flatnonzero(data.labels != 1)
    assert len(rows) == max(1, round(share * len(some)))
    assert how_many(data, share, classes=[0, 2], per_class=False) == len(rows)
    assert set(rows) <= set(some)
    more = choose(data, 0.999, policy, KEY, models=models, per_class=False, classes=[0, 2])
    assert set(rows) <= set(more) == set(some)


@pytest.mark.parametrize("policy", POLICIES)
def test_chosen_classes(policy: Policy) -> None:
    data, models = examples(), [network()]
    every = choose(data, 0.2, policy, KEY, models=models)
    some = choose(data, 0.2, policy, KEY, models=models, classes=[2, 0, 2])
    assert some.tolist() == [row for row in every if data.labels[row] != 1]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_order_of_the_examples_changes_nothing(policy: Policy) -> None:
    """Even among equal images: a third of these are copies of others."""
    data, models = examples(), [network(), network(1)]
    data.content[80:] = data.content[:40]
    data.labels[80:] = data.labels[:40]
    order = np.random.default_rng(1).permutation(len(data))
    first = choose(data, 0.3, policy, KEY, models=models)
    mixed = data.take(order)
    # One image per pass: what a product rounds to may hang on its neighbours in a batch.
    second = choose(mixed, 0.3, policy, KEY, models=models, batch_size=1)
    assert set(data.ids[first]) == set(mixed.ids[second])


def test_random_hangs_on_the_ids_and_the_key_alone() -> None:
    data, other = examples(), examples(1)
    other = Dataset(IMAGES, other.content, data.labels, data.ids, data.class_names, "memory")
    rows = choose(data, 0.2, "random", KEY)
    np.testing.assert_array_equal(choose(other, 0.2, "random", KEY), rows)
    assert set(rows) < set(choose(data, 0.4, "random", KEY))
    assert set(choose(data, 0.2, "random", Key(bytes(32)))) != set(rows)
    # A published data set fixes its choice for ever.
    few = choose(examples(n=40, classes=1), 0.1, "random", Key(bytes(32)))
    assert few.tolist() == [21, 28, 31, 35]


def test_random_is_fair() -> None:
    """Every image is as likely as another; fails by chance once in 10^6 runs."""
    data = examples(n=40, classes=1)
    keys = [Key(bytes([i, j, *range(30)])) for i in range(16) for j in range(16)]
    times = np.zeros(len(data))
    for key in keys:
        times[choose(data, 0.25, "random", key)] += 1
    spread = np.square(times - 64).sum() / (256 * 0.25 * 0.75)
    assert 10 < spread < 100


@pytest.fixture
def lowest(monkeypatch: pytest.MonkeyPatch) -> float:
    """A lowest margin that a part of the images of untrained networks does not reach."""
    monkeypatch.setattr(choosing, "LOWEST_MARGIN", -0.2)
    return -0.2


@pytest.mark.parametrize("count", [1, 2])
def test_hardest_against_a_loop(count: int, lowest: float) -> None:
    data, models = examples(2), [network(seed) for seed in range(count)]
    margin = margins(models, data)
    rows = choose(data, 0.1, "hardest", KEY, models=models, batch_size=7)
    for label in range(3):
        own = np.flatnonzero(data.labels == label)
        able = own[margin[own] > lowest]
        wanted = able[np.argsort(margin[able])][: round(0.1 * len(own))]
        assert len(able) < len(own)
        assert sorted(wanted) == rows[data.labels[rows] == label].tolist()


def test_where_too_few_can_be_learned(lowest: float) -> None:
    """Then the least hopeless ones are taken, too."""
    data, models = examples(2), [network()]
    margin = margins(models, data)
    rows = choose(data, 0.9, "hardest", KEY, models=models)
    for label in range(3):
        own = np.flatnonzero(data.labels == label)
        hopeless = own[margin[own] <= lowest]
        missing = len(own) - round(0.9 * len(own))
        assert 0 < missing < len(hopeless)
        worst = hopeless[np.argsort(margin[hopeless])][:missing]
        assert set(own) - set(rows) == set(worst)


@pytest.mark.parametrize("bias", [True, False])
def test_self_influence_against_autograd(bias: bool) -> None:
    data, models = examples(3, n=400), [network(4, bias=bias), network(5, bias=bias)]
    influence = influences(models, data)
    rows = choose(data, 0.1, "self-influence", KEY, models=models, batch_size=64)
    for label in range(3):
        own = np.flatnonzero(data.labels == label)
        tail = round(LEFT_OUT * len(own))
        assert tail > 0
        wanted = own[np.argsort(-influence[own])][tail:][: round(0.1 * len(own))]
        assert sorted(wanted) == rows[data.labels[rows] == label].tolist()


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_touched(policy: Policy) -> None:
    data, model = examples(), network()
    model[1].weight.requires_grad_(False)
    images, state = data.content.copy(), copy.deepcopy(model.state_dict())
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    before = torch.get_rng_state()
    told: list[tuple[str, int, int]] = []
    with torch.inference_mode():
        choose(
            data, 0.1, policy, KEY, models=[model], batch_size=50,
            progress=lambda *each: told.append(each),
        )  # fmt: skip
    assert torch.equal(before, torch.get_rng_state())
    assert np.random.get_state()[2] == 624  # noqa: NPY002
    assert model.training and all(module.training for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True]
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    np.testing.assert_array_equal(data.content, images)
    wanted = [("choosing", done, 120) for done in (50, 100, 120)]
    assert told == ([] if policy == "random" else wanted)


@pytest.mark.parametrize("per_class", [True, False])
@given(needed=st.integers(1, 40), seed=st.integers(0, 5))
def test_the_smallest_share(per_class: bool, needed: int, seed: int) -> None:
    data = examples(seed, n=30)
    every = candidates(data, 0.5, per_class=per_class)
    found = smallest_share(data, every, lambda marked: sum(marked) >= needed)
    if found is None:
        assert how_many(data, 0.999, per_class=per_class) < needed
        return
    assert how_many(data, found, per_class=per_class) >= needed
    # What is enough at any share is enough at the smallest.
    least = how_many(data, 1e-9, per_class=per_class)
    fewer = how_many(data, 0.98 * found, per_class=per_class)
    assert fewer < needed or needed <= least


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no share": ({"share": 0.0}, r"share= in \(0, 1\); got 0; pass"),
    "all": ({"share": 1.0}, r"got 1; pass"),
    "nan": ({"share": float("nan")}, r"got nan; pass"),
    "no network": ({"models": []}, "a network to choose with; got policy=hardest and none"),
    "unknown class": ({"classes": [0, 3]}, "classes from 0 to 2; got 3"),
    "no class": ({"classes": []}, "at least one image in the classes to mark; got none"),
    "few outputs": ({"models": [network(outputs=2)]}, r"each of 3 classes; got .*\(1, 2\)"),
    "one number": ({"models": [nn.Sequential(network(), nn.Flatten(0))]}, r"shape \(3,\)"),
    "other images": ({"models": [nn.Linear(3, 3)]}, "a network that takes images"),
    "no head": (
        {"models": [nn.Sequential(network(), nn.Tanh())], "policy": "self-influence"},
        "a network whose output is that of a linear layer",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    changed, text = BAD[name]
    given = {"share": 0.1, "policy": "hardest", "models": [network()], **changed}
    with pytest.raises(InputError, match=text):
        choose(examples(), given.pop("share"), given.pop("policy"), KEY, **given)


@pytest.mark.parametrize("policy", ["hardest", "self-influence"])
def test_networks_that_are_broken(policy: Policy) -> None:
    model = network()
    with torch.no_grad():
        model[1].weight.fill_(float("nan"))
    with pytest.raises(NotFiniteError, match="NaN or infinity for 120 images"):
        choose(examples(), 0.1, policy, KEY, models=[model])


def test_more_outputs_than_classes_do_no_harm() -> None:
    require_outputs(network(outputs=9), examples())


def test_the_design_says_how_the_share_is_taken() -> None:
    """Carriers of every class alike, coins of all together; the default for images is twins."""
    data, models = examples(), [network()]
    for design, per_class in (("carriers", True), ("twins", False), (None, False)):
        rows = choose_by_design(data, 0.2, "hardest", KEY, design=design, models=models)
        wanted = choose(data, 0.2, "hardest", KEY, models=models, per_class=per_class)
        np.testing.assert_array_equal(rows, wanted)
    some = choose_by_design(data, 0.2, "random", KEY, design=TwinConfig(), classes=[0])
    assert set(data.labels[some]) == {0}
    with pytest.raises(InputError, match="share= in"):
        choose_by_design(data, 1.5, "random", KEY)
    with pytest.raises(InputError, match="that can mark images; got canaries, which marks texts"):
        choose_by_design(data, 0.2, "random", KEY, design="canaries")
    with pytest.raises(InputError, match=r"a design \(.*\); got 'spots'"):
        choose_by_design(data, 0.2, "random", KEY, design="spots")
