"""Tables of results in Markdown, and numbers over repetitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from radiotracer.stats import clopper_pearson, uniformity

LEVELS = (0.05, 0.01, 0.001)
"""At which a test rejects its null."""


def row(cells: Iterable[object]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(titles: Sequence[str]) -> str:
    """The first two lines of a table."""
    return f"{row(titles)}\n{row(['---'] * len(titles))}"


def table(titles: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A whole table."""
    return "\n".join([head(titles), *map(row, rows)])


def spread(values: Iterable[float | None], digits: int = 3) -> str:
    """The mean of the known values, behind it the lowest and the highest where they differ."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    mean, low, high = (f"{x:.{digits}f}" for x in (np.mean(known), min(known), max(known)))
    return mean if min(known) == max(known) else f"{mean} ({low} to {high})"


def rejections(found: Mapping[str, Sequence[float]], what: str = "test") -> str:
    """How often tests rejected where their null held: one row per test.

    Args:
        found: log10 p of every audit, by test, or whatever they are told apart by.
        what: What that is.

    Returns:
        The shares at `LEVELS` with their exact 95 % intervals; and whether p-values are smaller
        than uniform ones (Kolmogorov-Smirnov, one-sided).
    """
    titles = [what, "pairs", *(f"rejected at {level:g}" for level in LEVELS), "KS log10 p"]
    return table(titles, (_rejected(name, np.asarray(values)) for name, values in found.items()))


def _rejected(name: str, log10_p: np.ndarray) -> Iterator[object]:
    yield name
    yield f"{len(log10_p):,}"
    for level in LEVELS:
        hits = int((log10_p <= np.log10(level)).sum())
        low, high = clopper_pearson(hits, len(log10_p))
        yield f"{hits / len(log10_p):.2%} ({low:.2%} to {high:.2%})"
    yield f"{uniformity(log10_p).excess_log10_p:.2f}"
