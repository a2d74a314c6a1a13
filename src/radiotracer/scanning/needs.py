"""What a scan lacks, and which detectors therefore cannot run."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from importlib.util import find_spec

import numpy as np

from radiotracer.data import identify
from radiotracer.detectors import Detector, Need
from radiotracer.errors import InputError
from radiotracer.gradients import Data
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.survey import surveyed_layers


def lacking(inputs: ScanInputs, detectors: Sequence[Detector], *, classes: bool) -> set[Need]:
    """What a scan of a recorded training cannot give these detectors."""
    tracing = inputs.tracing
    missing = lacking_in_data(inputs.train, inputs.validation, detectors, classes=classes)
    missing |= {Need.OPINIONS, Need.OUTPUT if classes else Need.INCIDENT}
    if inputs.incident is None:
        missing |= {Need.INCIDENT, Need.OUTPUT}
    if len(inputs.run.checkpoints) < 2:
        missing.add(Need.CHECKPOINTS)
    if tracing.objective.head is None:
        missing.add(Need.HEAD)
    if not surveyed_layers(tracing.objective, inputs.train):
        missing.add(Need.LAYERS)
    return missing


def lacking_in_data(
    train: Data, validation: Data | None, detectors: Sequence[Detector], *, classes: bool = True
) -> set[Need]:
    """What the examples, or this Python, cannot give these detectors, whatever the evidence.

    Args:
        train: The training examples.
        validation: The validation examples, if there are any.
        detectors: Whose needs are looked at.
        classes: Whether examples have classes.
    """
    missing = set() if classes else {Need.CLASSES, Need.EVERY_CLASS}
    if validation is None:
        missing |= {Need.VALIDATION, Need.EVERY_CLASS}
    elif (
        classes
        and any(Need.EVERY_CLASS in each.needs for each in detectors)
        and not _has_every_class(train, validation)
    ):
        missing.add(Need.EVERY_CLASS)
    if find_spec("cleanlab") is None:
        missing.add(Need.CLEANLAB)
    return missing


def runnable(
    detectors: Sequence[Detector], missing: AbstractSet[Need]
) -> tuple[list[Detector], dict[str, str]]:
    """The detectors that can run without what is missing, and what each of the others needs.

    Raises:
        InputError: None can.
    """
    able, left_out = [], {}
    for detector in detectors:
        unmet = sorted(need.value for need in detector.needs & missing)
        if unmet:
            left_out[detector.name] = " and ".join(unmet)
        else:
            able.append(detector)
    if not able:
        raise InputError(
            expected="a detector that can run",
            came="; ".join(f"{name} needs {why}" for name, why in left_out.items()),
            do="pass validation=, or choose other detectors",
        )
    return able, left_out


def _has_every_class(train: Data, validation: Data) -> bool:
    """Whether two validation examples or more have each label of the training examples."""
    counts = np.bincount(identify(validation).labels)
    labels = np.unique(identify(train).labels)
    return bool(labels.max() < len(counts) and (counts[labels] >= 2).all())
