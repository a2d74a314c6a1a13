"""What is asked of a scan, checked before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.data import Identity, identify
from radiotracer.detectors import (
    BASELINES,
    DEFAULT_DETECTOR,
    DETECTORS,
    FALLBACK,
    KNOWN_TARGET,
    Reference,
    Rule,
)
from radiotracer.errors import InputError
from radiotracer.influence import Tracing
from radiotracer.scanning.execution import Given, Settings
from radiotracer.scanning.inputs import class_names_of, require_same_kind, require_trained_on

DEFAULT_DETECTORS = (
    DEFAULT_DETECTOR,
    FALLBACK,
    "tracin-cp",
    "tracin-last-layer",
    "self-influence-last-layer",
)
"""What runs, beside the baselines, when no detector is named: what shares a few passes."""


def opened(given: Given, settings: Settings) -> tuple[Identity, Tracing, tuple[str, ...]]:
    """The identity of the training examples, the network ready to be traced, the classes."""
    identity = require_trained_on(given.run, given.train)
    sides = {"queries": given.queries, "incident": given.incident}
    for each in sides.values():
        require_same_kind(given.train, each)
    tracing = settings.opened(given).tracing
    labels = {"training examples": identity.labels}
    labels |= {side: identify(data).labels for side, data in sides.items() if data is not None}
    return identity, tracing, class_names_of(tracing, tracing.one(given.train), labels)


def chosen(detectors: Sequence[str], *, told: bool) -> list[str]:
    """Which detectors run; `told` of an incident, the one that asks about it is among them."""
    for name in detectors:
        if name not in DETECTORS:
            raise InputError(
                expected=f"a detector ({', '.join(DETECTORS)})",
                came=repr(name),
                do="check the spelling",
            )
    incident = [KNOWN_TARGET] if told else []
    names = [*detectors, *incident] if detectors else [*incident, *DEFAULT_DETECTORS]
    return list(dict.fromkeys([*names, FALLBACK, *BASELINES]))


def require_settings(batch_size: int, seed: int) -> None:
    """Raise `InputError` where one is out of range."""
    if batch_size < 1:
        raise InputError(expected="--batch-size of at least 1", came=str(batch_size), do="raise it")
    if seed < 0:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, --seed 0")


def require_reference(rule: Rule | None, reference: Reference | None, examples: int) -> None:
    """Refuse what could only fail after the scan."""
    rate = None if rule is None else rule.fdr
    if reference is not None and rate is None:
        raise InputError(
            expected="a false discovery rate beside a reference",
            came="none",
            do="pass --fdr, or no --reference",
        )
    if reference is None and rule is not None and rule.storey:
        raise InputError(
            expected="a reference for an estimated share of honest examples",
            came="none",
            do="pass --reference, or no --storey",
        )
    if reference is not None and rate is not None:
        reference.require_use(examples, rate)
