"""Which examples are tampered with: shares, counts, classes and seeds, checked in one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.errors import InputError


def generator_of(seed: int) -> np.random.Generator:
    """What draws everything random; `InputError` when the seed is negative."""
    if seed < 0:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, --seed 0")
    return np.random.default_rng(seed)


def require_fraction(fraction: float) -> None:
    """Raise `InputError` unless `fraction` lies in (0, 1)."""
    if not 0.0 < fraction < 1.0:
        raise InputError(
            expected="a fraction in (0, 1)", came=f"{fraction:g}", do="pass, say, --fraction 0.1"
        )


def require_between(option: str, value: float, low: float, high: float) -> None:
    """Raise `InputError` unless the option lies in [low, high]."""
    if not low <= value <= high:
        raise InputError(
            expected=f"{option} from {low:.3g} to {high:.3g}", came=f"{value:g}", do="change it"
        )


def require_class(examples: Dataset, option: str, label: int) -> None:
    """Raise `InputError` unless `label` is a class of the data."""
    if not 0 <= label < len(examples.class_names):
        raise InputError(
            expected=f"{option} from 0 to {len(examples.class_names) - 1}",
            came=str(label),
            do="choose a class of the data",
        )


def choose(
    rows: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """A random share of the rows, without repetition; the count is rounded to the nearest.

    Raises:
        InputError: The fraction is outside (0, 1), or too small for a single row.
    """
    require_fraction(fraction)
    count = round(fraction * len(rows))
    if count == 0:
        raise InputError(
            expected=f"a fraction that changes at least one of {len(rows)} examples",
            came=f"{fraction:g}",
            do="pass a larger --fraction",
        )
    return generator.choice(rows, size=count, replace=False)
