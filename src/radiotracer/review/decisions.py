"""What a person decides about an example, and what many decisions come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from radiotracer.errors import InputError

Verb = Literal["keep", "relabel", "drop", "unsure"]
VERBS: tuple[Verb, ...] = get_args(Verb)
"""Keep as it is, give it another label, leave it out, or leave that open."""


@dataclass(frozen=True)
class Decision:
    """What was decided about one example.

    Args:
        verb: None when a decision was taken back.
        new_label: The name of the class that it really belongs to; only with ``"relabel"``.
    """

    verb: Verb | None = None
    new_label: str | None = None


@dataclass(frozen=True)
class Event:
    """One line of the history: nothing in it is ever changed.

    Args:
        seq: Its number, from 1: the version of the example from here on.
        example: The example's id.
        decision: What holds from here on.
        sampled: Whether the example was a member of the random sample at that time.
        decided_at: UTC, ISO 8601.
        replaces: The version that it replaced; 0 when there was none.
        undoes: The event that this one takes back, or None.
    """

    seq: int
    example: str
    decision: Decision
    sampled: bool
    decided_at: str
    replaces: int
    undoes: int | None = None


UNDECIDED = Event(0, "", Decision(), sampled=False, decided_at="", replaces=0)
"""Stands for an example about which nothing was ever decided."""


class StaleError(Exception):
    """A decision names a version that has been replaced since.

    Args:
        current: What holds now.
    """

    def __init__(self, current: Event) -> None:
        self.current = current
        super().__init__("decided elsewhere in the meantime")


def checked(
    verb: object, new_label: object, *, label: str, class_names: tuple[str, ...]
) -> Decision:
    """The decision, if it makes sense for an example labelled `label`.

    Raises:
        InputError: An unknown verb, or a new label that is missing, unknown, out of place, or the
            label that the example has.
    """
    if verb is not None and verb not in VERBS:
        raise InputError(
            expected=f"{', '.join(VERBS)} or null", came=repr(verb), do="choose one of them"
        )
    if verb != "relabel":
        if new_label is not None:
            raise InputError(
                expected="a new label only with relabel", came=repr(verb), do="leave it out"
            )
        return Decision(next((each for each in VERBS if each == verb), None))
    if not isinstance(new_label, str) or new_label not in class_names:
        raise InputError(
            expected="the name of a class", came=repr(new_label), do="choose one of the classes"
        )
    if new_label == label:
        raise InputError(
            expected="another label than the given one",
            came=repr(new_label),
            do="keep the example instead",
        )
    return Decision("relabel", new_label)
