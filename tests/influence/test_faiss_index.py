"""The same top-k by FAISS as by the blocked search."""

from __future__ import annotations

import sys

import pytest
import torch
from influence_helpers import Training

from radiotracer.errors import InputError
from radiotracer.gradients import ProjectionConfig
from radiotracer.influence import Store, Tracing, faiss_index, faiss_top, write_store


@pytest.fixture(scope="module")
def store(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Store:
    tracing = Tracing.of(training.model, training.run, training.train, batch_size=4)
    return write_store(
        tracing,
        training.train,
        tmp_path_factory.mktemp("faiss") / "store",
        ProjectionConfig(dimension=8),
        shard_bytes=700,
        sample=None,
    )


@pytest.mark.parametrize("proponents", [True, False])
@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_same_top_k(store: Store, training: Training, k: int, proponents: bool) -> None:
    pytest.importorskip("faiss")
    index = faiss_index(store)
    assert (index.ntotal, index.d) == (9, store.info.columns)
    found = faiss_top(index, store, training.queries, k, proponents)
    expected = store.top(training.queries, k, proponents)
    assert found.rows.dtype == torch.int64 and found.scores.dtype == torch.float64
    assert torch.equal(found.rows, expected.rows)
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-5, atol=1e-7)


def test_k_out_of_range(store: Store, training: Training) -> None:
    with pytest.raises(InputError, match="from 1 to the number of training examples, 9; got 10"):
        faiss_top(None, store, training.queries, 10)


def test_without_faiss(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InputError) as caught:
        faiss_index(store)
    assert str(caught.value) == (
        "expected FAISS, to search a store with; got an environment without it; "
        'pip install "radiotracer[faiss]", or use Store.top'
    )
