"""Attacks on one target that cannot be: one line each says why."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from recipe_helpers import BASE, LABEL, Digits, craft, every_attack
from torch import nn

from radiotracer.errors import InputError


def headless(digits: Digits) -> nn.Module:
    return nn.Sequential(copy.deepcopy(digits.model), nn.Softmax(dim=1))


@pytest.mark.parametrize("name", ["feature-collision", "bullseye-polytope"])
def test_a_network_without_a_head(name: str, digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        craft(name, digits, model=headless(digits))
    assert str(caught.value) == (
        "expected a network whose output is that of a linear layer; got one without such a head; "
        "end the network with torch.nn.Linear"
    )


def test_gradient_matching_needs_no_head(digits: Digits) -> None:
    model = headless(digits)
    made = craft("gradient-matching", digits, model=model, count=2, least_cosine=-1.0)
    assert made.reached == 2


@every_attack
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"base_class": 10},
            "expected base_class= from 0 to 9; got 10; choose a class of the data",
        ),
        ({"seed": -1}, "expected seed= of at least 0; got -1; pass, say, seed=0"),
        ({"steps": 0}, "expected steps= from 1 to inf; got 0; change it"),
        ({"epsilon": 0.001}, "expected epsilon= from 0.00392 to 1; got 0.001; change it"),
        (
            {"base_class": LABEL},
            "expected a target of another class than the base class; got '3' for both; "
            "choose another target or another base class",
        ),
        (
            {"count": 0},
            "expected count= from 1 to 119, the examples of '8'; got 0; "
            "change count= or base_class=",
        ),
        (
            {"count": 120},
            "expected count= from 1 to 119, the examples of '8'; got 120; "
            "change count= or base_class=",
        ),
    ],
)
def test_unusable_settings(name: str, options: dict[str, Any], text: str, digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        craft(name, digits, **options)
    assert str(caught.value) == text


@every_attack
def test_unusable_targets_and_networks(name: str, digits: Digits) -> None:
    def error(target: np.ndarray, label: int, model: nn.Module = digits.model) -> str:
        with pytest.raises(InputError) as caught:
            craft(name, digits, target, label=label, model=model)
        return str(caught.value)

    target = digits.target(LABEL)
    assert error(target[:7], LABEL) == (
        "expected target= of one image of shape (8, 8, 1); got 1 of shape (7, 8, 1); "
        "choose an image like the examples"
    )
    # An eight that the caller calls a three.
    assert error(digits.target(BASE), LABEL) == (
        "expected a target that the network does not take for the base class yet; "
        "got one that it takes for '8'; choose another target or another base class"
    )
    assert error(target, LABEL, nn.Sequential(nn.Flatten(), nn.Linear(64, 4))) == (
        "expected a network with one output for each of 10 classes; "
        "got outputs of shape (1, 4) for one image; pass the network that these data were made for"
    )
    misfit = error(target, LABEL, nn.Sequential(nn.Flatten(), nn.Linear(60, 10)))
    assert misfit.startswith(
        "expected a network that takes images of shape (8, 8, 1); got one that fails: mat1"
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("feature-collision", "a poison's relative feature distance"),
        ("bullseye-polytope", "the relative feature distance of the poisons' mean"),
    ],
)
def test_nothing_came_near_enough(name: str, what: str, digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        craft(name, digits, epsilon=1 / 255, steps=2, tolerance=0.05)
    assert str(caught.value).startswith(f"expected {what} within 0.05; got 0.")
    assert str(caught.value).endswith(
        " at best; allow more steps or a larger epsilon=, or choose another target or base class"
    )


def test_no_cosine_high_enough(digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        craft("gradient-matching", digits, steps=1, epsilon=1 / 255, least_cosine=1.0)
    assert str(caught.value).startswith(
        "expected a cosine between the gradients of at least 1; got "
    )


def test_gradient_matching_without_anything_to_match(digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        craft("gradient-matching", digits, model=[])
    assert str(caught.value) == "expected a network; got none; pass one or several"
    with pytest.raises(InputError) as caught:
        craft("gradient-matching", digits, layers=("tail.*",))
    assert "got 'tail.*', which matches none of features.0.weight" in str(caught.value)
