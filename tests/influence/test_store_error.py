"""The error of projections, as a store measures it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from influence_helpers import Training, double_loop, draw, train_and_record
from scipy import stats
from store_helpers import LARGE, SMALL, by_hand, tracing_of

from radiotracer.gradients import ProjectionConfig, in_batches, project
from radiotracer.influence import Store, Tracing, measure_error, projected, store, write_store


def test_the_error_is_measured_and_written(written: Store, training: Training) -> None:
    tracing = tracing_of(training)
    error = written.info.error
    assert error == Store.open(written.folder, tracing).info.error
    assert error is not None and (error.examples, error.queries) == (9, 9)
    measured = measure_error(tracing, SMALL, training.train, training.queries)
    found = by_hand(training, SMALL).numpy()
    exact = double_loop(training, training.train, training.queries).numpy()
    rms = np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))
    assert measured.relative_rms == pytest.approx(rms, rel=1e-4)
    assert 0.01 < rms < 2
    pearson = stats.pearsonr(found.ravel(), exact.ravel()).statistic
    assert measured.pearson == pytest.approx(pearson, rel=1e-4)
    spearman = stats.spearmanr(found.ravel(), exact.ravel()).statistic
    assert measured.spearman == pytest.approx(spearman, rel=1e-6)
    assert str(measured) == (
        f"On 9 examples and 5 queries, projected scores differ from exact ones by {rms:.1%} (root "
        f"mean square), correlate with them at {pearson:.3f} (Pearson) and {spearman:.3f} "
        "(Spearman), and share 100% of the 9 strongest proponents."
    )


def test_overlap_counts_shared_proponents(training: Training) -> None:
    tracing, train = tracing_of(training), draw(40, seed=8)
    measured = measure_error(tracing, ProjectionConfig(dimension=1), train, training.queries)
    scores = double_loop(training, train, training.queries)
    projected = torch.zeros_like(scores)
    for _, rates in tracing.checkpoints():
        left, right = (
            project(
                tracing.objective, next(in_batches(data, 99)), ProjectionConfig(dimension=1), rates
            )
            for data in (train, training.queries)
        )
        projected += left @ right.T
    shared = [
        len(
            set(scores[:, j].topk(10).indices.tolist())
            & set(projected[:, j].topk(10).indices.tolist())
        )
        for j in range(5)
    ]
    assert measured.compared == 10
    assert measured.overlap == pytest.approx(sum(shared) / 50)
    assert measured.overlap < 1


def test_equal_values_share_their_mean_rank() -> None:
    values = torch.tensor([3.0, 1.0, 3.0, 2.0, 1.0, 3.0, -4.0], dtype=torch.float64)
    expected = stats.rankdata(values.numpy()) - 1
    assert projected._ranks(values).tolist() == expected.tolist()


def test_the_error_is_measured_on_examples_that_are_not_the_queries(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example's influence on itself is large, and easy to tell."""
    drawn = []
    real = store.measure_error

    def watching(tracing: Tracing, config: ProjectionConfig, *samples: Any) -> Any:
        drawn.extend(samples)
        return real(tracing, config, *samples)

    monkeypatch.setattr(store, "measure_error", watching)
    write_store(tracing_of(training), draw(20, seed=5), tmp_path / "store", SMALL, sample=(12, 8))
    (left, _), (right, _) = drawn
    together = torch.cat([left, right]).flatten(1)
    assert together.shape == (20, 36) and len(together.unique(dim=0)) == 20


def test_an_exact_projection_has_no_error(training: Training) -> None:
    measured = measure_error(tracing_of(training), LARGE, training.train, training.queries)
    assert measured.relative_rms == pytest.approx(0, abs=1e-6)
    assert measured.pearson == pytest.approx(1)
    assert measured.overlap == 1


def test_an_error_that_is_not_defined(training: Training, tmp_path: Path) -> None:
    """Where every exact score is zero, there is nothing to compare."""
    groups = ((("conv.weight",), 0.1), (("head.weight",), 0.0))
    still = train_and_record(tmp_path / "still", groups=groups, epochs=1)
    tracing = tracing_of(still, layers=["head.*"])
    write_store(tracing, still.train, tmp_path / "store", SMALL)
    error = Store.open(tmp_path / "store", tracing).info.error
    assert error is not None and error.relative_rms is None and error.pearson is None
    assert "an undefined share" in str(error) and "an undefined value" in str(error)
    unmeasured = write_store(tracing, still.train, tmp_path / "other", SMALL, sample=None)
    assert unmeasured.info.error is None


def test_the_seed_is_the_run_s_own_by_default(training: Training, tmp_path: Path) -> None:
    info = training.run.info.model_copy(update={"seed": 11})
    tracing = replace(tracing_of(training), run=replace(training.run, info=info))
    made = write_store(tracing, training.train, tmp_path / "store", sample=None)
    assert made.info.projection == ProjectionConfig(seed=11)
