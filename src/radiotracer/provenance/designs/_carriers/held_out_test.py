"""Audit by carriers and scores: do the key's marks move a suspect more than fresh keys' marks?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Images, Labels
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import frozen_copy, require_linear_head
from radiotracer.provenance.controls import SOUND, silent_control, uniform_control
from radiotracer.provenance.design import Progress
from radiotracer.provenance.designs._carriers.held_out_marks import (
    IMAGES,
    STEPS,
    Questions,
    make_questions,
)
from radiotracer.provenance.designs._carriers.marking import features_of
from radiotracer.provenance.designs._carriers.settings import CONTROL_KEYS
from radiotracer.provenance.designs._carriers.testing import Build, extractor_of, require_shape
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.models import Suspect, require_access
from radiotracer.provenance.models.answers import to_scores
from radiotracer.provenance.preferences import log_odds
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source
from radiotracer.stats import fisher

Reals = NDArray[np.float64]

_NULL = (
    "bound: the key's carrier of a class and those of {} control keys were drawn alike, and which "
    "of their marks are the key's is a secret of its own for every class, so for a model that does "
    "not depend on the key its rank among them is uniform; ties count against it, and Fisher over "
    "the classes is exact for finer p-values and larger for these"
)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Ranks of the key's changes among those of control keys; position ``i``: the same class.

    Args:
        log10_p: Of each class, shape (k,): ``(1 + #{controls >= key}) / (K + 1)``.
        ahead: Share of the controls below the key less the share above, shape (k,), in [-1, 1].
        control_log10_p: What all classes together would have said of each control key among the
            other ones, shape (K,).
    """

    log10_p: Reals
    ahead: Reals
    control_log10_p: Reals

    @property
    def combined(self) -> float:
        """log10 p of all the classes together (Fisher)."""
        return float(fisher(self.log10_p))


def audit_held_out(  # noqa: PLR0917 - an audit's whole input
    release: Release,
    coins: Source,
    suspect: Suspect,
    held_out: Images,
    labels: Labels,
    build: Build,
    *,
    keys: int,
    images_per_class: int = IMAGES,
    steps: int = STEPS,
    kept: Kept | None = None,
    progress: Progress = lambda *_: None,
) -> Finding:
    """Ask a suspect about held-out images with the key's marks and with those of control keys.

    Held-out images of each class are marked, as the release was, with the key's carrier of their
    class and with K control keys' carriers of it. The statistic of a class and a key is the mean
    over its images of how much the mark raises the label's log odds in the suspect, less what a
    line through all K + 1 keys' changes in the extractor explains of it: directions that mean the
    class to any classifier. The p-value of a class is the rank of the key.

    Why it is valid: let S be the slot of the key among the K + 1 of a class (`Questions.order`).
    The carriers in the slots are independent and uniform on the sphere whatever S is, so S is
    independent of all images asked about. A suspect that does not depend on the key answers them
    without S, whether it remembers earlier questions or draws numbers; and the statistics of the
    slots, whose line treats all alike, follow from answers. Given all of that S is still uniform,
    for every class independently. So a rank counted with ties against the key is at most as small
    as a uniform number would be, and ranks of different classes are independent: Fisher's
    combination is a bound.

    Source: the question is that of Sablayrolles et al. 2020, "Radioactive data", the section on
    black-box detection, who compare the losses of marked and unmarked images; here marks are
    compared with marks, so that the answer is a p-value and not a difference. Rank tests against
    drawn controls are Barnard's (1963).

    Args:
        release: Of the design ``carriers``.
        coins: What was drawn in it.
        suspect: Gives scores of at least the classes of the data.
        held_out: Unmarked images that the suspect was not trained on, uint8, shape (n, h, w, c).
        labels: Their classes, int64, shape (n,), numbered as in the release.
        build: Makes the extractor from its description.
        keys: K, how many control keys; at least 19.
        images_per_class: How many images of each class are marked at most.
        steps: Of the marking.
        kept: As for `make_questions`.
        progress: Told how many images are marked.

    Raises:
        InputError: The suspect gives no scores, or too few; too few control keys.
        DataError: Held-out images of another shape, or too few of a marked class.
        NotFiniteError: Features or scores are NaN or infinite.
    """
    require_access(suspect, "scores")
    require_shape(held_out, release)
    require_labels(labels, held_out, release)
    extractor = extractor_of(release, build)
    asked = make_questions(
        release,
        coins,
        extractor,
        held_out,
        labels,
        keys,
        images_per_class=images_per_class,
        steps=steps,
        kept=kept,
        progress=progress,
    )
    scores = suspect.scores(asked.images)  # in one go: a budget is kept or nothing is asked
    classes = len(release.protocol.class_names)
    if scores.shape[1] < classes:
        raise InputError(
            expected=f"scores of the {classes} classes of the marked data from {suspect.name}",
            came=str(scores.shape[1]),
            do="audit a suspect that tells these classes apart",
        )
    raised = changes(asked, scores)
    compared = beyond_extractor(raised, changes(asked, _scores_of(extractor, asked.images)))
    is_marked = np.isin(asked.classes, release.protocol.marked_classes)
    marked = ranked(compared[is_marked])
    checked = [uniform_control(marked.control_log10_p, name="control keys")]
    silent = _silent(compared[~is_marked]) if not is_marked.all() else None
    if silent is not None:
        checked.append(silent)
    own = raised[is_marked]
    return Finding(
        access="scores",
        statistic="ranks of the key's marks among control keys' by how much they raise the label's "
        "log odds on held-out images, beyond the extractor's, combined over the marked classes",
        null=_NULL.format(keys),
        log10_p=marked.combined,
        effect=float(marked.ahead.mean()),
        effect_means="share of the control keys that the key is ahead of less the share ahead of "
        "it, mean over the marked classes, from -1 to 1",
        coins=int(is_marked.sum()),
        control_log10_p=tuple(marked.control_log10_p.tolist()),
        controls=tuple(checked),
        least_log10_p=least(int(is_marked.sum()), keys),
        stands_on=f"{int(is_marked.sum())} classes and {keys} control keys",
        details={
            "control_keys": keys,
            "classes": int(is_marked.sum()),
            "unmarked_classes": int((~is_marked).sum()),
            "images": len(asked.originals),
            "marking_steps": steps,
            "announced_in_protocol": CONTROL_KEYS in release.protocol.test,
            "log_odds_by_key": float(own[:, 0].mean()),
            "log_odds_by_control_keys": float(own[:, 1:].mean()),
            "smallest_log10_p_possible": least(int(is_marked.sum()), keys),
        },
    )


