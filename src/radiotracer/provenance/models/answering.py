"""Any model that answers batches of examples, as a suspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.provenance.models.preparation import Preparation
from radiotracer.provenance.models.protocol import (
    Access,
    Answers,
    Labels,
    Outputs,
    Scores,
    require_access,
    scores_of_none,
)

Ask = Callable[[Any], Scores | Labels]
"""A batch, never empty, to what `answers.checked` let pass: scores (n, columns) or labels (n,)."""


@dataclass(frozen=True, eq=False, repr=False)
class Answering:
    """A suspect that is asked batch by batch.

    Args:
        ask: Answers one batch.
        name: A short text for people.
        identity: For the evidence.
        classes: The least number of columns; None: any.
        outputs: What the model gives, before `ask` made log-probabilities of it.
        modality: What it is asked about.
        batch: How many examples it is asked about at a time.
        costly: Whether its answers may cost something: an audit keeps them a few at a time.
        preparation: In which form it is given images; None: as they are.
        otherwise: The same suspect, given images in another form; None: there is no such.

    Raises:
        InputError: `outputs` is none of the four.
    """

    ask: Ask
    name: str
    identity: Mapping[str, str]
    classes: int | None = None
    outputs: Outputs = "logits"
    modality: Modality = IMAGES
    batch: int = 256
    costly: bool = False
    preparation: Preparation | None = None
    otherwise: Callable[[Preparation], Answering] | None = None

    def __post_init__(self) -> None:
        """Check the outputs once, here."""
        if self.outputs not in get_args(Outputs):
            raise InputError(
                expected="outputs that are logits, probabilities, labels or losses",
                came=repr(self.outputs),
                do="say what the model answers",
            )

    def __repr__(self) -> str:
        """Its name, and what is asked and had of it."""
        return f"{type(self).__name__}({self.name!r:.150}, {self.outputs} of {self.modality.name})"

    @property
    def access(self) -> frozenset[Access]:
        """Scores and labels, or one of them only."""
        only: dict[Outputs, tuple[Access, ...]] = {"labels": ("labels",), "losses": ("scores",)}
        return frozenset(only.get(self.outputs, ("scores", "labels")))

    @property
    def answers(self) -> Answers:
        """Losses, or classes."""
        return "losses" if self.outputs == "losses" else "classes"

    def scores(self, content: Any) -> Scores:
        """Log-probabilities, float64 of shape (n, columns); see `Suspect.scores`."""
        require_access(self, "scores")
        parts = self._in_batches(content)
        return np.concatenate(parts).astype(np.float64) if parts else scores_of_none(self)

    def labels(self, content: Any) -> Labels:
        """The class that it names, the first best where there are scores; int64 of shape (n,)."""
        require_access(self, "labels")
        parts = self._in_batches(content)
        if self.outputs != "labels":
            parts = [part.argmax(axis=1) for part in parts]
        return np.concatenate([*parts, np.empty(0, dtype=np.int64)]).astype(np.int64)

    def _in_batches(self, content: Any) -> list[NDArray[Any]]:
        self.modality.require(content, "what is asked")
        rows = np.arange(self.modality.length(content))
        parts = [
            self.ask(self.modality.take(content, rows[start : start + self.batch]))
            for start in range(0, len(rows), self.batch)
        ]
        widths = sorted({part.shape[1:] for part in parts})
        if len(widths) > 1:
            noun = self.modality.noun
            raise InputError(
                expected=f"as many scores for one {noun} as for another from {self.name}",
                came=" and ".join(str(*width) for width in widths[:2]),
                do="repair the suspect model's answers",
            )
        return list(parts)
