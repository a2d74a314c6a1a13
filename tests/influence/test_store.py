"""Projected gradients on disk: what is written, what is refused, what is answered."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from influence_helpers import Training, double_loop, draw, train_and_record
from safetensors.torch import load_file
from scipy import stats
from torch import Tensor

from radiotracer.errors import InputError, NotFiniteError, RunError
from radiotracer.gradients import ProjectionConfig, in_batches, project
from radiotracer.influence import Store, Tracing, measure_error, projected, store, write_store
from radiotracer.influence.shards import write_shards

SMALL = ProjectionConfig(dimension=8, seed=4)
LARGE = ProjectionConfig(dimension=10**4)


def tracing_of(training: Training, **options: Any) -> Tracing:
    return Tracing.of(training.model, training.run, training.train, batch_size=4, **options)


@pytest.fixture(scope="module")
def written(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("stores") / "small"
    return write_store(tracing_of(training), training.train, folder, SMALL, shard_bytes=700)


@pytest.fixture
def copy(written: Store, tmp_path: Path) -> Path:
    """A copy of the store's folder, to spoil."""
    return Path(shutil.copytree(written.folder, tmp_path / "copy"))


def by_hand(training: Training, projection: ProjectionConfig) -> Tensor:
    """Projected scores from `project` alone, everything in memory."""
    tracing = tracing_of(training)
    scores = torch.zeros(len(training.train[0]), len(training.queries[0]), dtype=torch.float64)
    for _, rates in tracing.checkpoints():
        left, right = (
            torch.cat(
                [
                    project(tracing.objective, batch, projection, rates)
                    for batch in in_batches(data, 3)
                ]
            )
            for data in (training.train, training.queries)
        )
        scores += left @ right.T
    return scores


def test_a_store_with_room_for_all_numbers_gives_exact_scores(
    training: Training, tmp_path: Path
) -> None:
    """The rates are neither 1 nor alike: a rate that counted twice, or not at all, would show."""
    write_store(tracing_of(training), training.train, tmp_path / "store", LARGE)
    found = Store.open(tmp_path / "store", tracing_of(training)).scores(training.queries)
    expected = double_loop(training, training.train, training.queries)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