def changes(asked: Questions, scores: Reals) -> Reals:
    """By how much each key's marks raise the log odds of the label, mean over a class's images.

    Args:
        asked: What was asked.
        scores: Log-probabilities of `asked.images`, shape ((K + 2) n, columns).

    Returns:
        Natural logarithms, shape (classes, K + 1); column 0 is the key, the others control keys.
    """
    slots, n = asked.marked.shape[:2]
    told = log_odds(scores, np.tile(asked.labels, slots + 1)).reshape(slots + 1, n)
    raised = told[1:] - told[0]
    by_key = np.empty(asked.order.shape)
    for row, c in enumerate(asked.classes):
        by_key[row, asked.order[row]] = raised[:, asked.labels == c].mean(axis=1)
    return by_key


def beyond_extractor(raised: Reals, reference: Reals) -> Reals:
    """What is left of each class's changes after a line through its keys' in the extractor.

    The line is fitted to all keys alike (least squares), the key among them: which one it is
    cannot be told from the line.

    Args:
        raised: Shape (classes, keys).
        reference: The extractor's, same shape.
    """
    here = raised - raised.mean(axis=1, keepdims=True)
    there = reference - reference.mean(axis=1, keepdims=True)
    square = (there**2).sum(axis=1, keepdims=True)
    slope = (here * there).sum(axis=1, keepdims=True) / np.where(square > 0, square, 1.0)
    return np.asarray(raised - slope * there)


def ranked(by_key: Reals) -> Ranked:
    """Ranks of the key's changes among the control keys', and of those among each other.

    Args:
        by_key: Shape (classes, K + 1), K at least 2; column 0 is the key.
    """
    own, controls = by_key[:, :1], by_key[:, 1:]
    count = controls.shape[1]
    p = (1 + (controls >= own).sum(axis=1)) / (count + 1)
    # Each control key among the other K - 1: itself is at least itself, which is the 1.
    others = (controls[:, np.newaxis, :] >= controls[:, :, np.newaxis]).sum(axis=2) / count
    return Ranked(
        log10_p=np.log10(p),
        ahead=np.sign(own - controls).mean(axis=1),
        control_log10_p=fisher(np.log10(others.T)),
    )


def least(classes: int, keys: int) -> float:
    """The least log10 p that so many classes and control keys can show."""
    return float(fisher(np.full(classes, -np.log10(keys + 1))))


def require_labels(labels: Labels, images: Images, release: Release) -> None:
    """Raise `DataError` unless there is one of the release's classes for every image."""
    classes = len(release.protocol.class_names)
    fits = labels.shape == (len(images),) and labels.dtype == np.int64
    if not fits or not ((labels >= 0) & (labels < classes)).all():
        raise DataError(
            expected=f"{len(images)} labels from 0 to {classes - 1} of the held-out images",
            came=f"{labels.dtype} of shape {labels.shape}" + ", or others" * fits,
            do="pass held-out data of the same classes (held_out=)",
        )


def _silent(by_key: Reals) -> Control | None:
    """The same of classes that were not marked; None where it could not have failed."""
    if least(len(by_key), by_key.shape[1] - 1) > SOUND:
        return None
    about = f"{len(by_key)} classes"
    return silent_control("unmarked classes", ranked(by_key).combined, about)


def _scores_of(extractor: nn.Module, images: Images) -> Reals:
    """The extractor's own log-probabilities, shape (n, classes)."""
    with frozen_copy(extractor, images, seed=0) as network:
        head = require_linear_head(network)
        weight = head.weight.double().cpu().numpy()
        bias = 0.0 if head.bias is None else head.bias.double().cpu().numpy()
        logits = features_of(network, images) @ weight.T + bias
    return np.asarray(
        to_scores(logits, outputs="logits", n=len(images), classes=None, who="the extractor")
    )
