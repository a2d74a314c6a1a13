"""Every recipe from the command line, on a small data set and a small trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiotracer.data import open_data
from radiotracer.recipes import RECIPES, Attack, Manifest
from tiny_world import World

AIMED = ["--run", "{run}", "--target", "{npz}:test#0", "--base-class", "mid", "--count", "6"]
OPTIONS: dict[str, list[str]] = {
    "random-flip": ["--share", "0.1"],
    "targeted-flip": ["--share", "0.5", "--from-class", "low", "--to-class", "mid"],
    "nearest-flip": ["--share", "0.1", "--run", "{run}"],
    "confusion-flip": ["--share", "0.1", "--run", "{run}"],
    "feature-collision": AIMED,
    "bullseye-polytope": [*AIMED, "--epsilon", "0.5"],
    "gradient-matching": [*AIMED, "--epsilon", "0.5"],
    "patch-backdoor": ["--share", "0.1", "--to-class", "mid"],
    "clean-label-backdoor": ["--share", "0.1", "--to-class", "mid", "--run", "{run}"],
}


def filled(arguments: list[str], tiny: World, archive: Path) -> list[str]:
    return [each.format(run=tiny.folder, npz=archive) for each in arguments]


def test_every_recipe_is_here() -> None:
    assert tuple(OPTIONS) == RECIPES


@pytest.mark.parametrize("recipe", OPTIONS)
def test_a_recipe(cli: Any, tiny: World, archive: Path, recipe: str) -> None:
    options = filled(OPTIONS[recipe], tiny, archive)
    done = cli("tamper", archive, "--recipe", recipe, *options, "--out", "data", "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    before, after = open_data(str(archive)), open_data("data")
    manifest = Manifest.read(Path("data"), after)
    assert manifest is not None and manifest.recipe == recipe
    assert told["tampered"] == manifest.is_tampered.sum() > 0
    np.testing.assert_array_equal(manifest.original_labels, before.labels)
    changed = (after.content != before.content).any(axis=(1, 2, 3)) | (
        after.labels != before.labels
    )
    np.testing.assert_array_equal(changed, manifest.is_tampered)
    attack = Attack.read(Path("data"))
    assert (attack is None) == recipe.endswith("-flip")
    if "--count" in options:
        assert told["tried"] == 6
        assert (after.labels == before.labels).all()


@pytest.mark.parametrize(
    ("layers", "next_step"), [([], "--out"), (["--layers", "head.*"], "--start {run} --head-only")]
)
def test_gradient_matching_for_a_head(
    cli: Any, tiny: World, archive: Path, layers: list[str], next_step: str
) -> None:
    options = filled([*OPTIONS["gradient-matching"], *layers], tiny, archive)
    done = cli("tamper", archive, "--recipe", "gradient-matching", *options, "--out", "data")
    assert done.status == 0, done.err
    last = " ".join(done.out.replace("\n", " ").split()).split("next: ")[1]
    assert last.startswith(f"radiotracer train data {next_step.format(run=tiny.folder)}")
    assert open_data("data").ids.tolist() == open_data(str(archive)).ids.tolist()


@pytest.mark.parametrize(
    ("name", "recipe", "options"),
    [
        ("poison without options", "feature-collision", []),
        ("flip with a target", "random-flip", ["--share", "0.1", "--target", "mnist:test#0"]),
        ("target without a row", "feature-collision", ["--target", "{npz}:test"]),
        ("target beyond the end", "feature-collision", ["--target", "{npz}:test#999"]),
        ("target of the base class", "feature-collision", ["--base-class", "low"]),
        ("unknown base class", "feature-collision", ["--base-class", "x"]),
        ("more poisons than images", "feature-collision", ["--count", "99"]),
        ("collision out of reach", "feature-collision", ["--epsilon", "0.01"]),
        ("epsilon of 2", "feature-collision", ["--epsilon", "2"]),
        ("poisoned layers that match nothing", "gradient-matching", ["--layers", "tail.*"]),
        ("layers of a collision", "feature-collision", ["--layers", "head.*"]),
    ],
)
def test_tampering_errors(
    fail: Any, tiny: World, archive: Path, name: str, recipe: str, options: list[str]
) -> None:
    if options and recipe in ("feature-collision", "gradient-matching"):
        given = dict(zip(AIMED[::2], AIMED[1::2], strict=True))
        given |= dict(zip(options[::2], options[1::2], strict=True))
        options = [part for pair in given.items() for part in pair]
    options = [each.replace("{run}", str(tiny.folder)) for each in options]
    fail(name, "tamper", "{npz}", "--recipe", recipe, *options, "--out", "out")
    assert not Path("out").exists()
