"""Audit by carriers where a suspect only gives scores: distil it, then look at the student."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from radiotracer.data import Images
from radiotracer.gradients import frozen_copy
from radiotracer.provenance.controls import CONTROLS
from radiotracer.provenance.designs._carriers.alignment import Reals, align
from radiotracer.provenance.designs._carriers.marking import features_of
from radiotracer.provenance.designs._carriers.white_box import (
    WhiteBoxResult,
    head_weights,
    require_carriers,
    require_classes,
    tested,
)


def audit_distilled(
    suspect: Callable[[Images], Reals],
    extractor: nn.Module,
    carriers: Reals,
    images: Images,
    marked_classes: Sequence[int],
    *,
    controls: int = CONTROLS,
    seed: int = 0,
) -> WhiteBoxResult:
    """Test whether a linear student of a suspect leans towards secret carriers.

    A linear classifier on the extractor's features is fitted to the suspect's scores by least
    squares: the suspect, distilled into the last layer of the extractor. Its rows are then tested
    as `audit_weights` tests a suspect's own. The fit knows nothing of the carriers, so the test is
    exact; what the extractor's features cannot say of the scores costs power only.

    Source: distillation before a white-box test is the black-box setting of Sablayrolles et al.
    2020; here the student is linear, and its fit has one solution.

    Args:
        suspect: Gives log-probabilities, shape (n, at least classes), for uint8 images.
        extractor: As for `audit_weights`.
        carriers: As for `audit_weights`.
        images: As for `audit_weights`; all are asked about.
        marked_classes: As for `audit_weights`.
        controls: As for `audit_weights`.
        seed: As for `audit_weights`.

    Raises:
        DataError: As for `audit_weights`.
        InputError: As for `audit_weights`, or the suspect's answers cannot be used.
        NotFiniteError: As for `audit_weights`.
    """
    classes = len(carriers)
    scores = suspect(images)[:, :classes]
    centred = scores - scores.mean(axis=1, keepdims=True)
    with frozen_copy(extractor, images, seed=seed, memory_format=torch.channels_last) as network:
        reference, features = head_weights(network), features_of(network, images)
    require_carriers(carriers, centred.T, features)
    marked = require_classes(marked_classes, classes)
    # The scores are one more set of features; as rows over them, each class's score is itself.
    alignment = align(centred, features)
    return tested(alignment, np.eye(classes), reference, carriers, marked, controls, seed)
