"""Held-out images that are marked for an audit: by the key's carriers, and by control keys'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, Images, Labels
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import frozen_copy, require_linear_head
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.design import Progress
from radiotracer.provenance.designs._carriers.directions import HELD_OUT
from radiotracer.provenance.designs._carriers.directions import carriers as carriers_of
from radiotracer.provenance.designs._carriers.marking import mark_with_carriers
from radiotracer.provenance.designs._carriers.settings import CarrierConfig
from radiotracer.provenance.kept import Kept, once
from radiotracer.provenance.key import Key
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source

Reals = NDArray[np.float64]

IMAGES = 20
"""Held-out images of each class that are marked, where there are so many. More say little: what
differs between carriers is the same for every image of a class, and is averaged over no image."""

FEWEST = 5
"""With fewer images of a class its mean is chance."""

FEWEST_KEYS = 19
"""With fewer control keys no class can show 1 in 20."""

STEPS = 1
"""Of the marking, as large as the radius. The release was marked by more, which move features a
few percent further and the rank of the key not at all (`python -m bench control_keys`)."""

_AT_ONCE = 4096
"""Images that are marked in one call: memory, nothing else."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What a suspect is asked; which answers are about the key's marks is `order`'s secret.

    Args:
        classes: The classes that are asked about, ascending.
        originals: Held-out images, uint8, shape (n, h, w, c), class after class.
        labels: Theirs, int64, shape (n,).
        marked: The same images with each slot's mark, uint8, shape (K + 1, n, h, w, c).
        order: Whose carrier each slot's marks have in each class, int64, shape (classes, K + 1), a
            row for each class of `classes`: 0 is the key, 1 to K the control keys.
        shift: How far the marks moved the features along their carriers, shape (K + 1, n).
    """

    classes: tuple[int, ...]
    originals: Images
    labels: Labels
    marked: Images
    order: NDArray[np.int64]
    shift: Reals

    @property
    def images(self) -> Images:
        """All that is asked about, shape ((K + 2) n, h, w, c): originals, then slot by slot."""
        return np.concatenate([self.originals, self.marked.reshape(-1, *self.marked.shape[2:])])


def make_questions(  # noqa: PLR0917 - what the questions are made of
    release: Release,
    coins: Source,
    extractor: nn.Module,
    images: Images,
    labels: Labels,
    keys: int,
    *,
    images_per_class: int = IMAGES,
    steps: int = STEPS,
    kept: Kept | None = None,
    progress: Progress = lambda *_: None,
) -> Questions:
    """Mark some held-out images of each class with the key's carriers and with those of K others.

    Each class's K + 1 carriers are put into an order of its own, which follows from the key and
    from nothing else that is used here. So a suspect that answers late questions otherwise than
    early ones, or one that draws numbers, cannot tell the key's marks from the others.

    Args:
        release: Of the design ``carriers``; its settings are those of the marking, but for `steps`.
        coins: What was drawn in it.
        extractor: As sealed.
        images: Held-out, uint8, shape (m, h, w, c).
        labels: Theirs, int64, shape (m,).
        keys: K, at least `FEWEST_KEYS`.
        images_per_class: At most so many of each.
        steps: Of the marking.
        kept: Where finished marks are kept, so that an audit that was stopped goes on there; it
            must have begun with what this call depends on.
        progress: Told how many images are marked.

    Raises:
        InputError: Too few control keys.
        DataError: Too few held-out images of a marked class.
    """
    classes = classes_asked(release, labels, keys)
    drawing = Key(coins.derive(HELD_OUT))
    rows = np.concatenate([_chosen(drawing, labels, c, images_per_class) for c in classes])
    originals, labels = images[rows], labels[rows]
    with frozen_copy(extractor, originals, seed=0) as network:
        known, dimensions = require_linear_head(network).weight.shape
    drawn = np.stack(
        [carriers_of(each, known, dimensions) for each in (coins, *control_keys(coins, keys))]
    )
    order = np.stack([_shuffled(drawing, f"order/{c}", keys + 1) for c in classes])
    # Slot by slot, a carrier for each class; classes that are not asked about keep the first.
    by_slot = np.repeat(drawn[:1], keys + 1, axis=0)
    for own, c in zip(order, classes, strict=True):
        by_slot[:, c] = drawn[own, c]
    config = hasty(CarrierConfig.model_validate(release.protocol.settings), steps)
    seed = int.from_bytes(drawing.derive("augmentations", 6))
    n, made = len(rows), list[NDArray[Any]]()
    several = max(1, _AT_ONCE // n)
    for first in range(0, keys + 1, several):
        slots = by_slot[first : first + several]

        def make(slots: Reals = slots, first: int = first) -> list[NDArray[Any]]:
            # To the marking they are so many more classes.
            numbers = np.concatenate([labels + known * slot for slot in range(len(slots))])
            marked = mark_with_carriers(
                np.tile(originals, (len(slots), 1, 1, 1)),
                numbers,
                slots.reshape(-1, dimensions),
                extractor,
                config,
                seed=seed + first * n,
            )
            return [marked.images, marked.shift]

        made += once(kept, f"marks-{first:04d}", make)
        progress("marking held-out images", n * (first + len(slots)), n * (keys + 1))
    return Questions(
        classes=classes,
        originals=originals,
        labels=labels,
        marked=np.concatenate(made[::2]).reshape(keys + 1, *originals.shape),
        order=order,
        shift=np.concatenate(made[1::2]).reshape(keys + 1, n),
    )


def hasty(config: CarrierConfig, steps: int) -> CarrierConfig:
    """The settings of a release with fewer steps, each so large that the radius is reached.

    Args:
        config: As the release was marked.
        steps: At least 1.
    """
    # Rates fall linearly, so that a pixel that always goes one way goes rate * (steps + 1) / 2.
    rate = max(config.rate, 2.0 * config.radius / (steps + 1))
    return config.model_copy(update={"steps": steps, "rate": rate})


def classes_asked(release: Release, labels: Labels, keys: int) -> tuple[int, ...]:
    """The marked classes, and as many unmarked ones as a control, as far as there are images.

    Args:
        release: What was marked.
        labels: Of the held-out images.
        keys: Control keys.

    Raises:
        InputError: Too few control keys.
        DataError: Too few held-out images of a marked class.
    """
    if keys < FEWEST_KEYS:
        raise InputError(
            expected=f"at least {FEWEST_KEYS} control keys",
            came=f"control_keys={keys}",
            do="pass 99; with K of them no class can show less than 1 in K + 1",
        )
    protocol = release.protocol
    counts = np.bincount(labels, minlength=len(protocol.class_names))
    few = [c for c in protocol.marked_classes if counts[c] < FEWEST]
    if few:
        raise DataError(
            expected=f"at least {FEWEST} held-out images of every marked class",
            came=f"{counts[few[0]]} of {protocol.class_names[few[0]]!r}"
            + f" and too few of {len(few) - 1} others" * (len(few) > 1),
            do="pass more (held_out=)",
        )
    others = [
        c
        for c in range(len(protocol.class_names))
        if c not in protocol.marked_classes and counts[c] >= FEWEST
    ]
    # At least three: with 99 keys fewer could not fail a control.
    return tuple(
        sorted((*protocol.marked_classes, *others[: max(3, len(protocol.marked_classes))]))
    )


def how_many(release: Release, labels: Labels, keys: int, *, images_per_class: int = IMAGES) -> int:
    """About how many images a suspect will be asked: (K + 2) for each that is marked.

    Raises:
        InputError: As for `classes_asked`.
        DataError: As for `classes_asked`.
    """
    chosen = classes_asked(release, labels, keys)
    return (keys + 2) * sum(min(images_per_class, int((labels == c).sum())) for c in chosen)


def require_classes(held_out: Dataset, release: Release) -> None:
    """Raise `DataError` unless held-out data have the classes of the release, in its order."""
    if held_out.class_names != release.protocol.class_names:
        raise DataError(
            expected=f"held-out data of the marked classes {_listed(release.protocol.class_names)}",
            came=_listed(held_out.class_names),
            do="pass data with the same classes in the same order (held_out=)",
        )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)


def _chosen(drawing: Source, labels: Labels, c: int, count: int) -> NDArray[np.int64]:
    """Rows of a class, drawn at random: data may be sorted by how hard they are."""
    rows = np.flatnonzero(labels == c)
    drawn = _shuffled(drawing, f"images/{c}", len(rows))[:count]
    return np.sort(rows[drawn])


def _shuffled(drawing: Source, label: str, count: int) -> NDArray[np.int64]:
    """0 to count - 1 in an order that is the same for the same label, in every version of NumPy."""
    raw = drawing.generator(label).bit_generator.random_raw(count)
    return np.argsort(np.asarray(raw, dtype=np.uint64), kind="stable")
