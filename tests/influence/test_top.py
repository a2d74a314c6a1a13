"""Running top-k against sorting the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from influence_helpers import Training, double_loop
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.influence import Top, Tracing, strongest, top, top_pairs, tracin_cp_pairs


def by_sorting(scores: Tensor, k: int, largest: bool) -> tuple[NDArray[np.int64], Tensor]:
    """Rows by score and then by row number, the whole matrix at once."""
    values = scores.double().numpy()
    rows = np.argsort(-values if largest else values, axis=0, kind="stable")[:k].T
    return rows, scores.double().T.gather(1, torch.from_numpy(rows.copy()))


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Tensor, list[int]]:
    """Few different scores, so that many are equal, and where the blocks end."""
    n, m = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    numbers = st.sampled_from([-1.5, -0.0, 0.0, 1.0, 1e300])
    flat = draw(st.lists(numbers, min_size=n * m, max_size=n * m))
    ends = draw(st.lists(st.integers(0, n), max_size=6))
    return torch.tensor(flat, dtype=torch.float64).view(n, m), sorted(ends)


@given(matrices(), st.data(), st.booleans())
def test_top_k_of_blocks_is_top_k_of_the_matrix(
    case: tuple[Tensor, list[int]], data: st.DataObject, largest: bool
) -> None:
    scores, ends = case
    k = data.draw(st.integers(1, len(scores)))
    blocks = torch.tensor_split(scores, ends)
    ranking = strongest(iter(blocks), k, largest)
    rows, expected = by_sorting(scores, k, largest)
    assert ranking.rows.dtype == torch.int64 and ranking.scores.dtype == torch.float64
    np.testing.assert_array_equal(ranking.rows.numpy(), rows)
    assert torch.equal(ranking.scores, expected)


def test_both_ends_of_single_precision_scores() -> None:
    scores = torch.randn(500, 7, generator=torch.Generator().manual_seed(0))
    found = Top.of(scores.split(64), 10)
    for rows, values, largest in (
        (found.proponents_rows, found.proponents_scores, True),
        (found.opponents_rows, found.opponents_scores, False),
    ):
        expected_rows, expected = by_sorting(scores, 10, largest)
        np.testing.assert_array_equal(rows.numpy(), expected_rows)
        assert torch.equal(values, expected)


def test_only_the_best_are_held() -> None:
    best = top._Best(3, largest=True)
    for _ in range(20):
        best.add(torch.rand(1000, 2))
        held = [value for value in vars(best).values() if isinstance(value, Tensor)]
        assert [value.untyped_storage().nbytes() for value in held] == [2 * 3 * 8] * 2


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "expected top_k= of at least 1; got 0; pass, say, top_k=10"),
        (-2, "expected top_k= of at least 1; got -2; pass, say, top_k=10"),
        (
            6,
            "expected top_k= from 1 to the number of training examples, 5; got 6; "
            "pass, say, top_k=10",
        ),
    ],
)
def test_a_k_that_cannot_be(k: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        strongest([torch.zeros(3, 2), torch.zeros(2, 2)], k)
    assert str(caught.value) == message


@pytest.mark.parametrize("memory", [1, 2 * 9 * 8, 10**9])
def test_exact_proponents_and_opponents(training: Training, memory: int) -> None:
    sizes = []

    def counting(tracing: Tracing, train: object, queries: tuple[Tensor, Tensor]) -> Tensor:
        scores = tracin_cp_pairs(tracing, train, queries)
        sizes.append(8 * scores.numel())
        return scores

    tracing = Tracing.of(training.model, training.run, training.train, batch_size=4)
    found = top_pairs(tracing, training.train, training.queries, 4, formula=counting, memory=memory)
    assert max(sizes) <= max(memory, 9 * 8)
    assert sum(sizes) == 9 * 5 * 8
    scores = double_loop(training, training.train, training.queries)
    for rows, values, largest in (
        (found.proponents_rows, found.proponents_scores, True),
        (found.opponents_rows, found.opponents_scores, False),
    ):
        expected_rows, expected = by_sorting(scores, 4, largest)
        np.testing.assert_array_equal(rows.numpy(), expected_rows)
        torch.testing.assert_close(values, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [0, 10])
def test_more_than_there_are(training: Training, k: int) -> None:
    tracing = Tracing.of(training.model, training.run, training.train)
    with pytest.raises(InputError, match="from 1 to the number of training examples, 9"):
        top_pairs(tracing, training.train, training.queries, k)
