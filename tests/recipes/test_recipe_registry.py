"""Recipes by name: what each declares is what its function takes, and others may add theirs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from recipe_helpers import Digits
from test_text_triggers import LETTERS

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.recipes import RECIPES, Crafted, Manifest, Option, Recipe, tampered
from radiotracer.registry import Registry

QUICK: dict[str, dict[str, Any]] = {
    "bullseye-polytope": {"count": 2, "steps": 1, "tolerance": 99.0},
    "clean-label-backdoor": {"share": 0.1, "to_class": 1, "steps": 1},
    "clean-label-phrase": {"share": 0.1, "to_class": 1, "phrase": "violet"},
    "confusion-flip": {"share": 0.1},
    "feature-collision": {"count": 2, "steps": 1, "tolerance": 99.0},
    "gradient-matching": {"count": 2, "steps": 1, "restarts": 1, "least_cosine": -1.0},
    "nearest-flip": {"share": 0.1},
    "patch-backdoor": {"share": 0.1, "to_class": 1},
    "phrase-backdoor": {"share": 0.1, "to_class": 1, "phrase": "violet"},
    "random-flip": {"share": 0.1},
    "targeted-flip": {"share": 0.5, "from_class": 0, "to_class": 1},
}


def test_every_recipe_is_here() -> None:
    assert list(RECIPES) == list(QUICK)
    assert not RECIPES.failures


@pytest.mark.parametrize("name", QUICK)
def test_a_recipe_by_its_name(name: str, digits: Digits) -> None:
    recipe, options = RECIPES[name], dict(QUICK[name])
    data = digits.train if recipe.modalities != {"texts"} else LETTERS
    needed = {each.argument for each in recipe.needed}
    if "model" in needed:
        options["model"] = digits.model
    if "target" in needed:
        target = digits.test.take(digits.test.labels == 3).take([0])
        options |= {"target": target, "base_class": 8}
    assert needed <= options.keys()
    made = recipe.function(data, seed=0, **options)
    manifest = made.manifest if isinstance(made, Crafted) else made[1]
    assert manifest.recipe == name and manifest.is_tampered.any()
    if recipe.attack is not None:
        attack = recipe.attack(data, **options)
        assert attack.kind == "trigger" and set(attack.intended.tolist()) == {1}


def test_options_are_what_the_functions_take() -> None:
    meant: dict[str, Option] = {}
    for recipe in RECIPES.values():
        parameters = inspect.signature(recipe.function).parameters
        assert {each.argument for each in recipe.options} <= set(parameters), recipe.name
        assert "seed" in parameters
        for option in recipe.options:
            assert meant.setdefault(option.name, option) == option


def test_names_and_options_come_without_what_computes() -> None:
    text = (
        "import sys; from radiotracer.recipes import RECIPES; names = list(RECIPES); "
        "assert not {'torch', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules); print(len(names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=60
    )
    assert int(done.stdout) == len(QUICK)


def test_a_recipe_for_another_kind_of_example_refuses(digits: Digits) -> None:
    refused = "expected images for patch-backdoor; got texts from a test"
    with pytest.raises(DataError, match=refused):
        RECIPES["patch-backdoor"].require_modality(LETTERS)
    with pytest.raises(DataError, match=refused):
        RECIPES["patch-backdoor"].function(LETTERS, seed=0, share=0.1, to_class=1)
    with pytest.raises(DataError, match="expected texts for phrase-backdoor; got images"):
        RECIPES["phrase-backdoor"].function(
            digits.train, seed=0, share=0.1, to_class=1, phrase="violet"
        )
    RECIPES["random-flip"].require_modality(LETTERS)


@pytest.mark.parametrize(
    ("given", "came"),
    [
        ({}, "no share="),
        ({"share": 0.1, "count": 3}, "count="),
        ({"count": 3}, "no share=, count="),
    ],
)
def test_what_does_not_fit(given: dict[str, Any], came: str) -> None:
    with pytest.raises(InputError) as caught:
        RECIPES["random-flip"].require_fitting(given)
    assert str(caught.value) == (
        f"expected random-flip with share=; got {came}; add what is missing and remove the rest"
    )


def test_values_are_checked_before_anything_is_opened() -> None:
    for given in ({"share": 1.0}, {"share": float("nan")}):
        with pytest.raises(InputError, match=r"share= in \(0, 1\)"):
            RECIPES["random-flip"].require_fitting(given)
    aimed = {"run": "run", "target": "x#0", "base_class": "a", "count": 0}
    with pytest.raises(InputError, match="count= of at least 1; got 0"):
        RECIPES["feature-collision"].require_fitting(aimed)


def swap(data: Dataset, *, pairs: int, seed: int) -> tuple[Dataset, Manifest]:
    """A toy: the first examples get the labels of the next class."""
    rows = np.arange(pairs)
    return tampered(data, rows, "toy-swap", labels=(data.labels[rows] + 1) % len(data.class_names))


TOY = Recipe("toy-swap", swap, (Option("pairs", int, "How many to change."),))


@pytest.fixture
def toy() -> Iterator[Recipe]:
    yield RECIPES.register(TOY)
    RECIPES.unregister(TOY.name)


def test_a_recipe_of_ones_own(toy: Recipe, digits: Digits) -> None:
    assert RECIPES["toy-swap"] is toy and [each.name for each in toy.needed] == ["pairs"]
    _, manifest = toy.function(digits.train, pairs=3, seed=0)
    assert manifest.is_tampered.sum() == 3


def test_two_recipes_of_one_name() -> None:
    RECIPES["random-flip"]
    with pytest.raises(InputError, match=r"one recipe called 'random-flip'; got two"):
        RECIPES.register(Recipe("random-flip", swap))


def test_entry_points_and_broken_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        EntryPoint("toy-swap", "test_recipe_registry:TOY", "radiotracer.recipes"),
        EntryPoint("lost", "no_such_module:RECIPE", "radiotracer.recipes"),
        EntryPoint("random-flip", "test_recipe_registry:TOY", "radiotracer.recipes"),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
    recipes: Registry[Recipe] = Registry("recipe", home="radiotracer.recipes", group="x")
    recipes.register(RECIPES["random-flip"])
    assert recipes["toy-swap"] is TOY
    assert set(recipes.failures) == {"lost", "random-flip"}  # the second one of that name
    assert recipes["random-flip"] is RECIPES["random-flip"]
    with pytest.raises(InputError, match="no_such_module"):
        recipes["lost"]