def test_scores_are_inner_products_of_projections(written: Store, training: Training) -> None:
    again = Store.open(written.folder, tracing_of(training), training.train)
    expected = by_hand(training, SMALL)
    for each in (written, again):
        torch.testing.assert_close(each.scores(training.queries), expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(expected, by_hand(training, LARGE), rtol=0.01)


@pytest.mark.parametrize("proponents", [True, False])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_top_is_that_of_the_whole_matrix(
    written: Store, training: Training, k: int, proponents: bool
) -> None:
    scores = written.scores(training.queries)
    order = scores.argsort(dim=0, descending=proponents, stable=True)[:k].T
    found = written.top(training.queries, k, proponents)
    assert torch.equal(found.rows, order)
    assert torch.equal(found.scores, scores.T.gather(1, order))


def test_equal_scores_are_ranked_by_row(training: Training, tmp_path: Path) -> None:
    """Every example twice, each time in another shard."""
    inputs, labels = training.train
    doubled = torch.cat([inputs, inputs]), torch.cat([labels, labels])
    made = write_store(
        tracing_of(training), doubled, tmp_path / "store", SMALL, shard_bytes=700, sample=None
    )
    found = made.top(training.queries, 18)
    pairs = found.rows.view(5, 9, 2)
    assert torch.equal(pairs[:, :, 0] + 9, pairs[:, :, 1])


def test_shards_hold_the_rows_in_order(written: Store, training: Training, tmp_path: Path) -> None:
    whole = write_store(
        tracing_of(training), training.train, tmp_path / "whole", SMALL, sample=None
    )
    assert len(whole.info.checkpoints) == len(written.info.checkpoints) == 3
    for shards, (single,) in zip(written.info.checkpoints, whole.info.checkpoints, strict=True):
        assert len(shards) > 1
        files = [written.folder / shard.file for shard in shards]
        assert all(file.stat().st_size <= 700 for file in files)
        parts = [load_file(file)["features"] for file in files]
        assert [(shard.start, shard.rows) for shard in shards] == [
            (start, len(part))
            for start, part in zip(
                np.cumsum([0, *map(len, parts[:-1])]).tolist(), parts, strict=True
            )
        ]
        expected = load_file(whole.folder / single.file)["features"]
        assert expected.dtype == torch.float32
        assert expected.shape == (9, whole.info.columns // 3)
        assert torch.equal(torch.cat(parts), expected)
    listed = {shard.file for shards in written.info.checkpoints for shard in shards}
    assert {path.name for path in written.folder.iterdir()} == {*listed, "store.json"}


def test_a_shard_too_small_for_a_row(training: Training, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_store(
            tracing_of(training), training.train, tmp_path / "store", SMALL, shard_bytes=300
        )
    assert str(caught.value) == (
        "expected shards of at least 372 bytes, to hold one row; got 300; "
        "pass a larger shard_bytes or a smaller dimension"
    )
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_a_batch_is_held_when_shards_are_written(tmp_path: Path) -> None:
    alive: list[weakref.ref[Tensor]] = []

    def batches() -> Iterator[Tensor]:
        for number in range(40):
            assert sum(each() is not None for each in alive) <= 1
            batch = torch.full((5, 3), float(number))
            alive.append(weakref.ref(batch))
            yield batch
            del batch

    shards = write_shards(tmp_path, "x", batches(), rows=200, columns=3, each=33)
    parts = [load_file(tmp_path / shard.file)["features"] for shard in shards]
    assert [len(part) for part in parts] == [33] * 6 + [2]
    assert torch.equal(torch.cat(parts)[:, 0], torch.arange(40.0).repeat_interleave(5))


def test_no_more_than_a_block_is_held_when_queries_are_answered(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_store(tracing_of(training), training.train, tmp_path / "store", SMALL)
    expected = made.top(training.queries, 4), made.scores(training.queries)
    monkeypatch.setattr(store, "BLOCK", 2 * made.info.columns)
    real, read, ranked = store.read_rows, [], []

    def reading(*arguments: Any) -> Tensor:
        found = real(*arguments)
        read.append(found.numel())
        return found

    def ranking(blocks: Iterator[Tensor], *arguments: Any, **options: Any) -> Any:
        def watched() -> Iterator[Tensor]:
            for block in blocks:
                ranked.append(block.numel())
                yield block

        return real_top(watched(), *arguments, **options)

    real_top = store.top_k
    monkeypatch.setattr(store, "read_rows", reading)
    monkeypatch.setattr(store, "top_k", ranking)
    found = made.top(training.queries, 4)
    assert max(read) <= store.BLOCK and max(ranked) <= store.BLOCK
    assert len(ranked) > 3
    assert torch.equal(found.rows, expected[0].rows)
    torch.testing.assert_close(found.scores, expected[0].scores)
    torch.testing.assert_close(made.scores(training.queries), expected[1])


@pytest.mark.parametrize("k", [0, 10])
def test_k_out_of_range(written: Store, training: Training, k: int) -> None:
    with pytest.raises(InputError, match=f"examples, 9; got {k}; pass another k"):
        written.top(training.queries, k)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from influence_helpers import Network, draw, TRAIN
from radiotracer.gradients import ProjectionConfig
from radiotracer.influence import Tracing, write_store
from radiotracer.runs import Run

def progress(title, done, total):
    if title == "checkpoint 3 of 3" and done == 8:
        os.kill(os.getpid(), signal.SIGKILL)

pair = draw(TRAIN, seed=1)
tracing = Tracing.of(Network().double(), Run.open(sys.argv[2]), pair, batch_size=4)
write_store(
    tracing, pair, sys.argv[3], ProjectionConfig(dimension=8), progress,
    shard_bytes=700, overwrite=True,
)
"""


def test_a_killed_write(training: Training, copy: Path) -> None:
    """What was there is still there: only a whole store takes its place."""
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, Path(__file__).parent, training.run.folder, copy],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert Store.open(copy, tracing_of(training)).scores(training.queries).any()
    (left,) = (path for path in copy.parent.iterdir() if path != copy)
    assert left.name.startswith(".copy.") and any(left.iterdir())
    with pytest.raises(RunError) as caught:
        Store.open(left, tracing_of(training))
    assert (
        str(caught.value) == f"expected a store in {left}; got no store.json there; write one first"
    )


def test_a_write_that_fails_leaves_nothing(training: Training, tmp_path: Path) -> None:
    def progress(title: str, *_: int) -> None:
        if title == "checkpoint 2 of 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(tracing_of(training), training.train, tmp_path / "store", SMALL, progress)
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_not_finite(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finite in double precision, infinite in single."""
    monkeypatch.setattr(
        "radiotracer.influence.projected.project",
        lambda *_: torch.full((4, 2), 1e300, dtype=torch.float64),
    )
    with pytest.raises(NotFiniteError, match="finite influence at checkpoints/"):
        write_store(tracing_of(training), training.train, tmp_path / "store", SMALL, sample=None)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept(training: Training, copy: Path) -> None:
    with pytest.raises(InputError, match="already holds store"):
        write_store(tracing_of(training), training.train, copy, LARGE)
    made = write_store(tracing_of(training), training.train, copy, LARGE, overwrite=True)
    assert Store.open(copy, made.tracing).info.projection == LARGE


def test_progress(training: Training, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    write_store(
        tracing_of(training), training.train, tmp_path / "store", SMALL, lambda *x: told.append(x)
    )
    assert told == [(f"checkpoint {c} of 3", done, 9) for c in (1, 2, 3) for done in (4, 8, 9)]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


SPOIL: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed": (flip, "the file was damaged or changed: write the store again"),
    "cut": (truncate, "the file was damaged or changed: write the store again"),
    "missing": (Path.unlink, "got no such file; write the store again"),
}


@pytest.mark.parametrize("kind", SPOIL)
def test_a_damaged_shard_is_refused(training: Training, copy: Path, kind: str) -> None:
    spoil, message = SPOIL[kind]
    opened = Store.open(copy, tracing_of(training))
    shard = opened.info.checkpoints[1][-1]
    spoil(copy / shard.file)
    for ask in (lambda: opened.scores(training.queries), lambda: opened.top(training.queries, 2)):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(copy / shard.file) in str(caught.value)
        assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda info: info.pop("rows"), "rows: Field required"),
        (lambda info: info.update(schema_version=2), "schema_version: "),
        (lambda info: info.update(more=1), "more: "),
        (lambda info: info["projection"].update(dimension=0), "projection.dimension: "),
    ],
)
def test_a_damaged_description_is_refused(
    training: Training, copy: Path, change: Callable[[dict[str, Any]], None], where: str
) -> None:
    path = copy / "store.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    with pytest.raises(RunError) as caught:
        Store.open(copy, tracing_of(training))
    assert str(caught.value).startswith(f"expected a valid {path}; got {where}")
    path.write_text("{")
    with pytest.raises(RunError, match="valid"):
        Store.open(copy, tracing_of(training))


def test_a_store_of_something_else_is_refused(
    training: Training, written: Store, tmp_path: Path
) -> None:
    do = "pass what the store was written with, or write another"
    other = train_and_record(tmp_path / "other", epochs=2)
    changed = training.train[0], training.train[1].roll(1)
    for tracing, train, message in (
        (tracing_of(other), None, f"this run in {written.folder}; got another run's"),
        (
            tracing_of(training),
            changed,
            f"these training examples in {written.folder}; got one of others",
        ),
        (
            tracing_of(training, layers=["head.*"]),
            None,
            f"the 2 traced parameters in {written.folder}; got one of 6 others",
        ),
    ):
        with pytest.raises(RunError) as caught:
            Store.open(written.folder, tracing, train)
        assert str(caught.value).startswith(f"expected a store of {message}")
        assert str(caught.value).endswith(do)


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
