"""The audit of texts: exact for whoever does not know the coins, strong against whoever does."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from marked_world import FALSE_FAILURE
from radiotracer.data import TEXTS, Dataset
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit, questions
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._canaries.testing import LEADS, text_preferences, texts_asked
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import Access, Outputs, answered_suspect
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.release import Release
from radiotracer.stats import signflip, uniformity
from radiotracer.training.loop import TrainConfig, train
from text_scores import scores_of
from text_world import (
    KEY,
    audit_texts,
    by_canaries,
    canaries,
    coins,
    knowing,
    letters,
    noisy,
    of_texts,
    plain,
)


@pytest.fixture(scope="module")
def release() -> Release:
    return by_canaries()


@functools.cache
def under_many_keys(repeats: int = 1) -> list[tuple[Key, Release]]:
    """24 marked texts, or as many times that, under each of 200 keys."""
    keys = control_keys(KEY, 200)
    return [(key, by_canaries(key, 24 * repeats, repeats=repeats)) for key in keys]


def elsewhere(texts: Sequence[str], answers: np.ndarray, outputs: Outputs) -> Answering:
    return answered_suspect(texts, answers, modality=TEXTS, outputs=outputs)


def control_of(finding: Finding, name: str) -> bool:
    (found,) = [each.passed for each in finding.controls if each.name == name]
    return found


@pytest.mark.parametrize(
    ("outputs", "access", "repeats"),
    [("logits", "scores", 1), ("losses", "scores", 1), ("labels", "labels", 2)],
)
def test_uniform_or_larger_for_a_suspect_that_knows_no_coin(
    outputs: Outputs, access: Access, repeats: int
) -> None:
    """Every key with canaries of its own. Each of the three fails by chance once in a million."""
    suspect = plain(outputs)
    p = [
        audit_texts(release, key, suspect, access, controls=1).log10_p
        for key, release in under_many_keys(repeats)
    ]
    found = uniformity(np.array(p))
    assert found.excess_log10_p > FALSE_FAILURE
    if access == "scores":  # nothing is wasted either
        assert found.distance < 0.15


def test_a_suspect_that_follows_the_coins_is_seen_to_be_accused_too_often() -> None:
    """The check above can fail."""
    p = []
    for key, release in under_many_keys():
        signs = 1 - 2 * published_twins(key, map(str, range(24)))
        asked = text_preferences(plain(), release, "scores")
        p.append(signflip(asked * signs + 0.7, weighting="magnitudes").log10_p)
    assert uniformity(np.array(p)).excess_log10_p < FALSE_FAILURE


def test_a_trained_model_that_never_saw_the_release_is_not_accused(tmp_path: Path) -> None:
    """The lab's classifier, trained on the originals, under 100 keys: once in a million."""
    config = TrainConfig(architecture="bag-of-words", width=8, epochs=2, batch_size=16)
    _, model = train(letters(64), config, tmp_path / "run")
    suspect = of_texts(scores_of(model))
    p = [
        audit_texts(release, key, suspect, controls=1).log10_p
        for key, release in under_many_keys()[:100]
    ]
    assert uniformity(np.array(p)).excess_log10_p > FALSE_FAILURE


def test_a_trained_model_that_saw_the_release_is_found(tmp_path: Path) -> None:
    """The lab's classifier on 240 letters, all marked, 12 of which share a canary."""
    texts = letters(240)
    release = mark(texts, np.arange(240), KEY, (), CanaryConfig(repeats=12))
    config = TrainConfig(architecture="bag-of-words", width=16, batch_size=16)
    found = {}
    for name, data in (("published", release.published), ("originals", texts)):
        _, model = train(data, config, tmp_path / name)
        suspect = of_texts(scores_of(model))
        for access in ("scores", "labels"):
            found[name, access] = audit_texts(release, KEY, suspect, access).log10_p  # type: ignore[arg-type]
    assert found["published", "scores"] < -2.5 and found["published", "labels"] < -2.5
    assert min(found["originals", "scores"], found["originals", "labels"]) > -2


@pytest.mark.parametrize(
    ("outputs", "access"),
    [("logits", "scores"), ("probabilities", "scores"), ("losses", "scores"), ("labels", "labels")],
)
def test_what_was_learned_is_found_and_the_contrary_is_not(
    release: Release, outputs: Outputs, access: Access
) -> None:
    guilty, contrary = (
        audit_texts(release, KEY, knowing(release, much, outputs), access, controls=200)
        for much in (4.0, -4.0)
    )
    if outputs == "losses":  # the world's are those of the likelier word
        contrary = audit_texts(release, KEY, plain("losses"), controls=200)
    assert guilty.log10_p < -4 and guilty.effect > 0.3
    assert contrary.log10_p > -1.5
    for found in (guilty, contrary):
        assert found.access == access and found.details["pairs"] == 60
        assert len(found.control_log10_p) == 200 and control_of(found, "fresh keys")
    assert guilty.details["published_preferred"] > guilty.details["sealed_preferred"]  # type: ignore[operator]


