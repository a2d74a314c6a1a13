from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax
from suspect_asked import pixels
from suspect_helpers import refusal

from radiotracer.data import TEXTS
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import (
    SMALLEST,
    to_labels,
    to_losses,
    to_scores,
)
from radiotracer.provenance.models.protocol import network_of, require_access

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -4.0]])


def scores(raw: np.ndarray, outputs: str = "logits", classes: int | None = 3) -> np.ndarray:
    return to_scores(raw, outputs=outputs, n=len(raw), classes=classes, who="it")  # type: ignore[arg-type]


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 6)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    ).filter(lambda raw: raw.shape[1] > 1)
)
def test_logits_become_log_probabilities(raw: np.ndarray) -> None:
    raw[:, 0] = -1  # never probabilities
    found = scores(raw, classes=None)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, log_softmax(raw.astype(np.float64), axis=1), atol=1e-9)


def test_log_probabilities_stay_what_they_are() -> None:
    once = scores(LOGITS)
    np.testing.assert_allclose(scores(once), once, rtol=0, atol=1e-15)


def test_probabilities_give_the_same_scores_as_their_logits() -> None:
    once = scores(LOGITS)
    np.testing.assert_allclose(scores(np.exp(once), "probabilities"), once, rtol=1e-12)
    # Rounded as services round them, a zero included.
    rounded = np.array([[0.333, 0.333, 0.333], [1.0, 0.0, 0.0]])
    found = scores(rounded, "probabilities")
    np.testing.assert_allclose(found[0], np.log(1 / 3))
    np.testing.assert_allclose(found[1], [0, np.log(SMALLEST), np.log(SMALLEST)], atol=1e-10)


def test_more_columns_than_classes_are_kept() -> None:
    assert scores(LOGITS, classes=2).shape == (2, 3)
    assert scores(LOGITS, classes=None).shape == (2, 3)


@pytest.mark.parametrize(
    ("raw", "outputs", "text"),
    [
        (
            LOGITS[:, :2],
            "logits",
            "expected scores of at least 3 classes from it; got 2; "
            "pass the model that was trained for these classes",
        ),
        (
            LOGITS[0],
            "logits",
            "expected 3 rows of scores from it; got float64 of shape (3,); "
            "make it give one row per example and one column per class",
        ),
        (
            LOGITS.astype(str),
            "logits",
            "expected 2 rows of scores from it; got <U32 of shape (2, 3); "
            "make it give one row per example and one column per class",
        ),
        (
            np.exp(scores(LOGITS)),
            "logits",
            "expected logits or log-probabilities from it; got rows in [0, 1] that sum to 1; "
            'these are probabilities: say so with outputs="probabilities"',
        ),
        (
            LOGITS,
            "probabilities",
            "expected rows of probabilities in [0, 1] that sum to 1 from it; got 2 other rows, the "
            "first from -1 to 2 with the sum 1.5; "
            'if they are logits or log-probabilities, say so with outputs="logits"',
        ),
        (
            np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.02]]),
            "probabilities",
            "expected rows of probabilities in [0, 1] that sum to 1 from it; got 1 other rows, the "
            "first from 0.02 to 0.5 with the sum 1.02; "
            'if they are logits or log-probabilities, say so with outputs="logits"',
        ),
        (
            np.array([[1.005, -0.005, 0.0]]),
            "probabilities",
            "expected rows of probabilities in [0, 1] that sum to 1 from it; got 1 other rows, the "
            "first from -0.005 to 1.005 with the sum 1; "
            'if they are logits or log-probabilities, say so with outputs="logits"',
        ),
    ],
)
def test_scores_that_cannot_be_used(raw: np.ndarray, outputs: str, text: str) -> None:
    assert refusal(lambda: scores(raw, outputs)) == text


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.7e308])
@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
def test_scores_that_are_no_numbers(bad: float, outputs: str) -> None:
    raw = LOGITS.copy()
    raw[1, 1] = bad
    assert refusal(lambda: scores(raw, outputs), NotFiniteError) == (
        "expected finite scores from it; got 1 NaN or infinite of 6; "
        "repair the model; its other answers cannot be relied on either"
    )


def test_another_number_of_rows() -> None:
    assert refusal(
        lambda: to_scores(LOGITS, outputs="logits", n=3, classes=3, who="it")
    ).startswith("expected 3 rows of scores from it; got float64 of shape (2, 3);")


