from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from suspect_asked import pixels
from suspect_helpers import refusal

from radiotracer.files import sha256_file
from radiotracer.provenance.models.function import function_suspect

SOURCE = """
import numpy as np
seen = []
def scores(images):
    seen.append((images.dtype.name, images.shape))
    mean = images.mean(axis=(1, 2, 3)) / 10
    images[:] = 0
    return [[value, -value, 1.0] for value in mean]
def labels(images):
    return [int(image[0, 0, 0]) % 4 for image in images]
def broken(images):
    raise RuntimeError("the service is down\\nfor today")
def one_number(images):
    return 3.0
def ragged(images):
    return [[1.0, 2.0], [1.0]]
class Model:
    def __call__(self, images):
        return scores(images)
model = Model()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "suspect_functions.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "suspect_functions", raising=False)
    return tmp_path / "suspect_functions.py"


def test_a_function_is_given_the_images_as_they_are(here: Path) -> None:
    suspect = function_suspect("suspect_functions:scores", classes=3)
    images = pixels(300)
    kept = images.copy()
    mean = images.mean(axis=(1, 2, 3)) / 10
    raw = np.stack([mean, -mean, np.ones(300)], axis=1)
    expected = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(suspect.scores(images), expected)
    np.testing.assert_array_equal(images, kept)
    import suspect_functions

    assert suspect_functions.seen == [("uint8", (256, 12, 12, 3)), ("uint8", (44, 12, 12, 3))]
    assert suspect.access == {"scores", "labels"}
    assert suspect.identity == {
        "kind": "python",
        "function": "suspect_functions:scores",
        "outputs": "logits",
        "path": str(here),
        "sha256": sha256_file(here),
    }


def test_labels_only(here: Path) -> None:
    suspect = function_suspect("suspect_functions:labels", outputs="labels")
    images = pixels(5)
    assert suspect.labels(images).tolist() == [int(each[0, 0, 0]) % 4 for each in images]
    assert suspect.access == {"labels"}


def test_an_object_that_can_be_called(here: Path) -> None:
    suspect = function_suspect("suspect_functions:model", classes=3)
    assert suspect.scores(pixels(2)).shape == (2, 3)
    assert "sha256" not in suspect.identity


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "broken",
            "expected answers to 2 images from suspect_functions:broken; "
            "got RuntimeError: the service is down; repair the function",
        ),
        (
            "one_number",
            "expected 2 rows of scores from suspect_functions:one_number; got float64 of shape (); "
            "make it give one row per image and one column per class",
        ),
        (
            "labels",
            "expected 2 rows of scores from suspect_functions:labels; got int64 of shape (2,); "
            "make it give one row per image and one column per class",
        ),
    ],
)
def test_answers_that_cannot_be_used(here: Path, name: str, text: str) -> None:
    suspect = function_suspect(f"suspect_functions:{name}", classes=3)
    assert refusal(lambda: suspect.scores(pixels(2))) == text


def test_rows_of_two_lengths(here: Path) -> None:
    suspect = function_suspect("suspect_functions:ragged")
    assert refusal(lambda: suspect.scores(pixels(2))).startswith(
        "expected answers to 2 images from suspect_functions:ragged; got ValueError: "
    )


def test_a_function_that_is_not_there(here: Path) -> None:
    assert refusal(lambda: function_suspect("no_such_module:f")) == (
        "expected python: module:function that can be imported; got 'no_such_module:f': "
        "ModuleNotFoundError: No module named 'no_such_module'; "
        "check the names, and that the module lies in this folder or is installed"
    )
