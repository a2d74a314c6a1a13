"""The nearest neighbours of every example among its features, exactly, in blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Examples whose distances to all others are in memory at once."""

PART = 32
"""Examples whose differences from their neighbours are in memory at once: so many stay in a
processor's cache."""

MOST = 100_000
"""Examples, of both parts, among which neighbours are looked for: some minutes on one core. The
time grows with the square of their number."""

DIRECTIONS = 256
"""Numbers of a vector at most; longer ones are turned into their principal directions first."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest others of n points, the nearest first.

    Args:
        distances: Euclidean, ascending, float64, shape (n, k).
        rows: Which points these are, int64, shape (n, k); of equally near ones any.
    """

    distances: NDArray[np.float64]
    rows: NDArray[np.int64]


def nearest(points: NDArray[np.float32], k: int, among: int | None = None) -> Neighbours:
    """The k nearest others of every point.

    Never more than `BLOCK` rows of the table of all distances are in memory.

    Args:
        points: Finite, shape (n, d).
        k: From 1 to the number of those that are looked among, less one.
        among: Only the first so many points are anybody's neighbours; None: all are.
    """
    held = points if among is None else points[:among]
    squares = np.einsum("ij,ij->i", held, held)
    count = min(len(held), k + 4)
    distances = np.empty((len(points), k))
    rows = np.empty((len(points), k), dtype=np.int64)
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        own = np.arange(start, start + len(block))
        table = squares - 2.0 * (block @ held.T)
        inside = own < len(held)
        table[np.flatnonzero(inside), own[inside]] = np.inf
        some = np.argpartition(table, count - 1, axis=1)[:, :count]
        exact = _distances(block, held, some)
        exact[some == own[:, np.newaxis]] = np.inf
        order = np.lexsort((some, exact), axis=1)[:, :k]
        distances[own] = np.take_along_axis(exact, order, axis=1)
        rows[own] = np.take_along_axis(some, order, axis=1)
    return Neighbours(distances, rows)


def _distances(
    block: NDArray[np.float32], held: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """From every point of a block to its own k rows of `held`, shape (b, k).

    Of the differences: those of large squares are inexact just where points are near.
    """
    found = np.empty(rows.shape)
    for start in range(0, len(block), PART):
        part = slice(start, start + PART)
        apart = held[rows[part]]
        apart -= block[part, np.newaxis]
        found[part] = np.einsum("ijk,ijk->ij", apart, apart)
    return np.sqrt(found)