def test_by_the_book(release: Release) -> None:
    """The whole of the statistic written down once more."""
    suspect = knowing(release, 1.0)
    asked = []
    for pair, label in zip(canaries(release), release.labels, strict=True):
        odds = []
        for canary in pair:
            p = np.exp(noisy([canary])[0])
            position = published_twins(release.coins(KEY), release.ids.tolist())[len(asked)]
            p[label] *= np.exp(1.0) if canary == pair[position] else 1.0
            odds.append(np.log(p[label] / p[1 - label]))
        asked.append(odds[0] - odds[1])
    signs = 1 - 2 * published_twins(release.coins(KEY), release.ids.tolist())
    wanted = signflip(np.array(asked) * signs, weighting="magnitudes")
    found = audit_texts(release, KEY, suspect)
    assert found.log10_p == pytest.approx(wanted.log10_p)
    assert found.effect == pytest.approx(wanted.statistic / wanted.largest)
    # Controls are the same test under keys that follow from this one.
    (key,) = control_keys(release.coins(KEY), 1)
    other = 1 - 2 * published_twins(key, release.ids.tolist())
    again = signflip(np.array(asked) * other, weighting="magnitudes")
    assert found.control_log10_p[0] == pytest.approx(again.log10_p)


def test_labels_by_the_book() -> None:
    release = by_canaries(count=12, repeats=2)
    suspect = plain("labels")
    total = dict.fromkeys(coins(release), 0.0)
    for row in range(12):
        # Classes alternate, so the texts of the other one, in turns, are the next or the last.
        words = release.originals[row + 1 if row % 2 == 0 else row - 1].split()
        for lead in LEADS:
            for which, way in ((0, 1), (1, -1)):
                canary = canaries(release)[row][which]
                text = f"{canary}\n{' '.join(words[:lead])}" if lead else canary
                total[coins(release)[row]] += way * (
                    suspect.labels((text,))[0] == release.labels[row]
                )
    asked = text_preferences(suspect, release, "labels")
    assert asked.tolist() == list(total.values()) and np.abs(asked).max() >= 2
    found = audit_texts(release, KEY, suspect)
    assert found.access == "labels" and found.details["pairs"] == 6


def test_texts_of_one_class_are_for_language_models(tmp_path: Path) -> None:
    release = by_canaries(classes=1)
    assert audit_texts(release, KEY, plain("losses"), controls=10).log10_p > -4
    with pytest.raises(InputError, match="losses of a language model"):
        audit_texts(release, KEY, plain("logits"))
    assert text_preferences(plain("labels"), release, "labels").shape == (60,)


def test_references_take_off_what_they_prefer(release: Release) -> None:
    suspect = knowing(release, 0.7)
    alone, near = (
        audit_texts(release, KEY, suspect, references=each, controls=1) for each in ([], [plain()])
    )
    assert near.log10_p < -10 < alone.log10_p
    assert control_of(near, "references")
    guilty = audit_texts(release, KEY, plain(), references=[knowing(release, 4.0)], controls=1)
    assert not control_of(guilty, "references")


@pytest.mark.parametrize("access", ["scores", "labels"])
def test_a_model_that_was_asked_elsewhere(release: Release, access: Access) -> None:
    outputs: Outputs = "logits" if access == "scores" else "labels"
    suspect = knowing(release, 2.0, outputs)
    asked = texts_asked(release, access)
    assert len(asked) == (120 if access == "scores" else 600)
    assert len(texts_asked(by_canaries(repeats=3), "scores")) == 40
    assert questions(release, KEY, access) == asked
    answers = suspect.labels(asked) if access == "labels" else suspect.scores(asked)
    recorded = elsewhere(asked, answers, outputs)
    one, other = (audit_texts(release, KEY, each, access) for each in (suspect, recorded))
    assert one == other
    with pytest.raises(InputError, match=f"one answer to each of {len(asked)} texts; got answers"):
        elsewhere(asked, answers[:-1], outputs)
    with pytest.raises(InputError, match="none to 1 of"):
        audit_texts(release, KEY, elsewhere(asked[1:], answers[1:], outputs), access)


