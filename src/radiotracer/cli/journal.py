"""``--log-json``: what a long command does, line by line, for programs that watch it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

from cyclopts import Parameter

from radiotracer.errors import RadiotracerError
from radiotracer.files import storage_errors

LogJson = Annotated[
    Path | None,
    Parameter(
        help="Append one JSON object per event to this file: begin, progress (with the rate and "
        "the seconds left), note, end."
    ),
]

BETWEEN = 1.0
"""Seconds between lines about the same stage; its first and its last are always written."""

Progress = Callable[[str, int, int], None]


class Journal:
    """Writes events; one of no file writes nothing.

    Args:
        stream: An open text file, or None.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._begun: dict[str, tuple[float, int]] = {}
        self._told: dict[str, float] = {}

    def write(self, event: str, **about: Any) -> None:
        """One line: the time (UTC), the event, and what there is to say about it."""
        if self._stream is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **about})
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def note(self, text: str) -> None:
        """Something that a reader should know, such as a unit that was damaged."""
        self.write("note", text=text)

    def progress(self, what: str, done: int, of: int) -> None:
        """How far a stage is. The rate is that of this process: what was kept does not count."""
        now = time.monotonic()
        if what not in self._begun:
            self._begun[what] = (now, done)
        elif done < of and now - self._told[what] < BETWEEN:
            return
        self._told[what] = now
        start, before = self._begun[what]
        rate = (done - before) / (now - start) if now > start and done > before else None
        self.write(
            "progress",
            stage=what,
            done=done,
            of=of,
            per_second=None if rate is None else round(rate, 3),
            seconds_left=None if rate is None else round((of - done) / rate, 1),
        )


@contextmanager
def journal(path: Path | None) -> Iterator[Journal]:
    """A journal from the begin to the end of the work, however it ends.

    Raises:
        StorageError: The file cannot be written to.
    """
    if path is None:
        yield Journal(None)
        return
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a", encoding="utf-8")
    with stream:
        log = Journal(stream)
        log.write("begin", command=["radiotracer", *sys.argv[1:]])
        try:
            yield log
        except RadiotracerError as error:
            log.write("end", status="failed", error=str(error))
            raise
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            log.write("end", status="stopped" if stopped else "failed", error=type(error).__name__)
            raise
        log.write("end", status="finished")


def both(one: Progress, other: Progress) -> Progress:
    """Tell two of how far it is."""

    def tell(what: str, done: int, of: int) -> None:
        one(what, done, of)
        other(what, done, of)

    return tell
