"""The lines of a query log, and whether they are as they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from radiotracer.provenance.models.identities import Identity

Answer = tuple[float, ...] | int
"""The scores of one example, or its label."""

BEGINNING = b'{"kind":"radiotracer query log"'
"""Of every log."""

_Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Line(BaseModel):
    """Any line; `text` is how it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @property
    def text(self) -> bytes:
        """The line with its end."""
        return self.model_dump_json().encode() + b"\n"


class Header(Line):
    """The first line."""

    kind: Literal["radiotracer query log"] = "radiotracer query log"
    schema_version: Literal[3] = 3
    time: str
    name: str
    suspect: Identity


class Asked(Line):
    """So many examples are about to be sent."""

    time: str
    asked: int = Field(ge=1)


class Scores(Line):
    """The scores of an example."""

    time: str
    example: _Digest
    scores: tuple[float, ...] = Field(min_length=1)


class Label(Line):
    """The label of an example."""

    time: str
    example: _Digest
    label: int = Field(ge=0)


class Answered(Line):
    """So many answers came; `sha256` is that of all lines since the last such line or the first."""

    time: str
    answered: int = Field(ge=0)
    sha256: _Digest


Entry = Asked | Scores | Label | Answered
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


@dataclass(frozen=True)
class Stretch:
    """Lines up to one that vouches for them, or to the end of the log.

    Args:
        first: The number of the first of them in the log, from 1.
        text: All of them, as they are.
        entries: What they say; None for a line that says nothing.
    """

    first: int
    text: bytes
    entries: tuple[Entry | None, ...]

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.entries) - 1

    @property
    def closed(self) -> bool:
        """Whether a line vouches for the others; a crash leaves a last stretch without one."""
        return isinstance(self.entries[-1], Answered)

    @property
    def fault(self) -> str | None:
        """In words, what is not as it was written; None: nothing."""
        if None in self.entries:
            return f"another text in line {self.first + self.entries.index(None)}"
        last = self.entries[-1]
        if isinstance(last, Answered):
            vouched = self.text[: self.text.rfind(b"\n", 0, -1) + 1]
            same = hashlib.sha256(vouched).hexdigest() == last.sha256
            came = sum(isinstance(entry, Scores | Label) for entry in self.entries)
            if not same or came != last.answered:
                return f"lines {self.first} to {self.last} not as they were written"
        return None

    @property
    def asked(self) -> int:
        """How many examples were sent."""
        return sum(entry.asked for entry in self.entries if isinstance(entry, Asked))

    @property
    def answers(self) -> dict[str, Answer]:
        """What came, by the examples' digests."""
        found: dict[str, Answer] = {}
        for entry in self.entries:
            if isinstance(entry, Scores):
                found.setdefault(entry.example, entry.scores)
            elif isinstance(entry, Label):
                found.setdefault(entry.example, entry.label)
        return found

    def without_answers(self, time: str) -> bytes:
        """The same with nothing but how many examples were sent, as far as any line still says so.

        Args:
            time: Of the lines that are new.
        """
        said = max(
            self.asked,
            len(self.answers),
            *(entry.answered for entry in self.entries if isinstance(entry, Answered)),
            0,
        )
        kept = [entry for entry in self.entries if isinstance(entry, Asked)]
        if said > self.asked:
            kept.append(Asked(time=time, asked=said - self.asked))
        text = b"".join(entry.text for entry in kept)
        return text + closing(text, 0, time)


def stretches(lines: Sequence[bytes], first: int) -> Iterator[Stretch]:
    """All stretches, in order.

    Args:
        lines: Without their ends, and without the header.
        first: The number of the first of them, from 1.
    """
    begin, entries = 0, list[Entry | None]()
    for end, line in enumerate(lines, start=1):
        entries.append(_entry(line))
        if isinstance(entries[-1], Answered) or end == len(lines):
            text = b"".join(each + b"\n" for each in lines[begin:end])
            yield Stretch(first + begin, text, tuple(entries))
            begin, entries = end, []


def closing(text: bytes, answered: int, time: str) -> bytes:
    """The line that vouches for the lines in `text`, `answered` of which are answers."""
    return Answered(time=time, answered=answered, sha256=hashlib.sha256(text).hexdigest()).text


def _entry(line: bytes) -> Entry | None:
    try:
        return _ENTRY.validate_json(line)
    except ValidationError:
        return None
