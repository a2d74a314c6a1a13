"""What is asked of a scan, checked before it begins."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence

from radiotracer.data import Identity, identify
from radiotracer.data.identity import NO_CLASS
from radiotracer.detectors import (
    DEFAULT_DETECTOR,
    DETECTORS,
    FALLBACK,
    KNOWN_OUTPUT,
    KNOWN_TARGET,
    Detector,
    Reference,
    Rule,
    baseline_names,
    detector_of,
    require_different,
)
from radiotracer.errors import InputError
from radiotracer.gradients import LossTask, Task
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

WITHOUT_CLASSES = ("loss-drop", "self-influence", "gradient-norm")
"""The same where examples have no classes; the first one ranks, and decides nothing by itself.

None of them finds a backdoor that is learned soonest (docs/results.md): they are where one begins.
"""


def checked(inputs: ScanInputs) -> tuple[Identity, tuple[str, ...]]:
    """The identity of the training examples, and the classes; none where they have none.

    Raises:
        DataError: Data that do not belong together, or a label outside the classes.
        InputError: Classes, but no classifier; or what cannot be traced, such as losses that do
            not repeat.
        RunError: The network and the checkpoints do not fit each other.
    """
    identity = require_trained_on(inputs.run, inputs.train)
    labels = {"training examples": identity.labels}
    for side, data in inputs.sides.items():
        if side != "train":
            require_same_kind(inputs.train, data)
            labels[f"{side} data"] = identify(data).labels
    tracing = inputs.tracing
    names: tuple[str, ...] = ()
    if (identity.labels != NO_CLASS).any():
        names = class_names_of(tracing, tracing.one(inputs.train), labels)
    for side, data in inputs.sides.items():
        require_steady(tracing.objective if side == "train" else tracing.asked, data)
    return identity, names


def chosen(
    detectors: Sequence[str | Detector],
    *,
    has_incident: bool = False,
    classes: bool = True,
    default: Sequence[str] = DEFAULT_DETECTORS,
) -> list[Detector]:
    """Which detectors run, each once; the one that asks about an incident where there is one.

    Args:
        detectors: Names, and objects of the caller's own; the first one decides.
        has_incident: Whether examples are known to be predicted wrongly.
        classes: Whether examples have classes; else `WITHOUT_CLASSES` is the default.
        default: What runs, beside the baselines, when none is named.

    Raises:
        InputError: One is unknown or no detector, or two have one name.
    """
    asked = [KNOWN_TARGET if classes else KNOWN_OUTPUT] if has_incident else []
    always = [FALLBACK] if classes else []
    names = [*detectors, *asked]
    if not detectors:
        names += default if classes else WITHOUT_CLASSES
    found: dict[str, Detector] = {}
    for each in map(detector_of, [*names, *always, *baseline_names()]):
        require_different(found.setdefault(each.name, each), each)
    return list(found.values())


def require_sendable(runner: Runner, detectors: Sequence[Detector], task: Task) -> None:
    """Raise `InputError` where workers in other processes could not be told what to compute."""
    if not isinstance(runner, Processes):
        return  # this process needs no telling, and Ray sends functions by value
    interactive = not hasattr(sys.modules["__main__"], "__file__")
    for each in (*detectors, task.loss if isinstance(task, LossTask) else task):
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


def require_scale(
    rule: Rule | None, detector: str, reference: Reference | None, *, has_validation: bool
) -> None:
    """Refuse a rate, where there are no classes, that nothing could be held against.

    Args:
        rule: What was asked for.
        detector: The one that decides.
        reference: Examples that are known to be clean.
        has_validation: Whether there are validation examples.
    """
    own = detector not in DETECTORS or (detector == KNOWN_OUTPUT and has_validation)
    if rule is not None and rule.fdr is not None and reference is None and not own:
        raise InputError(
            expected=f"clean_reference= for a false discovery rate by {detector}",
            came="none",
            do="pass clean_reference=, top_k= or threshold=, or incident= with validation=",
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
