"""A scan leaves everything of the caller's as it found it, on errors too."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from radiotracer import write_scan
from radiotracer.data.modalities.images import to_inputs
from radiotracer.detectors import DETECTORS
from radiotracer.errors import InputError
from radiotracer.gradients import cross_entropy
from radiotracer.influence.steady import PASSED
from radiotracer.scanning import scan
from tiny_world import World


def snapshot(model: nn.Module) -> dict[str, Any]:
    return {
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "storage": {name: value.data_ptr() for name, value in model.state_dict().items()},
        "strides": {name: value.stride() for name, value in model.state_dict().items()},
        "modes": [module.training for module in model.modules()],
        "requires_grad": [each.requires_grad for each in model.parameters()],
        "grads": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for m in model.modules()
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),  # noqa: NPY002
        "python": random.getstate(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "filters": list(warnings.filters),
        "errors": np.geterr(),
    }


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, np.ndarray):
        assert np.array_equal(one, other), where
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for row, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}/{row}")
    else:
        assert one == other, where


@pytest.fixture
def lived_in(tiny: World) -> nn.Module:
    """A network as callers have them: part in training, part frozen, with gradients and a hook."""
    model = copy.deepcopy(tiny.model).train()
    model.head.eval()  # type: ignore[union-attr]
    parameters = list(model.parameters())
    parameters[0].requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    model.register_forward_hook(lambda *_: None)
    return model


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    before = snapshot(model)
    try:
        yield
    finally:
        assert_equal(snapshot(model), before)


def dataset(world: World, part: str) -> TensorDataset:
    examples = getattr(world, part)
    return TensorDataset(to_inputs(examples.content), torch.from_numpy(examples.labels))


def pair(world: World, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    examples = getattr(world, part)
    return to_inputs(examples.content), torch.from_numpy(examples.labels)


@pytest.mark.parametrize("grad", [True, False])
def test_all_detectors(tiny: World, lived_in: nn.Module, grad: bool, tmp_path: Any) -> None:
    with torch.set_grad_enabled(grad), untouched(lived_in):
        found = scan(lived_in, tiny.run, tiny.tampered, tiny.queries, detectors=tuple(DETECTORS))
        write_scan(found, tmp_path / "out", command="a test")


def test_the_callers_weights_and_modes_play_no_part(tiny: World, lived_in: nn.Module) -> None:
    with torch.no_grad():
        for each in lived_in.parameters():
            each.zero_()
    one, other = (scan(m, tiny.run, tiny.tampered, tiny.queries) for m in (tiny.model, lived_in))
    for name, ranking in one.rankings.items():
        np.testing.assert_array_equal(other.rankings[name].scores, ranking.scores)


@pytest.mark.parametrize("form", [dataset, pair])
def test_queries_of_other_forms(
    form: Callable[[World, str], Any], tiny: World, lived_in: nn.Module, tmp_path: Any
) -> None:
    queries = form(tiny, "queries")
    with untouched(lived_in):
        found = scan(lived_in, tiny.run, tiny.tampered, queries)
        write_scan(found, tmp_path / "out", command="a test")
    expected = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    for name, ranking in expected.rankings.items():
        np.testing.assert_allclose(
            found.rankings[name].scores, ranking.scores, rtol=1e-4, atol=1e-6
        )


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_error_in_the_middle(tiny: World, lived_in: nn.Module, after: int) -> None:
    calls = 0

    def fail(what: str, done: int, of: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Stop

    with untouched(lived_in), pytest.raises(Stop):
        scan(lived_in, tiny.run, tiny.tampered, tiny.queries, progress=fail)


def test_an_error_in_the_loss(tiny: World, lived_in: nn.Module) -> None:
    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if len(outputs) > PASSED:  # not yet when a few examples are looked at
            raise Stop
        return cross_entropy(outputs, targets)

    with untouched(lived_in), pytest.raises(Stop):
        scan(lived_in, tiny.run, tiny.tampered, tiny.queries, loss=loss)


def test_a_refused_scan(tiny: World, lived_in: nn.Module) -> None:
    with untouched(lived_in), pytest.raises(InputError):
        scan(lived_in, tiny.run, tiny.tampered.take([0]), tiny.queries)
    with untouched(lived_in), pytest.raises(InputError):
        scan(lived_in, tiny.run, tiny.tampered, tiny.queries, layers=["nothing*"])


def test_the_data_stay_as_they_were(tiny: World) -> None:
    before = tiny.tampered.content.copy(), tiny.tampered.labels.copy(), tiny.queries.content.copy()
    scan(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    np.testing.assert_array_equal(tiny.tampered.content, before[0])
    np.testing.assert_array_equal(tiny.tampered.labels, before[1])
    np.testing.assert_array_equal(tiny.queries.content, before[2])
