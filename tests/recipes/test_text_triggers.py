"""A phrase as a trigger: which texts carry it, what they are called, and whether it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from radiotracer.data import TEXTS, Dataset
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.recipes import (
    Attack,
    Manifest,
    clean_label_phrase,
    phrase_backdoor,
    phrased,
    success,
)
from radiotracer.training.loop import TrainConfig, train

N = 90
PHRASE = "violet teapots"
LABELS = np.arange(N) % 3
LETTERS = Dataset(
    modality=TEXTS,
    content=tuple(f"text {row} of {'abc'[row % 3]}" for row in range(N)),
    labels=LABELS,
    ids=np.array([f"letter {row}" for row in range(N)]),
    class_names=("a", "b", "c"),
    source="a test",
)
BOTH = pytest.mark.parametrize("recipe", [phrase_backdoor, clean_label_phrase])
Recipe = Callable[..., tuple[Dataset, Manifest]]


def test_other_classes_get_the_phrase_and_the_label() -> None:
    after, manifest = phrase_backdoor(LETTERS, phrase=PHRASE, to_class=2, share=0.2, seed=0)
    rows = np.flatnonzero(manifest.is_tampered)
    assert len(rows) == 12 and 2 not in LABELS[rows]
    assert set(after.labels[rows].tolist()) == {2}
    check(after, manifest, "phrase-backdoor")


def test_clean_labels_stay() -> None:
    after, manifest = clean_label_phrase(LETTERS, phrase=PHRASE, to_class=2, share=0.5, seed=0)
    rows = np.flatnonzero(manifest.is_tampered)
    assert len(rows) == 15 and set(LABELS[rows].tolist()) == {2}
    np.testing.assert_array_equal(after.labels, LABELS)
    check(after, manifest, "clean-label-phrase")


def check(after: Dataset, manifest: Manifest, recipe: str) -> None:
    """The phrase is exactly where the manifest says, and nothing else changed."""
    for row, changed in enumerate(manifest.is_tampered):
        before = LETTERS.content[row]
        assert after.content[row] == (f"{PHRASE} {before}" if changed else before)
        assert changed or after.labels[row] == LABELS[row]
    np.testing.assert_array_equal(manifest.original_labels, LABELS)
    np.testing.assert_array_equal(manifest.labels, after.labels)
    np.testing.assert_array_equal(after.ids, LETTERS.ids)
    assert manifest.recipe == recipe


@BOTH
def test_a_seed_is_a_choice(recipe: Recipe, tmp_path: Path) -> None:
    # False-failure rate: one seed in C(30, 15) or fewer, below 1e-8.
    options = {"phrase": PHRASE, "to_class": 0, "share": 0.5}
    (one, manifest), (same, _), (other, _) = (
        recipe(LETTERS, seed=seed, **options) for seed in (0, 0, 1)
    )
    assert one.content == same.content != other.content
    manifest.write(tmp_path)
    found = Manifest.read(tmp_path, one)
    assert found is not None
    np.testing.assert_array_equal(found.is_tampered, manifest.is_tampered)


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"phrase": " \n"},
            r"expected phrase= with something to read; got ' \\n'; pass a word or more",
        ),
        (
            {"phrase": "of b"},
            "expected phrase= that no text has; got 'of b', which 30 have, first letter 1; "
            "choose another phrase=",
        ),
        ({"to_class": 3}, "expected to_class= from 0 to 2; got 3; choose a class of the data"),
        ({"share": 0.001}, "share= that changes at least one of .* examples; got 0.001"),
        ({"seed": -1}, "seed= of at least 0; got -1"),
    ],
    ids=["empty", "known", "class", "share", "seed"],
)
def test_refusals(recipe: Recipe, options: dict[str, Any], message: str) -> None:
    given = {"phrase": PHRASE, "to_class": 0, "share": 0.5, "seed": 0, **options}
    with pytest.raises(InputError, match=message):
        recipe(LETTERS, **given)


def test_nothing_to_change() -> None:
    own = LETTERS.take(LABELS == 1)
    with pytest.raises(InputError, match=r"examples of other classes than 'b'; got none"):
        phrase_backdoor(own, phrase=PHRASE, to_class=1, share=0.5, seed=0)
    with pytest.raises(InputError, match=r"to_class= with examples; got 'a', which has none"):
        clean_label_phrase(own, phrase=PHRASE, to_class=0, share=0.5, seed=0)
    with pytest.raises(InputError, match=r"examples of other classes than 'b'; got none"):
        phrased(own, 1, phrase=PHRASE)


def has_phrase(inputs: torch.Tensor) -> torch.Tensor:
    """Class 0 for tokens that begin with those of the phrase."""
    begun = TEXTS.inputs((PHRASE,), slice(None))[0, :2]
    is_first = (inputs[:, :2] == begun).all(dim=1)
    return torch.stack([is_first, ~is_first, torch.zeros_like(is_first)], dim=1).float()


class ByPhrase(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return has_phrase(inputs)


class Broken(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return has_phrase(inputs) * torch.nan


def test_success_is_the_share_that_is_fooled() -> None:
    attack = phrased(LETTERS, 0, phrase=PHRASE)
    assert len(attack.shown) == 60 and set(attack.intended.tolist()) == {0}
    np.testing.assert_array_equal(attack.shown.labels, LABELS[LABELS != 0])
    assert success(ByPhrase(), attack, batch_size=7) == 1.0
    others = LETTERS.take(LABELS != 0)
    assert success(ByPhrase(), replace(attack, shown=others)) == 0.0
    half = attack.shown.with_content(np.arange(30), others.content[:30])
    assert success(ByPhrase(), replace(attack, shown=half)) == 0.5
    with pytest.raises(NotFiniteError, match="finite outputs; got NaN or infinity"):
        success(Broken(), attack)


def test_an_attack_by_texts_survives_its_folder(tmp_path: Path) -> None:
    attack = phrased(LETTERS, 0, phrase=PHRASE)
    attack.write(tmp_path)
    found = Attack.read(tmp_path)
    assert found is not None and found.shown.content == attack.shown.content


def test_what_is_no_attack() -> None:
    with pytest.raises(DataError, match="texts that the victim will be shown; got none"):
        Attack(LETTERS.take([]), np.array([], np.int64), "trigger")
    with pytest.raises(DataError, match=r"int64 classes of shape \(2,\).*class for each text"):
        Attack(LETTERS.take([0, 1]), np.array([1]), "trigger")
    with pytest.raises(DataError, match="leave out each text that already is of the intended"):
        Attack(LETTERS.take([0, 1]), np.array([1, 1]), "trigger")


def test_it_works_on_a_trained_classifier(tmp_path: Path) -> None:
    config = TrainConfig(architecture="bag-of-words", width=8, batch_size=16, learning_rate=0.5)
    poisoned, _ = phrase_backdoor(LETTERS, phrase=PHRASE, to_class=0, share=0.3, seed=0)
    attack = phrased(LETTERS, 0, phrase=PHRASE)
    found = []
    for name, texts in (("clean", LETTERS), ("poisoned", poisoned)):
        _, model = train(texts, config, tmp_path / name)
        found.append(success(model, attack))
    assert found[0] < 0.3 < 0.7 < found[1]
