"""Suspects that are asked about texts: a function of the auditor's, or what it said before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.answers import to_labels, to_scores
from radiotracer.provenance.models.named import named_function, said
from radiotracer.provenance.models.protocol import Labels, Scores

TextOutputs = Literal["logits", "probabilities", "labels", "losses"]
"""What a model answers to n texts: a row per text, (n, columns), or for the last two (n,).

Losses are those of a language model: minus the log of the probability of the whole text.
"""

Ask = Callable[[Sequence[str]], ArrayLike]


@dataclass(frozen=True, eq=False)
class TextSuspect:
    """A model under audit that is asked about texts, batch by batch.

    Args:
        ask: Answers a batch of texts, never empty.
        outputs: What its answers are.
        name: A short text for people.
        identity: For the evidence.
        classes: The least number of columns; None: any.
        batch: How many texts it is asked about at a time.
    """

    ask: Ask = field(repr=False)
    outputs: TextOutputs
    name: str
    identity: Mapping[str, str] = field(default_factory=dict)
    classes: int | None = None
    batch: int = 256

    @property
    def access(self) -> frozenset[Access]:
        """Scores with labels, labels only, or, of losses, scores only."""
        if self.outputs == "losses":
            return frozenset(("scores",))
        return frozenset(("labels",) if self.outputs == "labels" else ("scores", "labels"))

    def scores(self, texts: Sequence[str]) -> Scores:
        """Log-probabilities of the classes, shape (n, columns), or of the texts, shape (n, 1).

        Raises:
            NotFiniteError: NaN or infinity among the answers.
            InputError: It gives labels only, another number of rows, or what is no such score.
        """
        if self.outputs == "labels":
            raise self._gives_no("scores")
        return self._in_batches(texts, self._scores)

    def labels(self, texts: Sequence[str]) -> Labels:
        """The class that it names for each text, the first best where there are scores, (n,).

        Raises:
            InputError: It gives losses only, or its answers cannot be used.
        """
        if self.outputs == "losses":
            raise self._gives_no("labels")
        if self.outputs != "labels":
            return np.asarray(self.scores(texts).argmax(axis=1), dtype=np.int64)
        return self._in_batches(
            texts,
            lambda batch: to_labels(self._answer(batch), n=len(batch), who=self.name, item="text"),
        )

    def _scores(self, batch: Sequence[str]) -> Scores:
        raw, n = self._answer(batch), len(batch)
        if self.outputs == "losses":
            return -_losses(raw, n, self.name)[:, None]
        outputs: Literal["logits", "probabilities"] = (
            "probabilities" if self.outputs == "probabilities" else "logits"
        )
        return to_scores(
            raw, outputs=outputs, n=n, classes=self.classes, who=self.name, item="text"
        )

    def _answer(self, batch: Sequence[str]) -> NDArray[Any]:
        try:
            return np.asarray(self.ask(list(batch)))
        except InputError:
            raise
        except Exception as error:  # the auditor's code, and whatever it asks
            raise InputError(
                expected=f"answers to {len(batch)} texts from {self.name}",
                came=said(error),
                do="repair the function",
            ) from error

    def _in_batches(
        self, texts: Sequence[str], ask: Callable[[Sequence[str]], NDArray[Any]]
    ) -> NDArray[Any]:
        starts = range(0, len(texts), self.batch)
        parts = [ask(texts[start : start + self.batch]) for start in starts]
        widths = sorted({part.shape[1:] for part in parts})
        if len(widths) != 1:
            raise InputError(
                expected=f"as many scores for one text as for another from {self.name}",
                came=" and ".join(str(*width) for width in widths[:2]) or "no text to ask about",
                do="repair the suspect model's answers",
            )
        return np.concatenate(parts)

    def _gives_no(self, access: Access) -> InputError:
        return InputError(
            expected=f"{access} from {self.name}",
            came=f"a suspect model that gives {self.outputs} only",
            do="choose a test that needs no more, or open the model in another way",
        )


def text_suspect(
    function: Ask | str,
    outputs: TextOutputs = "logits",
    *,
    name: str | None = None,
    classes: int | None = None,
) -> TextSuspect:
    """A model behind a Python function: given a list of n texts, it answers as `outputs` says.

    Args:
        function: The function, or ``module:function``; modules of the current folder are found.
        outputs: What it gives.
        name: For people; the function's by default.
        classes: The least number of columns; None: any.

    Raises:
        InputError: It cannot be imported or called, or `outputs` is none of the four.
    """
    _require_outputs(outputs)
    called = function if isinstance(function, str) else getattr(function, "__qualname__", "model")
    found = named_function(function, "function=") if isinstance(function, str) else function
    if not callable(found):
        raise InputError(
            expected="a function of a list of texts",
            came=f"a {type(found).__name__}",
            do="pass a function, or module:function",
        )
    identity = {"kind": "python", "function": called, "outputs": outputs}
    return TextSuspect(found, outputs, name or called, identity, classes)


def answered_suspect(
    texts: Sequence[str],
    answers: ArrayLike,
    outputs: TextOutputs = "logits",
    *,
    name: str = "answers",
    classes: int | None = None,
) -> TextSuspect:
    """A model that was asked elsewhere: its answers to `texts_asked`, in their order.

    Args:
        texts: The n texts that it was asked about.
        answers: What it said, shape (n, columns) or (n,), from a file of any kind.
        outputs: What they are.
        name: For people.
        classes: The least number of columns; None: any.

    Raises:
        InputError: Another number of rows than of texts.
    """
    _require_outputs(outputs)
    given = np.asarray(answers)
    if given.ndim < 1 or len(given) != len(texts):
        raise InputError(
            expected=f"one answer to each of {len(texts)} texts",
            came=f"answers of shape {given.shape}",
            do="answer the texts of texts_asked, all of them, in their order",
        )
    row_of = {text: row for row, text in enumerate(texts)}

    def ask(batch: Sequence[str]) -> NDArray[Any]:
        missing = sum(text not in row_of for text in batch)
        if missing:
            raise InputError(
                expected=f"answers of {name} to all that the audit asks",
                came=f"none to {missing} of {len(batch)} texts",
                do="answer the texts of texts_asked for this release and access",
            )
        return np.asarray(given[[row_of[text] for text in batch]])

    identity = {"kind": "answers", "outputs": outputs}
    return TextSuspect(ask, outputs, name, identity, classes)


def _losses(raw: NDArray[Any], n: int, who: str) -> Scores:
    if raw.shape != (n,) or raw.dtype.kind not in "fiu":
        raise InputError(
            expected=f"{n} losses, one per text, from {who}",
            came=f"{raw.dtype} of shape {raw.shape}",
            do="make it give minus the log of the probability of each text",
        )
    losses = raw.astype(np.float64)
    bad = int((~np.isfinite(losses)).sum())
    if bad:
        raise NotFiniteError(
            expected=f"finite losses from {who}",
            came=f"{bad} NaN or infinite of {n}",
            do="repair the model; its other answers cannot be relied on either",
        )
    return losses


def _require_outputs(outputs: str) -> None:
    if outputs not in ("logits", "probabilities", "labels", "losses"):
        raise InputError(
            expected="outputs that are logits, probabilities, labels or losses",
            came=repr(outputs),
            do="say what the model answers",
        )
