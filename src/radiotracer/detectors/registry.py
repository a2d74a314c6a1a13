"""Every detector by name: built-in ones, those of installed packages, and a caller's own."""

from __future__ import annotations

import re

from radiotracer.detectors.protocol import Detector, Need
from radiotracer.errors import InputError
from radiotracer.registry import Registry

DEFAULT_DETECTOR = "contrast"
"""The detector that decides when none is named, and it can run; else it is `FALLBACK`."""

OPINION_DETECTOR = "out-of-fold"
"""The detector that decides about out-of-fold opinions, where it is registered; else `FALLBACK`."""

FALLBACK = "label-posterior"
"""The detector that needs no validation examples and still has a scale of its own."""

KNOWN_TARGET = "known-target"
"""The detector that decides when an incident is given."""

KNOWN_OUTPUT = "known-output"
"""The detector that decides when an incident is given, and there are no classes."""


def _place(detector: Detector) -> tuple[object, ...]:
    """In tables: the default first, then the fallback, then all by name, the yardsticks last."""
    first = (DEFAULT_DETECTOR, FALLBACK)
    rank = first.index(detector.name) if detector.name in first else len(first)
    return detector.baseline, rank, detector.name


DETECTORS: Registry[Detector] = Registry(
    "detector", home="radiotracer.detectors", group="radiotracer.detectors", order=_place
)
"""Every detector by name, in the order of tables. Each file of this package registers its own."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

TAKEN = frozenset(
    (
        *("id", "label", "score", "rank", "p_value", "q_value", "probability", "is_flagged"),
        *("suggested_label", "is_reference", "is_tampered"),
    )
)
"""Columns of tables that stand beside those of detectors, which bear their names."""


CHEAP = frozenset({Need.CLASSES, Need.HEAD})
"""What a yardstick may need that always runs: nothing beyond one forward pass."""


def baseline_names() -> tuple[str, ...]:
    """The names of the yardsticks that always run."""
    return tuple(name for name, each in DETECTORS.items() if each.baseline and each.needs <= CHEAP)


def detector_of(given: str | Detector) -> Detector:
    """A detector by its name, or the caller's own object.

    Raises:
        InputError: There is none of this name, or the object is no detector, or it has a name that
            cannot stand in tables or is another detector's.
    """
    if isinstance(given, str):
        return DETECTORS[given]
    parts = ("name", "summary", "needs", "baseline", "observe", "rank")
    lacking = [part for part in parts if not hasattr(given, part)]
    if isinstance(given, type) or lacking:
        what = (
            f"the class {given.__qualname__}" if isinstance(given, type) else type(given).__name__
        )
        raise InputError(
            expected=f"a detector: its name, or an object with {', '.join(parts)}",
            came=f"{what} without {', '.join(lacking)}" if lacking else what,
            do="see radiotracer.detectors.Detector; radiotracer.detectors.Summed makes one of a "
            "function",
        )
    if not isinstance(given.name, str) or not _NAME.fullmatch(given.name) or given.name in TAKEN:
        raise InputError(
            expected="a detector's name of letters, digits, '-', '_' and '.', not that of a column",
            came=repr(given.name)[:80],
            do="rename it",
        )
    known = DETECTORS.get(given.name)
    if known is not None:
        require_different(known, given)
    return given


def require_different(one: Detector, other: Detector) -> None:
    """Raise `InputError` where two detectors that are not the same have one name."""
    if one.name == other.name and one is not other:
        raise InputError(
            expected=f"one detector called {one.name!r}",
            came="two",
            do="give a detector of your own a name of its own",
        )
