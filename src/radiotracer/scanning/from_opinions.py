"""From out-of-fold opinions to a ranking of all examples, and to those that are flagged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from radiotracer.data import Dataset, identify
from radiotracer.detectors import (
    DETECTORS,
    FALLBACK,
    OPINION_DETECTOR,
    Detector,
    Need,
    Observation,
    Reference,
    Rule,
    Seen,
    Survey,
    Trace,
)
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.gradients import PENULTIMATE, LastLayerGradients
from radiotracer.opinions import Opinions
from radiotracer.recipes import Manifest
from radiotracer.scanning.concluding import Undecided, concluded, deciding
from radiotracer.scanning.inputs import require_same_kind
from radiotracer.scanning.needs import lacking_in_data, runnable
from radiotracer.scanning.out_of_fold import OutOfFold
from radiotracer.scanning.passes import observed_by
from radiotracer.scanning.ranked import Progress, Rankings, rank_each
from radiotracer.scanning.result import Scan
from radiotracer.scanning.validate import chosen, require_reference, require_settings

STAGE = "examples by every detector"
"""What progress calls it."""

NEEDS_A_TRAINING = frozenset(
    {
        *(Need.DIRECTION, Need.UNIT_DIRECTION, Need.NORM, Need.CHECKPOINTS),
        *(Need.INCIDENT, Need.OUTPUT),
    }
)
"""What only a recorded training has: gradients of all layers, several checkpoints, and predictions
gone wrong."""


def default_detectors() -> tuple[str, ...]:
    """What runs, beside the baselines, when no detector is named; the first one decides."""
    own = (OPINION_DETECTOR,) if OPINION_DETECTOR in DETECTORS else ()
    return (*own, FALLBACK, "tracin-last-layer", "self-influence-last-layer", "deep-knn")


def scan_opinions(
    opinions: Opinions,
    train: Dataset,
    validation: Dataset | None = None,
    *,
    manifest: Manifest | None = None,
    detectors: Sequence[str | Detector] = (),
    rule: Rule | None = None,
    clean_reference: Reference | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Scan:
    """Rank examples by what models that never saw them say of their labels; decide what is flagged.

    To detectors this is one checkpoint, whose outputs are the log probabilities of models that were
    not fitted to the example and whose last layer reads the reduced features. What needs a
    recorded training is left out by name.

    Args:
        opinions: About exactly these examples, in their order.
        train: The n examples in question.
        validation: The m clean examples that there are opinions about, too.
        manifest: The ground truth, to judge detectors by; never read by a detector.
        detectors: Names, and objects of your own (`radiotracer.detectors.Detector`); the first one
            decides. Without any, `OPINION_DETECTOR` decides. `label-posterior` and the baselines
            always run.
        rule: How to decide; None is calibrated (see `radiotracer.detectors.calibrated`).
        clean_reference: Examples that are known to be clean, for a false discovery rate that is
            guaranteed; they are never flagged.
        seed: For what is random.
        progress: Told how far it is.

    Raises:
        DataError: The opinions are not about these examples, or the validation examples are of
            another kind.
        InputError: An unknown detector, two of one name, one that does not give what it promises,
            the deciding one cannot run, a setting out of range, or a reference that is too small or
            beside another rule.
        NotFiniteError: NaN or infinity in the opinions or in scores.
    """
    asked = chosen(detectors, default=default_detectors())
    require_settings(1, seed)
    require_reference(rule, clean_reference, len(train))
    if validation is not None:
        require_same_kind(train, validation)
    _require_about(opinions, train, validation)
    able, left_out = runnable(asked, _lacking(opinions, train, validation, asked))
    must = [*asked[:1]] if detectors else []
    detector = deciding(
        must,
        able,
        left_out,
        default=OPINION_DETECTOR,
        has_validation=validation is not None,
    )
    source = OutOfFold(opinions, train, validation)
    return concluded(
        Undecided(
            source=source,
            train=train,
            identity=identify(train),
            validation=validation,
            class_names=train.class_names,
            manifest=manifest,
            detectors=able,
            ranked=_ranked(source, able, seed, progress),
            left_out=left_out,
            seed=seed,
        ),
        detector,
        rule,
        clean_reference,
    )


def _lacking(
    opinions: Opinions,
    train: Dataset,
    validation: Dataset | None,
    detectors: Sequence[Detector],
) -> set[Need]:
    missing = lacking_in_data(train, validation, detectors) | NEEDS_A_TRAINING
    if opinions.features is None:
        missing |= {Need.HEAD, Need.LAYERS}
    return missing


def _ranked(
    source: OutOfFold, detectors: Sequence[Detector], seed: int, progress: Progress
) -> Rankings:
    """Every detector's ranking, from one observation of either side."""
    opinions, asked = source.opinions, source.asked
    train = _observed(opinions.outputs, opinions.labels, source.gradients)
    validation = None
    if opinions.validation_outputs is not None and opinions.validation_labels is not None:
        validation = _observed(opinions.validation_outputs, opinions.validation_labels, asked)
    if asked is not None:
        train = dataclasses.replace(train, query_sum=asked.sum())
    points = opinions.points
    survey = Survey(
        _seen(train, None if points is None else points[0]),
        None if validation is None else _seen(validation, None if points is None else points[1]),
        opinions=opinions,
    )
    # One pass that all detectors share: it counts for each of them.
    seconds = {each.name: opinions.seconds for each in detectors}
    n, done = len(opinions.labels), 0

    def trace_of(detector: Detector) -> Trace:
        compared = validation if Need.COMPARISON in detector.needs else None
        return Trace(
            train=observed_by(detector, train).numpy(),
            labels=opinions.labels,
            validation=None if compared is None else observed_by(detector, compared).numpy(),
            validation_labels=None if compared is None else opinions.validation_labels,
            classes=opinions.classes,
            checkpoints=1,
            seed=seed,
            survey=survey,
        )

    def tell() -> None:
        nonlocal done
        done += n
        progress(STAGE, done, n * len(detectors))

    return Rankings(rank_each(detectors, trace_of, seconds, tell), seconds)


