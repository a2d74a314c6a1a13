"""What was asked of a suspect and what it said: a file of JSON lines that survives a crash.

The first line says which suspect it is about. Before a batch is sent a line says how many images it
holds, afterwards one line per image says what came:

    {"kind": "radiotracer query log", "schema_version": 1, "time": ..., "name": ...,
     "suspect": {...}}
    {"time": "2026-01-31T12:00:00.000+00:00", "asked": 32}
    {"time": ..., "image": SHA-256 as in `Examples.digests`, "scores": [...]}, or "label": 3

Each batch is flushed to the disk. A crash leaves at most one line without its end, which is dropped
when the file is opened again, and a batch that counts as asked without its answers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from radiotracer.auditing.suspects.protocol import Images
from radiotracer.errors import InputError
from radiotracer.files import storage_errors

Answer = tuple[float, ...] | int
"""The scores of one image, or its label."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Header(_Line):
    kind: Literal["radiotracer query log"] = "radiotracer query log"
    schema_version: Literal[1] = 1
    time: str
    name: str
    suspect: dict[str, str]


class _Asked(_Line):
    time: str
    asked: int = Field(ge=1)


class _Scores(_Line):
    time: str
    image: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    scores: tuple[float, ...] = Field(min_length=1)


class _Label(_Line):
    time: str
    image: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    label: int = Field(ge=0)


_BEGINNING = b'{"kind":"radiotracer query log"'
_ENTRY: TypeAdapter[_Asked | _Scores | _Label] = TypeAdapter(_Asked | _Scores | _Label)


class QueryLog:
    """An open log.

    Args:
        path: A new file, or a log of the same suspect, which is continued.
        name: The suspect's.
        identity: The suspect's. Files that were moved are the same if their digests are.

    Raises:
        InputError: `path` is another file, is damaged, or is about another suspect; it is left as
            it was.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, name: str, identity: Mapping[str, str]) -> None:
        self.path = path
        self.asked = 0
        self.answers: dict[str, Answer] = {}
        with storage_errors(path):
            content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self._read(whole, identity)
        elif content[: len(_BEGINNING)] != _BEGINNING[: len(content)]:
            raise self._damaged(1, "another file")
        self._size = len(whole)
        if len(content) > self._size:  # the line at which a crash came
            with storage_errors(path):
                os.truncate(path, self._size)
        if not whole:
            self._append([_Header(time=_now(), name=name, suspect=dict(identity))])

    def ask(self, count: int) -> None:
        """Note that `count` images are about to be sent."""
        self._append([_Asked(time=_now(), asked=count)])
        self.asked += count

    def answer(self, images: Sequence[str], answers: Sequence[Answer]) -> None:
        """Note what came, one answer per image digest."""
        time = _now()
        self._append(
            [
                _Label(time=time, image=image, label=answer)
                if isinstance(answer, int)
                else _Scores(time=time, image=image, scores=answer)
                for image, answer in zip(images, answers, strict=True)
            ]
        )
        self.answers |= zip(images, answers, strict=True)

    def _append(self, lines: Sequence[_Line]) -> None:
        text = "".join(line.model_dump_json() + "\n" for line in lines).encode()
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
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

    def _read(self, whole: bytes, identity: Mapping[str, str]) -> None:
        first, *rest = whole.splitlines()
        try:
            header = _Header.model_validate_json(first)
        except ValidationError as error:
            raise self._damaged(1, "another file") from error
        if _same_wherever(header.suspect) != _same_wherever(identity):
            raise InputError(
                expected=f"a log of this suspect model at {self.path}",
                came=f"one of {header.name}",
                do="choose another file for the log",
            )
        for number, line in enumerate(rest, start=2):
            try:
                entry = _ENTRY.validate_json(line)
            except ValidationError as error:
                raise self._damaged(number, f"another text in line {number}") from error
            if isinstance(entry, _Asked):
                self.asked += entry.asked
            else:
                answer = entry.scores if isinstance(entry, _Scores) else entry.label
                self.answers.setdefault(entry.image, answer)

    def _damaged(self, line: int, came: str) -> InputError:
        what = "a radiotracer query log" if line == 1 else "a question or an answer in each line"
        return InputError(
            expected=f"{what} at {self.path}",
            came=came,
            do="choose another file, or restore this one",
        )


def image_digests(images: Images) -> list[str]:
    """SHA-256 of each image's shape and pixels, as in `Examples.digests`."""
    header = np.array(images.shape[1:], dtype=">u4").tobytes()
    return [hashlib.sha256(header + image.tobytes()).hexdigest() for image in images]


def _same_wherever(identity: Mapping[str, str]) -> dict[str, str]:
    moved = "path" if "sha256" in identity else None
    return {key: value for key, value in identity.items() if key != moved}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
