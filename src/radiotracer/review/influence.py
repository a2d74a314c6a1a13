"""Whom an example helped and whom it hurt, computed when somebody asks.

The influence is TracInCP over the last linear layer, along the checkpoints of the run, as beside
the flagged examples of a report. It is symmetric: the examples that this one pushed are those that
pushed it. What the other side contributes is computed once and kept; each example then takes one
forward pass per checkpoint.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.errors import InputError, RadiotracerError
from radiotracer.gradients import (
    LastLayerGradients,
    in_batches,
    last_layer_gradients,
    require_finite_losses,
)
from radiotracer.influence import Tracing
from radiotracer.review.pictures import LARGEST_PICTURE, Pixels, few_words, require_picture

Side = Literal["validation", "train"]

SHOWN = 8
"""Proponents, and opponents, shown of each example."""


@dataclass(frozen=True)
class Traced:
    """A run, opened to be asked.

    Args:
        tracing: The run and its network.
        train: What it was trained on.
        validation: Clean examples that were not trained on, or None.
    """

    tracing: Tracing
    train: Dataset
    validation: Dataset | None


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
        opened: Opens run and data; called once, in that thread. An error of radiotracer's
            means that nothing can be answered, and why.
    """

    def __init__(self, opened: Callable[[], Traced]) -> None:
        self._open = opened
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="influence")
        self._guard = threading.Lock()
        self._asked: dict[tuple[Side, int], Future[Answer]] = {}
        self._traced: Traced | None = None
        self._kept: dict[Side, list[LastLayerGradients]] = {}
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
        known = None if self._traced is None else self._traced.validation
        if known is None or not 0 <= row < len(known):
            raise InputError(expected="an example that was named", came=str(row), do="ask again")
        return require_picture(known.show(row, side))

    def close(self) -> None:
        """Stop at the next batch."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _answer(self, side: Side, row: int) -> Answer:
        try:
            if self._traced is None:
                self._traced = self._open()
            return self._compute(self._traced, side, row)
        except RadiotracerError as error:
            return Answer("unavailable", why=str(error))
        except (MemoryError, RuntimeError) as error:  # of torch: out of memory, say
            return Answer("unavailable", why=f"{type(error).__name__}: {error}")

    def _compute(self, traced: Traced, side: Side, row: int) -> Answer:
        others = traced.validation if side == "validation" else traced.train
        if others is None:
            return Answer("unavailable", why="This scan had no validation examples.")
        if traced.tracing.objective.head is None:
            return Answer("unavailable", why="The network does not end with a linear layer.")
        if side not in self._kept:
            self._kept[side] = self._gradients(traced.tracing, others)
        mine = self._gradients(traced.tracing, traced.train.take([row]))
        pairs = zip(mine, self._kept[side], strict=True)
        values = torch.stack([one.inner(other)[0] for one, other in pairs]).sum(dim=0).numpy()
        if side == "train":
            values[row] = 0.0  # what it did to itself is no news
        order = np.argsort(-values, kind="stable")
        first, last = order[:SHOWN], order[::-1][:SHOWN]
        return Answer(
            "done",
            proponents=tuple(_partner(others, each, values) for each in first if values[each] > 0),
            opponents=tuple(_partner(others, each, values) for each in last if values[each] < 0),
        )

    def _gradients(self, tracing: Tracing, examples: Dataset) -> list[LastLayerGradients]:
        """One per checkpoint, for all examples."""
        found = []
        long = len(examples) > 1
        whole = len(tracing.run.checkpoints) * len(examples)
        done = 0
        for checkpoint, rates in tracing.checkpoints():
            parts = []
            for batch in in_batches(examples, tracing.batch_size):
                if self._stop.is_set():
                    raise InputError(expected="time", came="the end", do="ask again")
                with torch.no_grad():
                    evaluation = tracing.objective.evaluate(batch)
                require_finite_losses(evaluation.losses, where=checkpoint.file)
                parts.append(
                    last_layer_gradients(tracing.objective, evaluation, batch.targets, rates)
                )
                done += len(batch.targets)
                if long:
                    self._share = done / whole
            found.append(
                LastLayerGradients(
                    errors=torch.cat([part.errors for part in parts]),
                    features=torch.cat([part.features for part in parts]),
                    weight_rate=parts[0].weight_rate,
                    bias_rate=parts[0].bias_rate,
                )
            )
        return found


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