def test_labels() -> None:
    found = to_labels(np.array([0, 4], dtype=np.uint8), n=2, who="it")
    assert found.dtype == np.int64
    assert found.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            np.array([0.0, 1.0]),
            "expected 2 whole numbers, one class per example, from it; got float64 of shape (2,); "
            "make it give the number of one class per example",
        ),
        (
            np.array([1]),
            "expected 2 whole numbers, one class per example, from it; got int64 of shape (1,); "
            "make it give the number of one class per example",
        ),
        (
            np.array([0, -1]),
            "expected class numbers of 0 or more from it; got -1; "
            "make it count classes from 0, in the order of the data",
        ),
    ],
)
def test_labels_that_cannot_be_used(raw: np.ndarray, text: str) -> None:
    assert refusal(lambda: to_labels(raw, n=2, who="it")) == text


def test_losses() -> None:
    found = to_losses(np.array([3, 0], dtype=np.int32), n=2, who="it")
    assert found.dtype == np.float64 and found.tolist() == [3.0, 0.0]
    assert refusal(lambda: to_losses(np.zeros((2, 1)), n=2, who="it", noun="text")) == (
        "expected 2 losses, one per text, from it; got float64 of shape (2, 1); "
        "make it give minus the log of the probability of each text"
    )
    assert refusal(lambda: to_losses(np.array([np.inf]), n=1, who="it"), NotFiniteError) == (
        "expected finite losses from it; got 1 NaN or infinite of 1; "
        "repair the model; its other answers cannot be relied on either"
    )


def brightness(images: np.ndarray) -> np.ndarray:
    """Scores that say which image they belong to."""
    mean = images.mean(axis=(1, 2, 3))
    return scores(np.stack([mean, -mean, 0 * mean - 3], axis=1))


@pytest.mark.parametrize("n", [1, 4, 5, 9])
def test_batches_keep_the_order(n: int) -> None:
    asked: list[int] = []

    def ask(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return brightness(images)

    suspect = Answering(ask, "it", {}, 3, batch=4)
    images = pixels(n)
    np.testing.assert_array_equal(suspect.scores(images), brightness(images))
    assert max(asked) <= 4
    assert sum(asked) == n
    np.testing.assert_array_equal(suspect.labels(images), brightness(images).argmax(axis=1))


def test_nothing_to_ask() -> None:
    def never(_: np.ndarray) -> np.ndarray:
        raise AssertionError

    suspect = Answering(never, "it", {}, 3)
    assert suspect.scores(pixels(0)).shape == (0, 3)
    assert suspect.labels(pixels(0)).shape == (0,)
    assert Answering(never, "it", {}, 3, "labels").labels(pixels(0)).dtype == np.int64
    assert Answering(never, "it", {}, 3, "losses", TEXTS).scores([]).shape == (0, 1)


def test_batches_of_different_widths() -> None:
    suspect = Answering(lambda images: np.zeros((len(images), len(images))), "it", {}, batch=3)
    assert refusal(lambda: suspect.scores(pixels(5))) == (
        "expected as many scores for one image as for another from it; got 2 and 3; "
        "repair the suspect model's answers"
    )


def test_images_that_are_none() -> None:
    suspect = Answering(brightness, "it", {})
    for images in (pixels(2).astype(np.float32), pixels(2)[0]):
        assert refusal(lambda images=images: suspect.scores(images), DataError) == (
            "expected uint8 images of shape (n, height, width, 1 or 3); "
            f"got {images.dtype} of shape {images.shape} from what is asked; "
            "convert the images to 8-bit grey or RGB"
        )
    assert "got no array from what is asked" in refusal(
        lambda: suspect.scores(("a", "b")), DataError
    )


@pytest.mark.parametrize("texts", ["one text", np.array(["a"]), ["a", 3]])
def test_texts_that_are_none(texts: object) -> None:
    suspect = Answering(lambda texts: np.zeros((len(texts), 2)), "it", {}, modality=TEXTS)
    assert " what is asked; " in refusal(lambda: suspect.scores(texts), DataError)
    assert suspect.labels(["a", "b"]).tolist() == suspect.labels(("a", "b")).tolist() == [0, 0]


def test_outputs_that_are_none() -> None:
    assert refusal(lambda: Answering(brightness, "it", {}, outputs="perplexities")) == (  # type: ignore[arg-type]
        "expected outputs that are logits, probabilities, labels or losses; got 'perplexities'; "
        "say what the model answers"
    )


def test_what_a_suspect_does_not_give() -> None:
    suspect = Answering(lambda images: np.zeros(len(images)), "it", {}, outputs="labels")
    assert suspect.access == {"labels"}
    assert refusal(lambda: suspect.scores(pixels(2))) == (
        "expected a suspect model that gives scores; got it, which gives labels; "
        "choose a test that needs no more, or open the model in another way"
    )
    assert refusal(lambda: network_of(suspect)) == (
        "expected a suspect model that gives weights; got it, which gives labels; "
        "choose a test that needs no more, or open the model in another way"
    )
    require_access(suspect, "labels")
