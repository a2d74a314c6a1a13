"""What data may be like, and what comes out: frames, texts, gaps, and tables of issues."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from radiotracer.opinions.head import LINEAR
from radiotracer.targets import check_multilabel, check_regression, inputs, multilabel, regression
from radiotracer.targets.predictors import LINES
from tests.targets.target_worlds import numbers, tags

N = 160


@pytest.fixture(autouse=True)
def lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few linear models, and trees only in a test of their own: these take seconds then."""
    monkeypatch.setattr(inputs, "COLUMNS", 0)
    monkeypatch.setattr(
        multilabel, "view_of", functools.partial(multilabel.view_of, heads=LINEAR[2:3])
    )
    monkeypatch.setattr(regression, "LINES", LINES[6:8])


def test_a_frame_of_numbers_and_categories_with_gaps() -> None:
    """The category alone tells the target, and it is missing where the number tells it."""
    random = np.random.default_rng(100)
    kind = random.integers(0, 3, N)
    size = random.normal(size=N)
    targets = 5.0 * kind + size + 0.1 * random.normal(size=N)
    targets[7] += 40.0
    columns: dict[str, Any] = {"kind": np.array(["ash", "elm", "oak"])[kind], "size": size}
    frame = pd.DataFrame(columns)
    frame.loc[3, "size"] = np.nan
    found = check_regression(frame, targets)
    assert found.inconclusive is None and found.r_squared > 0.5
    assert found.is_flagged[7] and found.is_flagged.sum() <= 3
    for other in (pl.from_pandas(frame), pa.Table.from_pandas(frame, preserve_index=False)):
        again = check_regression(other, targets)
        np.testing.assert_allclose(again.predicted, found.predicted, rtol=1e-6)


def test_gaps_in_an_array_are_told() -> None:
    world = numbers(101, n=N)
    holes = world.features.copy()
    holes[::5, 1] = np.nan
    given = inputs.features_from(holes, world.features[:30])
    assert given.train.shape == (N, 7) and np.isfinite(given.train).all()
    assert given.train[:, 6].tolist() == [float(row % 5 == 0) for row in range(N)]
    assert given.validation is not None and not given.validation[:, 6].any()
    np.testing.assert_allclose(given.train[::5, 1], np.nanmean(holes[:, 1]), rtol=1e-6)


def test_texts() -> None:
    """Each label has words of its own, some of which a text with it holds."""
    random = np.random.default_rng(102)
    held = random.uniform(size=(N, 5)) < 0.4
    texts = [
        " ".join(
            ["weather"]
            + [f"word{5 * place + kind}" for place in range(12) for kind in np.flatnonzero(row)
               if random.uniform() < 0.5]
        )
        for row in held
    ]  # fmt: skip
    labels = held[:, :2].astype(int)
    labels[5:15, 0] = 1 - labels[5:15, 0]
    found = check_multilabel(
        texts, labels, names=["sun", "rain"], validation=(texts[:40], held[:40, :2])
    )
    assert found.inconclusive is None
    assert set(np.argsort(found.wrong[:, 0])[-8:]) <= set(range(5, 15))
    assert found.is_flagged[5:15, 0].sum() >= 8 and not found.is_flagged[:, 1].any()
    assert found.entries["row"][0].as_py() in range(5, 15)
    assert set(found.entries["label"].to_pylist()) == {"sun"}


def test_names_of_a_frame_and_labels_that_are_left_out() -> None:
    world = tags(103, n=N, labels=((0.0, 8.0, 0.0, 0.0),))
    table = pd.DataFrame({"cat": world.targets[:, 0], "never": 0, "once": np.eye(N)[0].astype(int)})
    found = check_multilabel(world.features, table)
    assert found.names == ("cat", "never", "once")
    assert [name for name, _ in found.left_out] == ["never", "once"]
    assert found.left_out[1][1] == "1 yes and 159 no"
    assert [each.name for each in found.findings] == ["cat"]
    assert np.isnan(found.wrong[:, 1:]).all() and np.isfinite(found.wrong[:, 0]).all()
    assert not found.is_flagged[:, 1:].any()


def test_the_table_of_issues_of_labels() -> None:
    world = tags(104, n=300, labels=((0.0, 9.0, 0.1, 0.1), (0.0, 9.0, 0.0, 0.0)))
    found = check_multilabel(world.features, world.targets, names=["a", "b"])
    issues, entries = found.issues, found.entries
    assert found.is_flagged.any()
    assert issues["is_label_issue"].to_pylist() == found.is_flagged.any(axis=1).tolist()
    scores = np.array(issues["label_score"])
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal(scores, found.scores.min(axis=1))
    row = int(np.flatnonzero(found.is_flagged[:, 0])[0])
    given = set(issues["given_label"][row].as_py())
    assert given ^ set(issues["predicted_label"][row].as_py()) == set(
        issues["label_issues"][row].as_py()
    )
    assert len(entries) == found.is_flagged.sum()
    assert (np.diff(np.array(entries["label_score"])) >= 0).all()
    assert found.scores[found.is_flagged].max() <= found.scores[~found.is_flagged[:, 0], 0].min()


def test_the_table_of_issues_of_numbers() -> None:
    world = numbers(105, n=300, share=0.1)
    found = check_regression(world.features, world.targets)
    issues = found.issues
    assert issues.column_names == [
        "is_label_issue",
        "label_score",
        "given_label",
        "predicted_label",
        "low",
        "high",
    ]
    assert found.is_flagged.any() and found.decided_by == "estimate" and found.p_values is None
    scores = np.array(issues["label_score"])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[found.is_flagged].max() <= scores[~found.is_flagged].min()
    np.testing.assert_array_equal(np.array(issues["given_label"]), world.targets)


def test_other_units_change_nothing() -> None:
    world = numbers(106, n=200, share=0.1)
    found = check_regression(world.features, world.targets)
    other = check_regression(world.features, 1e6 + 1e3 * world.targets)
    np.testing.assert_array_equal(other.is_flagged, found.is_flagged)
    np.testing.assert_allclose(other.wrong, found.wrong, atol=1e-3)
    np.testing.assert_allclose(other.low, 1e6 + 1e3 * found.low, rtol=1e-6)


def test_trees_where_lines_know_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "COLUMNS", 64)
    random = np.random.default_rng(107)
    features = random.normal(size=(400, 2))
    targets = 4.0 * np.sign(features[:, 0] * features[:, 1]) + 0.3 * random.normal(size=400)
    found = check_regression(features, targets)
    assert "trees" in found.words and found.inconclusive is None and found.r_squared > 0.5


def test_seeds_and_progress() -> None:
    world = tags(108, n=100)
    told: list[tuple[str, int, int]] = []
    found = check_multilabel(world.features, world.targets, progress=lambda *a: told.append(a))
    assert told == [("labels", 0, 1), ("labels", 1, 1)]
    again = check_multilabel(world.features, world.targets)
    np.testing.assert_array_equal(again.wrong, found.wrong)
