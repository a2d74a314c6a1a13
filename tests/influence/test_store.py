"""Projected gradients on disk: what is answered, and how little is held."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from influence_helpers import Training, double_loop
from safetensors.torch import load_file
from store_helpers import LARGE, SMALL, by_hand, tracing_of
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.influence import Store, store, write_store
from radiotracer.influence.shards import write_shards


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

    real_top = store.strongest
    monkeypatch.setattr(store, "read_rows", reading)
    monkeypatch.setattr(store, "strongest", ranking)
    found = made.top(training.queries, 4)
    assert max(read) <= store.BLOCK and max(ranked) <= store.BLOCK
    assert len(ranked) > 3
    assert torch.equal(found.rows, expected[0].rows)
    torch.testing.assert_close(found.scores, expected[0].scores)
    torch.testing.assert_close(made.scores(training.queries), expected[1])


@pytest.mark.parametrize("k", [0, 10])
def test_k_out_of_range(written: Store, training: Training, k: int) -> None:
    with pytest.raises(InputError, match=f"examples, 9; got {k}; pass, say, top_k=10"):
        written.top(training.queries, k)
