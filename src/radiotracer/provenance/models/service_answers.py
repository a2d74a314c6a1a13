"""What services say, in the forms that they have: to numbers, and to what these are.

- ``{"scores": [[0.1, 0.9], ...], "kind": "probabilities"}``, one number per class, or ``"logits"``,
- ``{"labels": [1, ...]}``, class numbers from 0, or the classes' names,
- ``{"predictions": [[...], ...]}``, as TensorFlow Serving has them: probabilities where every row
  is one, else logits,
- ``[[{"label": "cat", "score": 0.9}, ...], ...]``, as Hugging Face's pipelines have them, in any
  order; of classes that are not named, as with ``top_k``, each has its part of what is left.

Names are those of the audit's classes. Other keys are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, RootModel

from radiotracer.errors import InputError
from radiotracer.provenance.models.answers import are_probabilities
from radiotracer.provenance.models.protocol import Outputs
from radiotracer.runs.texts import WHOLE, first_problem, parsed

Rows = list[list[float]]
Numbered = list[Annotated[int, Field(ge=0, lt=2**31)]]


class Answer(BaseModel):
    """An object, with the rows or labels of all examples."""

    model_config = ConfigDict(strict=True, frozen=True)

    kind: Literal["logits", "probabilities"] | None = None
    scores: Rows | None = None
    predictions: Rows | None = None
    labels: Numbered | list[str] | None = None


class _Named(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    label: str
    score: Annotated[float, Field(ge=0, le=1)]


class Listed(RootModel[list[list[_Named]]]):
    """A list of lists of labels with their scores."""


def numbers(
    content: bytes, names: Sequence[str], *, labels_only: bool, who: str
) -> tuple[NDArray[Any], Outputs]:
    """The numbers of an answer, and what they are.

    Args:
        content: Of the answer, JSON.
        names: The audit's classes; empty: not known.
        labels_only: Whether labels are wanted and no scores.
        who: Names the service in errors.

    Raises:
        InputError: It is something else.
    """
    answer = _parsed(content, who)
    if isinstance(answer, Listed):
        scores = np.stack([_of_names(row, names, who) for row in answer.root] or [np.empty(0)])
        return (scores.argmax(axis=1), "labels") if labels_only else (scores, "probabilities")
    if labels_only:
        if answer.labels is None:
            raise _lacking("labels", "none", "make the service give them", who)
        known = [_place(x, names, who) if isinstance(x, str) else x for x in answer.labels]
        return np.array(known, dtype=np.int64), "labels"
    if answer.predictions is not None and answer.scores is None:
        rows = _rows(answer.predictions, who)
        return rows, "probabilities" if are_probabilities(rows) else "logits"
    if answer.scores is None:
        came = "none" if answer.labels is None else "labels only"
        raise _lacking("scores", came, 'open it with outputs="labels" if it gives labels', who)
    if answer.kind is None:
        do = 'make the service say "kind": "logits" or "kind": "probabilities"'
        raise _lacking("the kind of its scores", "none", do, who)
    return _rows(answer.scores, who), answer.kind


def _rows(found: Rows, who: str) -> NDArray[np.float64]:
    widths = sorted({len(row) for row in found})
    if len(widths) > 1:
        came = f"rows of {widths[0]} and of {widths[-1]}"
        raise _lacking("rows of one length", came, "repair the service", who)
    # With no rows at all, NumPy could not tell how many columns there are.
    return np.array(found, dtype=np.float64).reshape(len(found), sum(widths))


def _of_names(row: list[_Named], names: Sequence[str], who: str) -> NDArray[np.float64]:
    """Probabilities (classes,) of what was named, and of the rest their part of what is left."""
    places = [_place(each.label, names, who) for each in row]
    if len(set(places)) < len(places) or not places:
        came = "none" if not places else "one of them twice"
        raise _lacking("every class once at most", came, "repair the service", who)
    given = sum(each.score for each in row)
    left = max(0.0, 1.0 - given) / max(1, len(names) - len(places))
    found = np.full(len(names), left)
    found[places] = [each.score for each in row]
    return found


def _place(name: str, names: Sequence[str], who: str) -> int:
    if list(names).count(name) != 1:
        raise _lacking(
            f"one of the classes {', '.join(names)[:100] or 'of the data'}",
            repr(name[:100]),
            "make the service name classes as the data do",
            who,
        )
    return list(names).index(name)


def _parsed(content: bytes, who: str) -> Answer | Listed:
    try:
        return parsed(Listed, content) if content.lstrip()[:1] == b"[" else parsed(Answer, content)
    except ValueError as error:  # pydantic's are of these
        raise _lacking(
            'JSON with "scores" and "kind", or "labels",',
            first_problem(error).removeprefix(f"{WHOLE}: "),
            "repair the service, or ask it through python:module:function",
            who,
        ) from error


def _lacking(expected: str, came: str, do: str, who: str) -> InputError:
    return InputError(expected=f"{expected} from {who}", came=came, do=do)
