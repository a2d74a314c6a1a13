"""A review under way: the scan, its examples, and what is decided about them."""

from __future__ import annotations

import functools
import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Preview
from radiotracer.data.encoded import place_of
from radiotracer.errors import DataError, InputError
from radiotracer.review.decisions import Event, Verb, checked
from radiotracer.review.pictures import (
    LARGEST_PICTURE,
    LARGEST_TILE,
    Pixels,
    require_picture,
    tile_of,
    tile_size,
    words,
)
from radiotracer.review.sampling import ENOUGH, SIZE, draw, estimate
from radiotracer.review.scanned import Scanned, rows_of
from radiotracer.review.store import FILE, Store

DECIDE_THE_TILE = 12
"""Pictures that are looked at for the size of a tile."""

KEPT_TILES = 3000
"""Small pictures of originals that are kept, 64 kB of memory each at most."""


@dataclass(eq=False)
class Board:
    """What the page is shown; row ``i`` is the ``i``-th row of the scan, most suspicious first.

    Args:
        scanned: The scan.
        examples: The data that were scanned.
        order: The row in `examples` of each row of the scan, shape (n,).
        store: The decisions.
    """

    scanned: Scanned
    examples: Dataset
    order: NDArray[np.int64]
    store: Store
    _verbs: list[Verb | None] = field(init=False)
    _rows: dict[str, int] = field(init=False)
    _seen: int = field(init=False, default=0)
    _guard: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Look up where each decided example stands."""
        self._rows = {name: row for row, name in enumerate(self.scanned.ids.tolist())}
        self._verbs = [None] * len(self.scanned)
        unknown = [each.example for each in self.store.since(0) if each.example not in self._rows]
        if unknown:
            raise InputError(
                expected=f"decisions about examples of the scan in {self.store.path}",
                came=f"one about {unknown[0]!a}",
                do=f"move {FILE} away to begin anew",
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every class, whether or not an example has it."""
        return self.examples.class_names

    def decide(self, row: int, verb: object, new_label: object, version: int) -> Event:
        """Decide about the example in `row`, of which `version` was seen.

        Raises:
            InputError: No such row, or a decision that makes no sense.
            StaleError: It was decided elsewhere in the meantime.
            StorageError: The disk refused.
        """
        self.require_row(row)
        label = str(self.scanned.labels[row])
        decision = checked(verb, new_label, label=label, class_names=self.class_names)
        return self.store.decide(str(self.scanned.ids[row]), decision, version=version)

    def draw(self, size: int, seed: int) -> None:
        """Draw the random sample, or make it longer."""
        rows = draw(len(self.scanned), size=size, seed=seed)
        self.store.keep_sample(self.scanned.ids[rows].tolist(), seed=seed)

    def require_row(self, row: int) -> None:
        """Raise `InputError` unless there is such a row."""
        if not 0 <= row < len(self.scanned):
            raise InputError(
                expected=f"a row from 0 to {len(self.scanned) - 1}",
                came=str(row),
                do="reload the page",
            )

    def preview(self, row: int, side: int = LARGEST_PICTURE) -> Preview:
        """The example in `row` as people see it; of an original, `side` pixels at most."""
        self.require_row(row)
        return self.examples.show(int(self.order[row]), side)

    def picture(self, row: int, side: int = LARGEST_PICTURE) -> Pixels:
        """Its picture.

        Raises:
            InputError: It has none, or there is no such row.
        """
        return require_picture(self.preview(row, side))

    @functools.cached_property
    def tile(self) -> tuple[int, int]:
        """Width and height of a small picture; the first examples decide."""
        first = range(min(len(self.scanned), DECIDE_THE_TILE))
        return tile_size([self.picture(row, LARGEST_TILE) for row in first])

    def small(self, row: int) -> Pixels:
        """Its picture as it stands in a sheet; those that were asked for last are kept."""
        return self._small(row)

    @functools.cached_property
    def _small(self) -> Callable[[int], Pixels]:
        def look(row: int) -> Pixels:
            return tile_of(self.picture(row, LARGEST_TILE), self.tile)

        return functools.lru_cache(KEPT_TILES)(look) if self.examples.originals else look

    def path(self, row: int) -> str | None:
        """The file in which it lies, where it has one."""
        self.require_row(row)
        originals = self.examples.originals
        return None if originals is None else place_of(originals[int(self.order[row])])

    def scan_json(self) -> bytes:
        """What never changes and is needed of every row, column by column: the less the sooner."""
        scanned, names = self.scanned, self.class_names
        numbers = {name: number for number, name in enumerate(names)}
        first = self.preview(0)
        value = {
            "title": scanned.folder.absolute().name,
            "folder": str(scanned.folder.absolute()),
            "data": self.examples.source,
            "detector": scanned.summary.get("detector"),
            "rule": scanned.summary.get("rule"),
            "classes": names,
            "noun": self.examples.modality.noun,
            "texts": first.text is not None,
            "image": None if first.picture is None else first.picture.shape[1::-1],
            "tile": None if first.picture is None else self.tile,
            "detectors": list(scanned.detectors),
            "sample_size": SIZE,
            "ids": scanned.ids.tolist(),
            "label": [numbers[each] for each in scanned.labels.tolist()],
            "suggested": [numbers[each] for each in scanned.suggested.tolist()],
            "q": _short(scanned.q_value),
            "flagged": scanned.is_flagged.astype(int).tolist(),
        }
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()

    def example_json(self, row: int) -> dict[str, Any]:
        """What the panel of one example shows besides."""
        self.require_row(row)
        scanned = self.scanned
        columns = {"score": scanned.score, "p": scanned.p_value, "q": scanned.q_value}
        history = self.store.history(str(scanned.ids[row]))
        return {
            **{name: _finite(values[row]) for name, values in columns.items()},
            "text": words(self.examples.modality.show(self.examples.content, int(self.order[row]))),
            "path": self.path(row),
            "rank": int(scanned.rank[row]),
            "scores": {name: _finite(values[row]) for name, values in scanned.detectors.items()},
            "history": [self.event(each) for each in history],
        }

    def scores_json(self, detector: str) -> bytes:
        """One detector's scores of all rows."""
        if detector not in self.scanned.detectors:
            raise InputError(
                expected=f"a detector of the scan ({', '.join(self.scanned.detectors)})",
                came=repr(detector),
                do="choose one of them",
            )
        values = _short(self.scanned.detectors[detector])
        return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()

    def changes(self, since: int) -> dict[str, Any]:
        """What was decided after event `since`, the sample, and what it all comes to."""
        return {
            "last": self.store.last,
            "events": [self.event(each) for each in self.store.since(since)],
            "undo": None if (top := self.store.undoable()) is None else self.event(top),
            "sample": [self._rows[each] for each in self.store.sample],
            "seed": self.store.sample_seed,
            "figures": self.figures(),
        }

    def event(self, event: Event) -> dict[str, Any]:
        """An event as the page reads it; a label is a number of a class."""
        label = event.decision.new_label
        return {
            "seq": event.seq,
            "row": self._rows.get(event.example),
            "decision": event.decision.verb,
            "label": None if label is None else self.class_names.index(label),
            "at": event.decided_at,
            "undoes": event.undoes,
        }

    def figures(self) -> dict[str, Any]:
        """How far the review is, and the estimate of what is left."""
        verbs = self._caught_up()
        flagged = self.scanned.is_flagged
        decided = np.array([verb is not None for verb in verbs], dtype=bool)
        wrong = np.array([verb in ("relabel", "drop") for verb in verbs], dtype=bool)
        sample = [self._rows[each] for each in self.store.sample]
        found = estimate(sample, verbs, flagged)
        return {
            "examples": len(verbs),
            "decided": int(decided.sum()),
            "flagged": int(flagged.sum()),
            "flagged_decided": int((flagged & decided).sum()),
            "flagged_wrong": int((flagged & wrong).sum()),
            "sample": len(sample),
            "sample_decided": int(decided[sample].sum()),
            "enough": ENOUGH,
            "reviewed": found.reviewed,
            "wrong": found.wrong,
            "unsure": found.unsure,
            "unflagged": found.population,
            "rate": found.rate,
            "low": found.low,
            "high": found.high,
            "left": found.left,
        }

    def _caught_up(self) -> list[Verb | None]:
        """What is decided about each row now."""
        with self._guard:
            for event in self.store.since(self._seen):
                self._verbs[self._rows[event.example]] = event.decision.verb
                self._seen = event.seq
            return list(self._verbs)