def _observed(
    outputs: NDArray[np.float64], labels: NDArray[np.int64], gradients: LastLayerGradients | None
) -> Observation:
    """What detectors are shown of n examples: log probabilities as outputs, in float64."""
    given, said = torch.from_numpy(labels), torch.from_numpy(outputs)
    losses = -said.gather(1, given.unsqueeze(1))[:, 0]
    return Observation(labels=given, losses=losses, outputs=said, last_layer=gradients)


def _seen(observed: Observation, features: NDArray[np.float32] | None) -> Seen:
    """The reduced features: detectors that want them standardised do that themselves."""
    layers = {} if features is None else {PENULTIMATE: torch.from_numpy(features)}
    return Seen(observed.labels, observed.outputs, layers)


def _require_about(opinions: Opinions, train: Dataset, validation: Dataset | None) -> None:
    """Raise unless the opinions are finite, and about these examples, classes and labels."""
    _require_side("training", opinions.labels, train)
    classes = len(train.class_names)
    if opinions.classes != classes or classes < 2:
        raise DataError(
            expected=f"opinions about the {classes} classes of the training examples, two or more",
            came=f"{opinions.classes} classes",
            do="form them anew from these data",
        )
    if validation is not None:
        _require_side("validation", opinions.validation_labels, validation)
    elif opinions.validation_labels is not None:
        raise DataError(
            expected="validation=, the validation examples that there are opinions about",
            came="none",
            do="pass them",
        )
    _require_array("outputs", opinions.outputs, (len(train), classes))
    if validation is not None:
        _require_array("validation", opinions.validation, (None, len(validation), classes))
    if opinions.features is not None:
        _require_array("features", opinions.features, (len(train), None))
        if validation is not None:
            shape = (len(validation), opinions.features.shape[1])
            _require_array("validation_features", opinions.validation_features, shape)


def _require_side(side: str, labels: NDArray[np.int64] | None, data: Dataset) -> None:
    if labels is None or not np.array_equal(labels, data.labels):
        raise DataError(
            expected=f"opinions about the {len(data):,} {side} examples, with their labels",
            came="none" if labels is None else f"{len(labels):,} labels that are not these",
            do="form them anew from these data",
        )


def _require_array(
    name: str, array: NDArray[np.floating] | None, shape: Sequence[int | None]
) -> None:
    if (
        array is None
        or array.ndim != len(shape)
        or any(size not in (None, came) for came, size in zip(array.shape, shape, strict=True))
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            expected=f"{name} of opinions with shape ({wanted})",
            came="none" if array is None else f"shape {array.shape}",
            do="form the opinions anew from these data",
        )
    if not np.isfinite(array).all():
        raise NotFiniteError(
            expected=f"finite {name} of opinions",
            came=f"{int((~np.isfinite(array)).sum())} NaN or infinite",
            do="bound the probabilities away from 0 before their logarithm",
        )
