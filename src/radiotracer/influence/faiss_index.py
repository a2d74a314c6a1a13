"""A store's features in a FAISS index, for many queries against a store that fits into memory.

An ``IndexFlatIP`` compares with every example, as `Store.top` does: the same ranking but for
rounding, since FAISS sums in single precision.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients import Data
from radiotracer.influence.store import Store
from radiotracer.influence.top import Ranking, require_k

BLOCK = 4096
"""Training examples that are read at a time."""


def faiss_index(store: Store) -> Any:
    """A ``faiss.IndexFlatIP`` of all features, n x columns float32 in memory.

    Raises:
        InputError: FAISS is not installed.
        RunError: A file of the store is missing or damaged.
    """
    index = _faiss().IndexFlatIP(store.info.columns)
    for block in store.train_features(BLOCK):
        index.add(torch.cat(list(block), dim=1).numpy())
    return index


def faiss_top(
    index: Any, store: Store, queries: Data, top_k: int, proponents: bool = True
) -> Ranking:
    """As `Store.top`, by an index of the same store; equal scores in FAISS's order.

    Any index of inner products will do, approximate ones included.

    Raises:
        InputError: `top_k` is less than 1 or more than there are training examples.
        NotFiniteError: A query's feature is NaN or infinite.
    """
    require_k(top_k, store.info.rows)
    sign = 1 if proponents else -1
    rows: list[Tensor] = []
    scores: list[Tensor] = []
    for features in store.query_features(queries):
        products, found = index.search((sign * torch.cat(features, dim=1)).numpy(), top_k)
        rows.append(torch.from_numpy(found))
        scores.append(sign * torch.from_numpy(products).double())
    return Ranking(torch.cat(rows), torch.cat(scores))


def _faiss() -> Any:
    try:
        with warnings.catch_warnings():
            # Of the types that its wrapper generator makes.
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            import faiss
    except ImportError as error:
        raise InputError(
            expected="FAISS, to search a store with",
            came="an environment without it",
            do='pip install "radiotracer[faiss]", or use Store.top',
        ) from error
    return faiss
