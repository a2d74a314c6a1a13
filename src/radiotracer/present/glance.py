"""What a notebook shows of a result, as one frozen model: it is drawn from this and nothing else.

Texts are shown and not obeyed, as in `radiotracer.present.findings`.
"""

from __future__ import annotations

from typing import Literal

from radiotracer.present.fields import Frozen, Text
from radiotracer.present.findings import Example
from radiotracer.present.reasons import Reason

Tone = Literal["found", "ordinary", "inconclusive"]


class Figure(Frozen):
    """A number with its name, and what it is out of."""

    name: Text
    value: Text
    context: Text = ""


class GlanceTable(Frozen):
    """A small table; its first column names the rows, and the row `best` is the one that counts."""

    caption: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    best: int | None = None
    numeric: bool = False


class Glance(Frozen):
    """Everything that the display says.

    Args:
        kind: What it is, such as ``scan``.
        title: Of what.
        headline: The answer in a few words.
        tone: ``found`` where there is something to look at, ``inconclusive`` where nothing follows.
        text: And in one sentence; ``10^-3`` is shown as a power.
        figures: Numbers to see first.
        flagged: The first flagged examples.
        judge: Who finds that they look like a class.
        reasons: Of the first queries.
        tables: Detectors, controls, checkpoints.
        facts: How it was made, row by row.
        notes: What a reader should know.
    """

    kind: Text
    title: Text
    headline: Text
    tone: Tone = "ordinary"
    text: Text = ""
    figures: tuple[Figure, ...] = ()
    flagged: tuple[Example, ...] = ()
    judge: Text = "the network"
    reasons: tuple[Reason, ...] = ()
    tables: tuple[GlanceTable, ...] = ()
    facts: tuple[tuple[Text, Text], ...] = ()
    notes: tuple[Text, ...] = ()
