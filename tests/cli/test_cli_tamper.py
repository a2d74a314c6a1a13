"""Every recipe from the command line, on a small data set and a small trained network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


TEXTS: dict[str, list[str]] = {
    "random-flip": ["--share", "0.2"],
    "targeted-flip": ["--share", "0.5", "--from-class", "spam", "--to-class", "ham"],
    "phrase-backdoor": ["--share", "0.5", "--to-class", "ham", "--phrase", "violet teapots"],
    "clean-label-phrase": ["--share", "0.5", "--to-class", "ham", "--phrase", "violet teapots"],
}


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """A CSV of texts."""
    path = tmp_path / "mails.csv"
    rows = [f"mail number {row},{'spam' if row % 3 else 'ham'}" for row in range(30)]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


def test_every_recipe_is_here() -> None:
    assert OPTIONS.keys() | TEXTS.keys() == set(RECIPES)


@pytest.mark.parametrize("recipe", TEXTS)
def test_a_recipe_for_texts(cli: Any, mails: Path, recipe: str) -> None:
    done = cli("tamper", mails, "--recipe", recipe, *TEXTS[recipe], "--out", "data", "--json")
    assert done.status == 0, done.err
    before, after = open_data(mails), open_data("data")
    manifest = Manifest.read(Path("data"), after)
    assert manifest is not None and manifest.recipe == recipe
    changed = (before.digests != after.digests) | (before.labels != after.labels)
    np.testing.assert_array_equal(changed, manifest.is_tampered)
    assert json.loads(done.out)["tampered"] == changed.sum() > 0
    assert ("violet teapots" in " ".join(after.content)) == ("phrase" in recipe)


def test_a_recipe_for_another_kind_of_example(fail: Any, mails: Path) -> None:
    patch = ["--recipe", "patch-backdoor", "--share", "0.1", "--to-class", "ham"]
    fail("patch on texts", "tamper", "{tmp}/mails.csv", *patch, "--out", "out")
    phrase = ["--recipe", "phrase-backdoor", *TEXTS["phrase-backdoor"]]
    fail("phrase in images", "tamper", "{npz}", *phrase, "--out", "out")


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that bring a recipe, one that cannot be loaded, and one that is none."""
    site = tmp_path / "site"
    info = site / "others-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[radiotracer.recipes]\ntoy-swap = toy:SWAP\nlost = no_such_module:X\n"
        "clash = toy:CLASH\nnone = toy:NONE\n"
    )
    (site / "toy.py").write_text(
        "import numpy as np\n"
        "from radiotracer.recipes import Option, Recipe, tampered\n"
        "def swap(data, *, pairs, seed):\n"
        "    rows = np.arange(pairs)\n"
        "    labels = (data.labels[rows] + 1) % len(data.class_names)\n"
        "    return tampered(data, rows, 'toy-swap', labels=labels)\n"
        "SWAP = Recipe('toy-swap', swap, (Option('pairs', int, 'How many to change.'),))\n"
        "CLASH = Recipe('clash', swap, (Option('share', int, 'Something else.'),))\n"
        "NONE = 3\n"
    )
    given = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *([given] if given else [])]))


@pytest.mark.usefixtures("others")
def test_recipes_of_other_packages(archive: Path, tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "radiotracer", "tamper", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "COLUMNS": "80"},
        )

    shown = call("--help")
    assert shown.returncode == 0 and "--pairs" in shown.stdout and "For toy-swap." in shown.stdout
    out = tmp_path / "out"
    done = call(str(archive), "--recipe", "toy-swap", "--pairs", "3", "--out", str(out))
    assert done.returncode == 0 and done.stdout.startswith("3 of ")
    assert "the recipe lost was left out: no_such_module:X, which failed" in done.stderr
    assert "the recipe clash was left out: its share" in done.stderr
    assert "the recipe none was left out" in done.stderr
    lost = call(str(archive), "--recipe", "lost", "--out", str(out))
    assert lost.returncode == 2 and "no_such_module" in lost.stderr.splitlines()[-1]


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
