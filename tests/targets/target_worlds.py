"""Examples whose right targets are known, with wrong ones put among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class World:
    """n examples to be checked, m that are clean, and which of the first have a wrong target."""

    features: np.ndarray
    targets: np.ndarray
    wrong: np.ndarray
    validation: tuple[Any, Any] | None


def numbers(
    seed: int,
    n: int = 500,
    m: int = 0,
    d: int = 6,
    share: float = 0.0,
    kind: str = "others",
    noise: str = "normal",
) -> World:
    """Linear in the features, with errors that are larger where the first of them is."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n + m, d))
    weights = random.normal(size=d)
    drawn = {
        "normal": random.normal,
        "heavy": lambda size: random.standard_t(4, size),
        "skewed": lambda size: random.exponential(size=size) - 1.0,
    }[noise](size=n + m)
    middle = 3.0 * features @ weights / np.linalg.norm(weights)
    right = middle + 0.5 * np.exp(0.4 * features[:, 0]) * drawn
    given, wrong = right.copy(), np.zeros(n + m, dtype=bool)
    chosen = random.choice(n, round(share * n), replace=False)
    wrong[chosen] = True
    given[chosen] = {
        "others": random.choice(right, len(chosen)),
        "slipped": 10.0 * right[chosen],
    }[kind]
    validation = (features[n:], given[n:]) if m else None
    return World(features[:n], given[:n], wrong[:n], validation)


def tags(
    seed: int,
    n: int = 600,
    m: int = 0,
    d: int = 10,
    labels: tuple[tuple[float, float, float, float], ...] = ((0.0, 6.0, 0.0, 0.0),),
) -> World:
    """Labels with base, strength, and the rates at which a yes is invented and forgotten."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n + m, d))
    given, wrong = [], []
    for base, strength, invented, forgotten in labels:
        weights = random.normal(size=d)
        chance = expit(base + strength * features @ weights / np.linalg.norm(weights))
        right = random.uniform(size=n + m) < chance
        turned = random.uniform(size=n + m) < np.where(right, forgotten, invented)
        turned[n:] = False
        given.append(right ^ turned)
        wrong.append(turned)
    table = np.stack(given, axis=1).astype(np.int64)
    validation = (features[n:], table[n:]) if m else None
    return World(features[:n], table[:n], np.stack(wrong, axis=1)[:n], validation)
