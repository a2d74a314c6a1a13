"""Questions whose answers are known: an audit is only as good as its answers to these."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.provenance.coins import CONTROL
from radiotracer.provenance.finding import Control
from radiotracer.provenance.key import Key
from radiotracer.provenance.source import Source
from radiotracer.stats import uniformity

CONTROLS = 1000
"""Fresh keys that every test is repeated with, where that is cheap."""

SOUND = -3.0
"""log10 p below which a control has failed: a sound audit fails one control in a thousand."""


def control_keys(source: Source | np.random.Generator, count: int) -> tuple[Key, ...]:
    """Keys that marked nothing: what a test says under them is its null distribution.

    Args:
        source: The coins of the release that is audited (the same keys every time), or a
            generator.
        count: How many; the first ones do not depend on it.

    Raises:
        InputError: A negative count.
    """
    if count < 0:
        raise InputError(expected="a count of at least 0", came=str(count), do="pass 1000")
    if isinstance(source, Source):
        first = Key(source.derive(CONTROL))
        return tuple(Key(first.derive(str(i))) for i in range(count))
    return tuple(Key(source.bytes(32)) for _ in range(count))


def uniform_control(log10_p: NDArray[np.float64], *, name: str = "fresh keys") -> Control:
    """Whether a test rejects the null under keys that marked nothing as often as it may.

    One-sided: p-values that are too large, as discrete tests have, cost statistical
    power and nothing else.

    Args:
        log10_p: What the test said under each key, shape (n,).
        name: What the keys are.
    """
    found = uniformity(log10_p)
    rejected = float(np.mean(log10_p <= -2.0))
    return Control(
        name=name,
        expected="p-values uniform or larger (Kolmogorov-Smirnov, log10 p above -3)",
        came=f"{found.count:,} keys, {rejected:.1%} of them at p <= 0.01, "
        f"log10 p {found.excess_log10_p:z.1f}",
        passed=found.excess_log10_p > SOUND,
    )


def silent_control(name: str, log10_p: float, about: str) -> Control:
    """Whether a test is silent where nothing was marked.

    Args:
        name: What was tested.
        log10_p: What the test said of it.
        about: Some words on what it was.
    """
    return Control(
        name=name,
        expected="no evidence (log10 p above -3)",
        came=f"{about}: log10 p {log10_p:z.1f}",
        passed=log10_p > SOUND,
    )
