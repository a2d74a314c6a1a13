"""Whom an example helped and whom it hurt, computed when somebody asks.

The influence is that of the last linear layer, as beside the flagged examples of a report. It is
symmetric: the examples that this one pushed are those that pushed it. Where it comes from is the
matter of `traced.py` and `kept.py`; here one question after the other is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.errors import InputError, RadiotracerError
from radiotracer.review.pictures import LARGEST_PICTURE, Pixels, few_words, require_picture

Side = Literal["validation", "train"]

SHOWN = 8
"""Proponents, and opponents, shown of each example."""


class Evidence(Protocol):
    """What a review computes influence from: a run that is asked, or what a scan kept."""

    @property
    def train(self) -> Dataset:
        """What was scanned."""

    @property
    def validation(self) -> Dataset | None:
        """Clean examples that were not trained on, or None."""

    def influence(self, side: Side, row: int, told: Callable[[float], None]) -> NDArray[np.float64]:
        """Between training example `row` and all examples of a side, by the last layer.

        Args:
            side: There is one.
            row: Which training example.
            told: How much of a long computation is done, 0 to 1; raises where it has to stop.

        Returns:
            float64, as many as the side has; positive means a proponent.

        Raises:
            RadiotracerError: It cannot be had, and why.
        """


@dataclass(frozen=True)
class Partner:
    """One example of the other side, with its influence (positive = proponent) and its text."""

    row: int
    id: str
    label: str
    influence: float
    text: str | None = None


@dataclass(frozen=True)
class Answer:
    """What is known about a question by now.

    Args:
        state: ``computing``, ``done``, or ``unavailable``.
        why: What is missing, if it is unavailable.
        share: How much of the first, long computation is done, 0 to 1.
        proponents: Strongest first.
        opponents: Strongest first.
    """

    state: Literal["computing", "done", "unavailable"]
    why: str = ""
    share: float = 0.0
    proponents: tuple[Partner, ...] = ()
    opponents: tuple[Partner, ...] = ()


class Influence:
    """Answers questions in one thread of its own; only the newest question waits.

    Args:
        opened: Opens evidence and data; called once, in that thread. An error of radiotracer's
            means that nothing can be answered, and why.
    """

    def __init__(self, opened: Callable[[], Evidence]) -> None:
        self._open = opened
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="influence")
        self._guard = threading.Lock()
        self._asked: dict[tuple[Side, int], Future[Answer]] = {}
        self._evidence: Evidence | None = None
        self._share = 0.0
        self._stop = threading.Event()

    def ask(self, side: Side, row: int) -> Answer:
        """The influence between training example `row` and the other side, or how far it is."""
        with self._guard:
            future = self._asked.get((side, row))
            if future is None or future.cancelled():
                for waiting in self._asked.values():
                    waiting.cancel()
                self._asked = {k: f for k, f in self._asked.items() if not f.cancelled()}
                future = self._pool.submit(self._answer, side, row)
                self._asked[side, row] = future
        return future.result() if future.done() else Answer("computing", share=self._share)

    def picture(self, row: int, side: int = LARGEST_PICTURE) -> Pixels:
        """The picture of a validation example; only once an answer named it."""
        known = None if self._evidence is None else self._evidence.validation
        if known is None or not 0 <= row < len(known):
            raise InputError(expected="an example that was named", came=str(row), do="ask again")
        return require_picture(known.show(row, side))

    def close(self) -> None:
        """Stop at the next batch."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, side: Side, row: int) -> Answer:
        try:
            if self._evidence is None:
                self._evidence = self._open()
            return self._compute(self._evidence, side, row)
        except RadiotracerError as error:
            return Answer("unavailable", why=str(error))
        except (MemoryError, RuntimeError) as error:  # of torch: out of memory, say
            return Answer("unavailable", why=f"{type(error).__name__}: {error}")

    def _compute(self, evidence: Evidence, side: Side, row: int) -> Answer:
        others = evidence.validation if side == "validation" else evidence.train
        if others is None:
            return Answer("unavailable", why="This scan had no validation examples.")
        values = evidence.influence(side, row, self._told)
        if side == "train":
            values[row] = 0.0  # what it did to itself is no news
        order = np.argsort(-values, kind="stable")
        first, last = order[:SHOWN], order[::-1][:SHOWN]
        return Answer(
            "done",
            proponents=tuple(_partner(others, each, values) for each in first if values[each] > 0),
            opponents=tuple(_partner(others, each, values) for each in last if values[each] < 0),
        )

    def _told(self, share: float) -> None:
        if self._stop.is_set():
            raise InputError(expected="time", came="the end", do="ask again")
        self._share = share


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as the page reads it."""
    return {
        "state": answer.state,
        "why": answer.why,
        "share": answer.share,
        "proponents": [vars(each) for each in answer.proponents],
        "opponents": [vars(each) for each in answer.opponents],
    }


def _partner(examples: Dataset, row: int, values: NDArray[np.float64]) -> Partner:
    return Partner(
        row=int(row),
        id=str(examples.ids[row]),
        label=examples.class_names[examples.labels[row]],
        influence=float(values[row]),
        # Of its content alone: an original would be decoded for nothing.
        text=few_words(examples.modality.show(examples.content, int(row))),
    )
