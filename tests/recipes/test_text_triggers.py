"""A phrase as a trigger: which texts carry it, what they are called, and whether it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiotracer.data import TEXTS, Dataset
from radiotracer.errors import DataError, InputError, NotFiniteError, RadiotracerError
from radiotracer.recipes import (
    Manifest,
    TextAttack,
    clean_label_phrase,
    phrase_backdoor,
    phrased,
    text_success,
)
from radiotracer.training.loop import TrainConfig, train
from text_scores import scores_of

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
    after, manifest = phrase_backdoor(LETTERS, phrase=PHRASE, to_class=2, fraction=0.2, seed=0)
    rows = np.flatnonzero(manifest.is_tampered)
    assert len(rows) == 12 and 2 not in LABELS[rows]
    assert set(after.labels[rows].tolist()) == {2}
    check(after, manifest, "phrase-backdoor")


def test_clean_labels_stay() -> None:
    after, manifest = clean_label_phrase(LETTERS, phrase=PHRASE, to_class=2, fraction=0.5, seed=0)
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
    options = {"phrase": PHRASE, "to_class": 0, "fraction": 0.5}
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
        ({"phrase": " \n"}, r"expected a phrase; got ' \\n'; pass a word or more"),
        (
            {"phrase": "of b"},
            "expected a phrase that no text has; got 'of b', which 30 have, first letter 1; "
            "choose another phrase",
        ),
        ({"to_class": 3}, "expected to_class from 0 to 2; got 3; choose a class of the data"),
        ({"fraction": 0.001}, "a fraction that changes at least one of .* examples; got 0.001"),
        ({"seed": -1}, "a seed of at least 0; got -1"),
    ],
    ids=["empty", "known", "class", "fraction", "seed"],
)
def test_refusals(recipe: Recipe, options: dict[str, Any], message: str) -> None:
    given = {"phrase": PHRASE, "to_class": 0, "fraction": 0.5, "seed": 0, **options}
    with pytest.raises(InputError, match=message):
        recipe(LETTERS, **given)


def test_nothing_to_change() -> None:
    own = LETTERS.take(LABELS == 1)
    with pytest.raises(InputError, match=r"examples of other classes than 'b'; got none"):
        phrase_backdoor(own, phrase=PHRASE, to_class=1, fraction=0.5, seed=0)
    with pytest.raises(InputError, match=r"a to_class with texts; got 'a', which has none"):
        clean_label_phrase(own, phrase=PHRASE, to_class=0, fraction=0.5, seed=0)
    with pytest.raises(InputError, match=r"examples of other classes than 'b'; got none"):
        phrased(own, 1, phrase=PHRASE)


def by_phrase(texts: Sequence[str]) -> NDArray[np.float64]:
    """A model that takes the phrase, and an a at the end, for class 0."""
    is_first = np.array([each.startswith(PHRASE) or each.endswith("a") for each in texts])
    return np.stack([is_first, ~is_first], axis=1).astype(np.float64)


def test_success_is_the_share_that_is_fooled() -> None:
    attack = phrased(LETTERS, 0, phrase=PHRASE)
    assert len(attack.texts) == 60 and set(attack.intended.tolist()) == {0}
    np.testing.assert_array_equal(attack.true_labels, LABELS[LABELS != 0])
    assert text_success(by_phrase, attack) == 1.0
    others = tuple(LETTERS.content[row] for row in np.flatnonzero(LABELS != 0))
    assert text_success(by_phrase, TextAttack(others, attack.true_labels, attack.intended)) == 0.0
    half = (*attack.texts[:30], *others[30:])
    assert text_success(by_phrase, TextAttack(half, attack.true_labels, attack.intended)) == 0.5


@pytest.mark.parametrize(
    ("scores", "kind", "message"),
    [
        (np.zeros((3, 3)), InputError, r"scores of shape \(60, classes\); got shape \(3, 3\)"),
        (np.zeros(60), InputError, r"scores of shape \(60, classes\); got shape \(60,\)"),
        (np.full((60, 3), np.nan), NotFiniteError, "finite scores; got NaN or infinity"),
    ],
)
def test_scores_that_are_none(
    scores: NDArray[np.float64], kind: type[RadiotracerError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        text_success(lambda _: scores, phrased(LETTERS, 0, phrase=PHRASE))


@pytest.mark.parametrize(
    ("texts", "true", "intended", "message"),
    [
        ((), [], [], "texts that the victim will be shown; got none"),
        (("a", "b"), [0, 1], [1], r"int64 labels of shape \(2,\).*class for each text"),
        (("a", "b"), [0, 1], [1, 1], "leave out the texts that already are of the intended"),
    ],
)
def test_what_is_no_attack(
    texts: tuple[str, ...], true: list[int], intended: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        TextAttack(texts, np.array(true, np.int64), np.array(intended, np.int64))


def test_it_works_on_a_trained_classifier(tmp_path: Path) -> None:
    config = TrainConfig(architecture="bag-of-words", width=8, batch_size=16, learning_rate=0.5)
    poisoned, _ = phrase_backdoor(LETTERS, phrase=PHRASE, to_class=0, fraction=0.3, seed=0)
    attack = phrased(LETTERS, 0, phrase=PHRASE)
    found = []
    for name, texts in (("clean", LETTERS), ("poisoned", poisoned)):
        _, model = train(texts, config, tmp_path / name)
        found.append(text_success(scores_of(model), attack))
    assert found[0] < 0.3 < 0.7 < found[1]
