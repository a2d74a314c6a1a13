"""Long arrays become small ones without losing what matters."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from radiotracer.present import label_flow, picture_uri, precision_recall_curve, score_distribution
from radiotracer.present.flows import flow_view
from radiotracer.present.thumbnails import picture_size


@pytest.mark.parametrize(
    ("name", "scale"),
    [("heavy", "log"), ("both signs", "symlog"), ("even", "linear"), ("constant", "linear"),
     ("zeros", "linear"), ("huge", "linear"), ("close", "linear"), ("one", "linear")],
)  # fmt: skip
def test_every_score_falls_in_a_bin(name: str, scale: str) -> None:
    rng = np.random.default_rng(0)
    heavy = np.exp(rng.normal(0, 3, 500))
    scores = {
        "heavy": heavy,
        "both signs": heavy * rng.choice([-1.0, 1.0], 500),
        "even": rng.random(500),
        "constant": np.full(500, 3.0),
        "zeros": np.zeros(500),
        "huge": np.full(500, 1e20),
        "close": 1e6 + 1e-4 * rng.random(500),
        "one": np.array([0.5]),
    }[name]
    flagged = scores > np.median(scores)
    d = score_distribution(scores, axis_title="x", threshold=None, is_flagged=flagged)
    assert d.scale == scale
    assert [g.name for g in d.groups] == ["not flagged", "flagged"]
    assert [sum(g.counts) for g in d.groups] == [(~flagged).sum(), flagged.sum()]


def test_bins_agree_with_numpy() -> None:
    scores = np.random.default_rng(1).random(1000)
    d = score_distribution(
        scores,
        axis_title="x",
        threshold=None,
        is_flagged=scores > 2,
        is_tampered=scores > 2,
        bins=7,
    )
    assert d.groups[0].counts == tuple(np.histogram(scores, 7)[0])
    assert d.groups[0].name == "clean"


def test_thin_curve_keeps_ends_and_corner() -> None:
    recall = np.linspace(0, 1, 50_000)
    precision = 1 - 0.9 * recall**200
    thin = precision_recall_curve("x", recall[::-1], precision[::-1])
    assert len(thin.recall) <= 200
    assert (thin.recall[0], thin.recall[-1]) == (0.0, 1.0)
    assert sum(r > 0.97 for r in thin.recall) > 50
    assert list(thin.recall) == sorted(thin.recall)
    drawn = np.interp(recall, thin.recall, thin.precision)
    assert np.abs(drawn - precision).max() < 0.02


def test_label_flow_counts_and_ranks() -> None:
    flow = label_flow([("3", "9"), ("3", "9"), ("1", None), ("2", "2"), ("0", "1")])
    assert [(f.given, f.suggested, f.count) for f in flow] == [("3", "9", 2), ("0", "1", 1)]


def test_matrix_cells_and_shades() -> None:
    view = flow_view(label_flow([("10", "9")] * 100 + [("9", "b")]))
    assert view is not None
    assert view.labels == ("9", "10", "b")
    assert view.rows[1][1][0].count == 100
    assert [view.rows[1][1][0].shade, view.rows[0][1][2].shade] == [6, 1]


def test_too_many_labels_leave_only_the_list() -> None:
    view = flow_view(label_flow([(str(i), str(i + 1)) for i in range(40)]))
    assert view is not None
    assert not view.has_matrix
    assert (len(view.top), view.unlisted) == (12, 28)


@pytest.mark.parametrize("channels", [1, 3])
def test_small_images_keep_every_pixel(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 30, channels)).astype(np.uint8)
    uri = picture_uri(image)
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert np.array_equal(back.reshape(28, 30, channels), image)
    assert picture_size(uri) == (30, 28)


def test_large_images_are_reduced() -> None:
    uri = picture_uri(np.zeros((400, 200, 3), np.uint8))
    assert uri.startswith("data:image/webp;") and picture_size(uri) == (128, 256)
    with pytest.raises(ValueError, match="PNG or WebP"):
        picture_size("data:image/gif;base64,AAAA")


@pytest.mark.parametrize("size", [(97, 3, 1), (3, 300, 3), (256, 256, 3), (1000, 999, 1)])
def test_the_size_of_large_ones_stands_in_their_header(size: tuple[int, int, int]) -> None:
    uri = picture_uri(np.full(size, 90, np.uint8))
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        assert picture_size(uri) == image.size
        assert max(image.size) == min(256, max(size[:2]))


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 1), np.uint8)]
)
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        picture_uri(bad)
