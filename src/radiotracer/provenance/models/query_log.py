"""What was asked of a suspect and what it said: a file of JSON lines that survives a crash.

The first line says which suspect it is about. Before a batch is sent a line says how many examples
it holds, afterwards one line per example says what came, and a last one vouches for them all:

    {"kind": "radiotracer query log", "schema_version": 3, "time": ..., "name": ...,
     "suspect": {...}}
    {"time": "2026-01-31T12:00:00.000+00:00", "asked": 32}
    {"time": ..., "example": SHA-256 as in `Dataset.digests`, "scores": [...]}, or "label": 3
    {"time": ..., "answered": 32, "sha256": of the lines since the last such line or the first}

Each batch is flushed to the disk. A crash leaves at most one line without its end, which is dropped
when the file is opened again, and a batch that counts as asked without its answers. The answers
give coins of the key away: the file is closed to other users.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from radiotracer.errors import InputError
from radiotracer.files import atomic_file, storage_errors
from radiotracer.provenance.models.query_lines import (
    BEGINNING,
    Answer,
    Asked,
    Header,
    Label,
    Scores,
    Stretch,
    closing,
    stretches,
)


class QueryLog:
    """An open log.

    Args:
        path: A new file, or a log of the same suspect, which is continued.
        name: The suspect's.
        identity: The suspect's. Files that were moved are the same if their digests are.
        mended: Told, in words, which answers are not as they were written: they are taken out of
            the log, and only count as asked. None: such a log is refused.

    Raises:
        InputError: `path` is another file, is damaged, or is about another suspect; it is left as
            it was.
        StorageError: The disk refused.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        identity: Mapping[str, str],
        *,
        mended: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.asked = 0
        self.answers: dict[str, Answer] = {}
        self._open = b""  # lines that no line vouches for yet
        with storage_errors(path):
            content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if not whole and content[: len(BEGINNING)] != BEGINNING[: len(content)]:
            raise self._damaged(1, "another file")
        self._size = len(whole)
        if whole:
            self._read(whole, identity, mended)
        if len(content) > len(whole):  # the line at which a crash came
            with storage_errors(path):
                os.truncate(path, self._size)
        if not whole:
            self._append(Header(time=_now(), name=name, suspect=dict(identity)).text)

    def ask(self, count: int) -> None:
        """Note that `count` examples are about to be sent."""
        line = Asked(time=_now(), asked=count).text
        self._append(line)
        self._open += line
        self.asked += count

    def answer(self, examples: Sequence[str], answers: Sequence[Answer]) -> None:
        """Note what came, one answer per digest of an example."""
        time = _now()
        lines = [
            Label(time=time, example=example, label=answer)
            if isinstance(answer, int)
            else Scores(time=time, example=example, scores=answer)
            for example, answer in zip(examples, answers, strict=True)
        ]
        text = b"".join(line.text for line in lines)
        self._append(text + closing(self._open + text, len(lines), time))
        self._open = b""
        self.answers |= zip(examples, answers, strict=True)

    def _append(self, text: bytes) -> None:
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self.path, flags, 0o600), "ab") as stream:
                if stream.tell() != self._size:
                    raise InputError(
                        expected=f"nobody else to write to {self.path}",
                        came="another audit that does",
                        do="let it end, then run this one again",
                    )
                try:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
                except OSError:
                    os.truncate(self.path, self._size)
                    raise
        self._size += len(text)

    def _read(
        self, whole: bytes, identity: Mapping[str, str], mended: Callable[[str], None] | None
    ) -> None:
        first, *rest = whole[:-1].split(b"\n")
        try:
            header = Header.model_validate_json(first)
        except ValidationError as error:
            raise self._damaged(1, "another file") from error
        if same_wherever(header.suspect) != same_wherever(identity):
            raise InputError(
                expected=f"a log of this suspect model at {self.path}",
                came=f"one of {header.name}",
                do="choose another file for the log",
            )
        found = list(stretches(rest, first=2))
        faulty = [each for each in found if each.fault is not None]
        if faulty and mended is None:
            raise self._damaged(faulty[0].first, faulty[0].fault or "")
        if faulty and mended is not None:
            found = self._mend(first + b"\n", found)
            for each in faulty:
                mended(
                    f"{self.path}: lines {each.first} to {each.last} were damaged since they were "
                    "written: what was asked there is asked again"
                )
        for each in found:
            self.asked += each.asked
            for example, answer in each.answers.items():
                self.answers.setdefault(example, answer)
        if found and not found[-1].closed:
            self._open = found[-1].text

    def _mend(self, header: bytes, found: Sequence[Stretch]) -> list[Stretch]:
        """Write the log anew, without answers where something is not as it was written."""
        time = _now()
        parts = [each.text if each.fault is None else each.without_answers(time) for each in found]
        text = b"".join(parts)
        with atomic_file(self.path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_bytes(header + text)
        self._size = len(header) + len(text)
        return list(stretches(text[:-1].split(b"\n"), first=2))

    def _damaged(self, line: int, came: str) -> InputError:
        what = "a radiotracer query log" if line == 1 else "a question or an answer in each line"
        return InputError(
            expected=f"{what} at {self.path}",
            came=came,
            do="choose another file, or restore this one",
        )


def same_wherever(identity: Mapping[str, str]) -> dict[str, str]:
    """What stays of a suspect's identity when its file is moved, or kept in another format.

    Of weights that is their digest, and how they are asked; of another file with a digest, all but
    its path.
    """
    if "weights" in identity:
        moved = frozenset(("kind", "path", "sha256", "checkpoint", "run_sha256"))
    else:
        moved = frozenset(("path",) if "sha256" in identity else ())
    return {key: value for key, value in identity.items() if key not in moved}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