def identity_of(scanned: Scanned) -> Mapping[str, str]:
    """What a database of decisions has to say about the scan that it belongs to."""
    return {"format": "1", "ranking": scanned.digest, "data": scanned.data_digest}


def match(scanned: Scanned, examples: Dataset) -> NDArray[np.int64]:
    """The row in `examples` of each row of the scan, shape (n,).

    Raises:
        DataError: They are not the data that were scanned.
    """
    scanned.require_classes()
    if examples.digest != scanned.data_digest:
        raise DataError(
            expected=f"the data that were scanned, whose digest is {scanned.data_digest[:12]}...",
            came=f"{examples.source} with the digest {examples.digest[:12]}...",
            do="pass data= with the data as they were",
        )
    try:
        order = rows_of(examples.ids, scanned.ids)
    except ValueError as error:
        raise DataError(
            expected=f"the examples of {scanned.folder}",
            came=f"{examples.source}: {error}",
            do="scan again",
        ) from error
    names = np.array(examples.class_names)
    known = np.isin(scanned.suggested, names).all()
    if not known or (names[examples.labels[order]] != scanned.labels).any():
        raise DataError(
            expected=f"data with the class names of {scanned.folder}",
            came=f"{examples.source} with {', '.join(examples.class_names[:10])}",
            do="pass data= with the data as they were",
        )
    return order


def _short(values: NDArray[np.float64]) -> list[float | None]:
    """Six significant digits; null for what is no number."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.tolist()]


def _finite(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
