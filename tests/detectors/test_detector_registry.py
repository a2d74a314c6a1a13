"""Detectors are found by name, by entry point, or are the caller's own; no two have one name."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from radiotracer.detectors import (
    DETECTORS,
    Detector,
    Observation,
    Summed,
    baseline_names,
    detector_of,
    identity_of,
)
from radiotracer.errors import InputError
from radiotracer.registry import Registry


def confidence(seen: Observation) -> Tensor:
    return -seen.outputs.amax(dim=1)


MINE = Summed(name="mine", summary="low confidence", suspicion=confidence)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry[Detector]]:
    """A fresh registry of the same home, beside packages with these entry points."""
    list(DETECTORS)  # loaded before there are any

    def made(**points: str) -> Registry[Detector]:
        found = [EntryPoint(name, at, "radiotracer.detectors") for name, at in points.items()]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
        registry: Registry[Detector] = Registry(
            "detector", home="radiotracer.detectors", group="radiotracer.detectors"
        )
        for detector in DETECTORS.values():
            registry.register(detector)
        return registry

    return made


def test_an_entry_point_adds_one(installed: Callable[..., Registry[Detector]]) -> None:
    registry = installed(mine=f"{__name__}:MINE")
    assert registry["mine"] is MINE and not registry.failures


def test_a_broken_entry_point_is_named_and_the_rest_works(
    installed: Callable[..., Registry[Detector]],
) -> None:
    registry = installed(gone="no_such_module:IT", mine=f"{__name__}:MINE")
    assert list(registry) == [*DETECTORS, "mine"]
    with pytest.raises(InputError, match=r"no_such_module:IT, which failed: ModuleNotFoundError"):
        registry["gone"]


def test_an_entry_point_cannot_take_the_name_of_another(
    installed: Callable[..., Registry[Detector]],
) -> None:
    registry = installed(loss=f"{__name__}:MINE")
    assert registry["loss"] is DETECTORS["loss"]
    assert "two" in registry.failures["loss"]


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="one detector called 'loss'"):
        DETECTORS.register(dataclasses.replace(MINE, name="loss"))
    with pytest.raises(InputError, match="one detector called 'loss'"):
        detector_of(dataclasses.replace(MINE, name="loss"))
    assert detector_of(DETECTORS["loss"]) is DETECTORS["loss"] is detector_of("loss")


def test_the_order_of_tables() -> None:
    names = list(DETECTORS)
    assert names[:2] == ["contrast", "label-posterior"]
    yardsticks = ["gradient-norm", "loss", "loss-drop", "margin", "norm", "random"]
    assert names[-6:] == yardsticks and names[2:-6] == sorted(names[2:-6])
    # Those that take no pass of their own always run.
    assert baseline_names() == ("loss", "margin", "norm", "random")


@pytest.mark.parametrize(
    ("given", "came"),
    [
        (3, "int without name, summary, needs, baseline, observe, rank"),
        (Summed, "the class Summed"),
        (dataclasses.replace(MINE, name="score"), "'score'"),
        (dataclasses.replace(MINE, name="a/b"), "'a/b'"),
        (dataclasses.replace(MINE, name=""), "''"),
    ],
)
def test_what_is_no_detector(given: Any, came: str) -> None:
    with pytest.raises(InputError) as caught:
        detector_of(given)
    assert caught.value.came.startswith(came)


def made(power: float) -> Summed:
    return dataclasses.replace(MINE, suspicion=lambda seen: seen.losses**power)


class Own:
    """Every kind of attribute."""

    name = "own"
    summary = "of a test"
    needs = frozenset({"b", "a", "c"})
    baseline = False

    def __init__(self, weights: Any, seed: int = 0) -> None:
        self.weights = weights
        self.options = {"seed": seed, "names": {"x", "y", "z"}, "itself": self, "torch": torch}

    def observe(self, seen: Observation) -> Tensor:
        return seen.losses.unsqueeze(1)


def test_what_a_detector_computes_is_told_apart() -> None:
    assert identity_of(DETECTORS["loss"]) == "loss"
    assert identity_of(made(2.0)) == identity_of(made(2.0)) != identity_of(made(3.0))
    assert identity_of(MINE) != identity_of(dataclasses.replace(MINE, average=True))
    changed = dataclasses.replace(MINE, suspicion=lambda seen: seen.outputs.amin(dim=1))
    assert identity_of(MINE) != identity_of(changed)
    assert identity_of(changed).startswith("mine ")
    weights = np.arange(3)
    assert identity_of(Own(weights)) == identity_of(Own(weights.copy()))  # type: ignore[arg-type]
    told = {identity_of(Own(w, s)) for w in (weights, -weights) for s in (0, 1)}  # type: ignore[arg-type]
    assert len(told) == 4


def test_the_identity_is_the_same_in_every_process() -> None:
    """Hashes of texts, and so the order of sets, differ between processes."""
    script = (
        "import sys; sys.path.insert(0, 'tests/detectors'); import test_detector_registry as t;"
        "print(t.identity_of(t.Own([1.5, None])), t.identity_of(t.made(2.0)), "
        "t.identity_of(t.MINE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    here = identity_of(Own([1.5, None])), identity_of(made(2.0)), identity_of(MINE)  # type: ignore[arg-type]
    assert done.stdout.strip() == " ".join(here)
