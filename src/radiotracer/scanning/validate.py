"""What is asked of a scan, checked before it begins."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence

from radiotracer.data import Identity, identify
from radiotracer.detectors import (
    DEFAULT_DETECTOR,
    FALLBACK,
    KNOWN_TARGET,
    Detector,
    Reference,
    Rule,
    baseline_names,
    detector_of,
    require_different,
)
from radiotracer.errors import InputError
from radiotracer.gradients import LossFunction
from radiotracer.influence.steady import require_steady
from radiotracer.influence.tracing import require_batch_size
from radiotracer.scale import Processes, Runner
from radiotracer.scanning.inputs import (
    ScanInputs,
    class_names_of,
    require_same_kind,
    require_trained_on,
)

DEFAULT_DETECTORS = (
    DEFAULT_DETECTOR,
    FALLBACK,
    "tracin-cp",
    "tracin-last-layer",
    "self-influence-last-layer",
)
"""What runs, beside the baselines, when no detector is named: what shares a few passes."""


def checked(inputs: ScanInputs) -> tuple[Identity, tuple[str, ...]]:
    """The identity of the training examples, and the classes.

    Raises:
        DataError: Data that do not belong together, or a label outside the classes.
        InputError: No classifier, or what cannot be traced, such as losses that do not repeat.
        RunError: The network and the checkpoints do not fit each other.
    """
    identity = require_trained_on(inputs.run, inputs.train)
    labels = {"training examples": identity.labels}
    for side, data in inputs.sides.items():
        if side != "train":
            require_same_kind(inputs.train, data)
            labels[f"{side} data"] = identify(data).labels
    tracing = inputs.tracing
    names = class_names_of(tracing, tracing.one(inputs.train), labels)
    for side, data in inputs.sides.items():
        require_steady(tracing.objective if side == "train" else tracing.asked, data)
    return identity, names


def chosen(
    detectors: Sequence[str | Detector],
    *,
    has_incident: bool = False,
    default: Sequence[str] = DEFAULT_DETECTORS,
) -> list[Detector]:
    """Which detectors run, each once; the one that asks about an incident where there is one.

    Args:
        detectors: Names, and objects of the caller's own; the first one decides.
        has_incident: Whether examples are known to be predicted wrongly.
        default: What runs, beside the baselines, when none is named.

    Raises:
        InputError: One is unknown or no detector, or two have one name.
    """
    asked = [KNOWN_TARGET] if has_incident else []
    names = [*detectors, *asked] if detectors else [*asked, *default]
    found: dict[str, Detector] = {}
    for each in map(detector_of, [*names, FALLBACK, *baseline_names()]):
        require_different(found.setdefault(each.name, each), each)
    return list(found.values())


def require_sendable(runner: Runner, detectors: Sequence[Detector], loss: LossFunction) -> None:
    """Raise `InputError` where workers in other processes could not be told what to compute."""
    if not isinstance(runner, Processes):
        return  # this process needs no telling, and Ray sends functions by value
    interactive = not hasattr(sys.modules["__main__"], "__file__")
    for each in (*detectors, loss):
        name = getattr(each, "name", "the loss")
        try:
            sent = pickle.dumps(each)
        except Exception as error:
            raise InputError(
                expected=f"{name} as something that can be sent to worker processes",
                came=f"{type(error).__name__}: {str(error)[:150]}",
                do="define its class and functions in a module, or scan in this process",
            ) from error
        if interactive and b"__main__" in sent:
            raise InputError(
                expected=f"{name} from a module that worker processes can import",
                came="one that was defined in this session",
                do="define it in a file, or scan in this process",
            )


def require_settings(batch_size: int, seed: int) -> None:
    """Raise `InputError` where one is out of range."""
    require_batch_size(batch_size)
    if seed < 0:
        raise InputError(expected="seed= of at least 0", came=str(seed), do="pass, say, seed=0")


def require_kind(name: str, value: object, kind: type) -> None:
    """Raise `InputError` unless an argument is of this class, or None."""
    if value is not None and not isinstance(value, kind):
        raise InputError(
            expected=f"{name}= as a radiotracer.{kind.__name__}",
            came=repr(value)[:100],
            do="make one, or leave it out",
        )


def require_reference(rule: Rule | None, reference: Reference | None, examples: int) -> None:
    """Refuse what could only fail after the scan."""
    rate = None if rule is None else rule.fdr
    if reference is not None and rate is None:
        raise InputError(
            expected="fdr= beside clean_reference=",
            came="none",
            do="pass rule=Rule(fdr=0.05), or no clean_reference=",
        )
    if reference is None and rule is not None and rule.storey:
        raise InputError(
            expected="clean_reference= for an estimated share of clean examples",
            came="none",
            do="pass clean_reference=, or no storey=",
        )
    if reference is not None and rate is not None:
        reference.require_use(examples, rate)