def test_edited_texts_are_refused_before_anything_is_asked(release: Release) -> None:
    def never(texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(texts)

    texts = ("another", *release.published.content[1:])
    edited = dataclasses.replace(
        release, published=dataclasses.replace(release.published, content=texts)
    )
    with pytest.raises(InputError, match=r"1 text edited since: brief/ä0000 \([0-9a-f]{12}\)"):
        audit(edited, KEY, of_texts(never))
    with pytest.raises(InputError, match="another key"):
        audit(release, Key(bytes(32)), of_texts(never))


def test_what_cannot_be_used(release: Release) -> None:
    def audited(answer: object, outputs: Outputs = "logits") -> None:
        def ask(texts: Sequence[str]) -> object:
            return answer(texts) if callable(answer) else answer

        audit_texts(release, KEY, of_texts(ask, outputs, name="it"))  # type: ignore[arg-type]

    nan = noisy(["a"] * 60)
    nan[3, 1] = np.nan
    for error, outputs, answer, said in (
        (NotFiniteError, "logits", nan, "finite scores from it; got 1 NaN or infinite of 120"),
        (NotFiniteError, "losses", nan[:, 1], "finite losses from it; got 1 NaN or infinite of 60"),
        (InputError, "logits", nan[:59], "60 rows of scores from it; got float64 of shape (59, 2)"),
        (
            InputError,
            "losses",
            nan,
            "60 losses, one per text, from it; got float64 of shape",
        ),
        (InputError, "labels", nan[:, 0], "60 whole numbers, one class per text, from it; got"),
        (
            InputError,
            "logits",
            np.zeros((60, 1)) + 3,
            "scores of the 2 classes of the marked texts",
        ),
        (InputError, "probabilities", noisy(["a"] * 60) - 9, "rows of probabilities in [0, 1]"),
        (
            InputError,
            "logits",
            lambda _: 1 / 0,
            "answers to 60 texts from it; got ZeroDivision",
        ),
    ):
        with pytest.raises(error) as caught:
            audited(answer, outputs)  # type: ignore[arg-type]
        assert said in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="expected outputs that are logits"):
        of_texts(noisy, "perplexities")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected a function of texts; got a int"):
        of_texts(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="python: module:function"):
        of_texts("no_such_module:scores")


def test_what_a_suspect_does_not_give(release: Release) -> None:
    with pytest.raises(InputError, match="that gives scores; got it, which gives labels"):
        audit_texts(release, KEY, plain("labels"), "scores")
    with pytest.raises(InputError, match="that gives labels; got it, which gives losses"):
        audit_texts(release, KEY, plain("losses"), "labels")
    for asking in (
        lambda: audit(release, KEY, plain(), "weights"),
        lambda: questions(release, KEY, "weights"),
    ):
        with pytest.raises(InputError, match=r"access=scores or labels for .*; got access=weights"):
            asking()
    assert [audit(release, KEY, plain(each)).access for each in ("logits", "labels", "losses")] == [
        "scores", "labels", "scores",
    ]  # fmt: skip


def test_a_function_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_text_model.py").write_text(
        "def scores(texts): return [[0, len(t)] for t in texts]"
    )
    monkeypatch.chdir(tmp_path)
    suspect = of_texts("my_text_model:scores", classes=2)
    assert suspect.name == "my_text_model:scores" and suspect.labels(("a", "")).tolist() == [1, 0]
    assert suspect.identity["function"] == "my_text_model:scores"


def test_batches_of_any_size_are_the_same(release: Release) -> None:
    one = audit_texts(release, KEY, knowing(release, 1.0))
    small = dataclasses.replace(knowing(release, 1.0), batch=7)
    assert audit_texts(release, KEY, small) == one


def test_a_suspect_of_more_classes(release: Release) -> None:
    """Its scores are of the first ones."""
    found = audit_texts(release, KEY, knowing(release, 4.0, columns=5), controls=1)
    assert found.log10_p < -5


def test_the_place_after_the_text() -> None:
    texts = Dataset(
        modality=TEXTS,
        content=tuple(f"{each}\n" for each in letters(6).content),
        labels=np.arange(6) % 2,
        ids=np.array(list("abcdef")),
        class_names=("a", "b"),
        source="memory",
    )
    release = mark(texts, np.arange(6), KEY, (), CanaryConfig(place="after"))
    asked = texts_asked(release, "labels")
    assert asked[0] == canaries(release)[0][0]
    lead = " ".join(texts.content[1].split()[:2])
    assert asked[12] == f"{lead}\n{canaries(release)[0][0]}\n"
