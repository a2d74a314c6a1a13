"""Is a suspect asked as it was trained? Found out on unmarked released examples, before an audit.

A model that counts its classes in another order, or that is given pixels on another scale, in
another layout or without its normalisation, answers all the same, and an audit finds nothing. Such
an audit would count. So the suspect is asked first about public, unmarked examples: where it knows
no more of them than chance, or clearly more when it is asked in another way, the audit stops and
says in which one. Nothing of the coins is looked at, so p-values stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from radiotracer.errors import InputError
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.mapped import Mapped
from radiotracer.provenance.models.preparation import LAYOUTS, PLAIN, Preparation
from radiotracer.provenance.release import Release
from radiotracer.stats import binomial_log10_p

MOST = 200
"""About how many unmarked examples a suspect is asked."""

LEAST = 50
"""Fewer tell nothing: then nothing is said."""

LEVEL = -3.0
"""Log10 of how often an accuracy by chance passes, or another way seems better by chance."""

ALIKE = 0.02
"""Accuracies that differ by no more are alike."""

_SURE = 0.05
"""A mean loss below this leaves nothing to be better."""

_STANDARD_ERRORS = 4.0
"""By so many the mean loss is lower where another way is clearly better, its accuracy higher."""

_IMAGENET = Preparation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True, eq=False)
class Way:
    """A way to ask, and what came of it.

    Args:
        options: What one passes for it, as arguments of `open_suspect`; empty: as asked.
        right: Whether the label was named, bool, shape (n,).
        losses: Minus the log-probability of the label, shape (n,); None of labels.
    """

    options: str
    right: NDArray[np.bool_]
    losses: NDArray[np.float64] | None

    @property
    def rank(self) -> tuple[float, float]:
        """Higher is better: more are right or, of as many, with more confidence."""
        return float(self.right.mean()), 0.0 if self.losses is None else -float(self.losses.mean())

    @property
    def changes(self) -> float:
        """How many options it needs; another order of classes is more than another form."""
        return self.options.count("=") + ("classes_map" in self.options) / 2

    def clearly_beats(self, other: Way, ways: int) -> bool:
        """Whether it is better beyond chance, of so many ways that were tried."""
        wins = int((self.right & ~other.right).sum())
        losses = int((~self.right & other.right).sum())
        by_chance = binomial_log10_p(wins, wins + losses, 0.5) if wins > losses else 0.0
        if by_chance <= LEVEL - np.log10(ways):
            return True
        # Larger inputs make any network more confident: that alone says nothing.
        if self.losses is None or other.losses is None or losses >= wins:
            return False
        lower = other.losses - self.losses
        return bool(lower.mean() > _STANDARD_ERRORS * lower.std() / np.sqrt(len(lower)) > 0)


def unmarked_rows(release: Release) -> NDArray[np.int64]:
    """Rows of up to `MOST` unmarked examples, as many of each class as there are; (n,)."""
    labels = release.published.labels
    unmarked = np.setdiff1d(np.arange(len(labels)), release.places)
    classes = np.unique(labels[unmarked])
    each = -(-MOST // max(1, len(classes)))
    parts = [unmarked[labels[unmarked] == label] for label in classes]
    picked = [np.linspace(0, len(part) - 1, min(each, len(part))).astype(int) for part in parts]
    rows = [part[some] for part, some in zip(parts, picked, strict=True)]
    return np.sort(np.concatenate([*rows, np.empty(0, dtype=np.int64)])).astype(np.int64)


def asked_first(release: Release) -> Any:
    """The unmarked examples, in the form of their modality; none where they would tell nothing."""
    rows = unmarked_rows(release)
    rows = rows if len(rows) >= LEAST else rows[:0]
    return release.published.modality.take(release.published.content, rows)


def require_rightly_asked(release: Release, suspect: Suspect, logged: Suspect) -> None:
    """Raise `InputError` where the suspect is asked in a way in which it was not trained.

    Args:
        release: What was marked.
        suspect: As it was opened.
        logged: The same, through the log of the audit, for answers that may cost something.

    Raises:
        InputError: It names no more labels of unmarked examples than the commonest class has, or
            clearly more when asked in another way; the text has the options of that way.
    """
    rows = unmarked_rows(release)
    labels = release.published.labels[rows]
    if len(rows) < LEAST or len(np.unique(labels)) < 2 or "labels" not in suspect.access:
        return
    content = release.published.modality.take(release.published.content, rows)
    asker = logged if getattr(suspect, "costly", False) else suspect
    asked = _way("", _answers(asker, content), labels)
    chance = float(np.bincount(labels).max() / len(labels))
    right = int(asked.right.sum())
    by_chance = binomial_log10_p(right, len(labels), chance) > LEVEL
    sure = asked.losses is not None and float(asked.losses.mean()) < _SURE
    if sure and not by_chance:
        return
    others = list(_others(suspect, asker, content, labels, len(release.protocol.class_names)))
    best = simplest(others) if others else asked
    better = bool(others) and best.clearly_beats(asked, len(others))
    if not by_chance and not better:
        return
    came = f"{right / len(labels):.0%} of {len(labels)} right, {chance:.0%} by chance"
    if better:
        came += f"; {best.right.mean():.0%} with {best.options}"
        do = f"pass {best.options}: the model was trained so"
    else:
        came += f"; no better in {len(others)} other ways"
        do = "check that it is a model of these classes, and how it is given its inputs"
    raise InputError(
        expected=f"{suspect.name} to know the labels of unmarked examples of the release",
        came=came,
        do=f"{do} (as_asked=True audits it as it is); the audit was not counted",
    )


def simplest(ways: Sequence[Way]) -> Way:
    """Of the ways that are about as good as the best one that which changes least."""
    most = max(way.rank[0] for way in ways)
    good = [way for way in ways if way.rank[0] >= most - ALIKE]
    return min(good, key=lambda way: (way.changes, *(-each for each in way.rank)))


def _answers(suspect: Suspect, content: Any) -> NDArray[Any]:
    return suspect.scores(content) if "scores" in suspect.access else suspect.labels(content)


def _way(options: str, answers: NDArray[Any], labels: NDArray[np.int64]) -> Way:
    if answers.ndim == 1:
        return Way(options, answers == labels, None)
    losses = -answers[np.arange(len(labels)), labels]
    return Way(options, answers.argmax(axis=1) == labels, np.asarray(losses, dtype=np.float64))


def _others(
    suspect: Suspect, asker: Suspect, content: Any, labels: NDArray[np.int64], classes: int
) -> Iterator[Way]:
    """Every other way, with the classes as they are and in the order that fits best."""
    mapped = isinstance(suspect, Mapped)
    base = suspect.suspect if isinstance(suspect, Mapped) else suspect
    if isinstance(base, Answering) and base.otherwise is not None and base.preparation is not None:
        for preparation in preparations(base.preparation, content):
            try:
                answers = _answers(base.otherwise(preparation), content)
            except InputError:  # it takes no images of that form
                continue
            yield from _orders(
                _said(preparation, base.preparation), answers, labels, classes, mapped
            )
    elif not mapped:  # its answers are at hand
        yield from _orders("", _answers(asker, content), labels, classes, mapped)


def _orders(
    options: str, answers: NDArray[Any], labels: NDArray[np.int64], classes: int, mapped: bool
) -> Iterator[Way]:
    plainly = f"{options} classes_map=None".strip() if mapped else options
    as_they_are = _way(plainly, answers, labels)
    if plainly:
        yield as_they_are
    halves = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        halves[np.flatnonzero(labels == label)[::2]] = True
    # Each half is judged by the order that fits the other one.
    one, other = (
        _reordered(answers, order_of(answers[half], labels[half], classes))
        for half in (halves, ~halves)
    )
    crossed = np.where(halves if answers.ndim == 1 else halves[:, None], other, one)
    order = order_of(answers, labels, classes)
    if order != list(range(classes)):
        said = f"classes_map={','.join(map(str, order))}"
        way = _way(f"{options} {said}".strip(), crossed, labels)
        if not options or way.clearly_beats(as_they_are, 2):
            yield way


def order_of(answers: NDArray[Any], labels: NDArray[np.int64], classes: int) -> list[int]:
    """The number that the model has for each class, as it answers best: one to one.

    Args:
        answers: Log-probabilities (n, columns) or labels (n,).
        labels: Shape (n,).
        classes: How many the audit's data have.
    """
    columns = answers.shape[1] if answers.ndim == 2 else max(classes, int(answers.max()) + 1)
    if answers.ndim == 1:
        answers = np.eye(columns)[answers]
    fit = np.zeros((classes, columns))
    for label in np.unique(labels):
        fit[label] = answers[labels == label].mean(axis=0)
    # Where nothing is known, numbers stay as they are.
    fit[np.arange(classes), np.arange(classes)] += 1e-9
    return [int(each) for each in linear_sum_assignment(-fit)[1]]


def _reordered(answers: NDArray[Any], order: list[int]) -> NDArray[Any]:
    if answers.ndim == 2:
        return answers[:, order]
    place = np.full(max(int(answers.max(initial=0)), *order) + 1, -1)
    place[order] = np.arange(len(order))
    return np.asarray(place[answers])


def preparations(now: Preparation, images: NDArray[np.uint8]) -> Iterator[Preparation]:
    """Other forms of images that networks are trained on, the plainest first.

    Args:
        now: How they are given; its size is kept.
        images: Some of them, shape (n, height, width, channels): their means and deviations are
            those of data that were normalised by their own.
    """
    pixels = images.reshape(-1, images.shape[3]) / 255.0
    own = Preparation(
        mean=tuple(np.round(pixels.mean(axis=0), 3).tolist()),
        std=tuple(np.round(np.maximum(pixels.std(axis=0), 0.001), 3).tolist()),
    )
    scales = [PLAIN, Preparation(scale=255.0), own, Preparation(mean=(0.5,), std=(0.5,))]
    scales += [_IMAGENET] * (images.shape[3] == 3) + [Preparation(mean=(1.0,), std=(-1.0,))]
    seen = {tuple(now.said.items())}
    for scale in [now, *scales]:
        for layout in LAYOUTS:
            each = replace(scale, layout=layout, size=now.size)
            if tuple(each.said.items()) not in seen:
                seen.add(tuple(each.said.items()))
                yield each
    yield now  # last: with another order of classes


def _said(preparation: Preparation, now: Preparation) -> str:
    """The options of one form in place of another's, as arguments."""
    if preparation == now:
        return ""
    plain = {"layout": "nchw", "scale": "1", "mean": "0", "std": "1"}
    left_out = {name: plain[name] for name in now.said if name in plain}
    said = {**left_out, **preparation.said}
    return " ".join(f"{name}={value}" for name, value in sorted(said.items()) if name != "size")
