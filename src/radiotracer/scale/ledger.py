"""Which units of a work are finished, and what each of them found."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from safetensors import SafetensorError
from safetensors.numpy import load, save

from radiotracer.errors import InputError
from radiotracer.scale.place import Place

WORK_FILE = "work.json"
"""What the units of a folder belong to."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, eq=False)
class Result:
    """What a unit found.

    Args:
        arrays: Numbers by name, any shapes.
        facts: What else is worth keeping, such as seconds; no result may depend on it.
    """

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


State = Literal["missing", "finished", "damaged"]


class Ledger(Protocol):
    """Where the results of units are kept."""

    def state(self, unit: str) -> State:
        """Whether a unit is finished, and what was kept of it as it was written."""

    def read(self, unit: str) -> Result | None:
        """What a unit found; None when it is not finished, or what was kept is damaged."""

    def write(self, unit: str, result: Result) -> None:
        """Keep what a unit found, whole or not at all; the last writer of a unit stays."""


class MemoryLedger:
    """Results in this process."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}

    def state(self, unit: str) -> State:
        """Whether a unit is finished."""
        return "finished" if unit in self._results else "missing"

    def read(self, unit: str) -> Result | None:
        """What a unit found; None when it is not finished."""
        return self._results.get(unit)

    def write(self, unit: str, result: Result) -> None:
        """Keep what a unit found."""
        self._results[unit] = result


class FolderLedger:
    """Results in a folder on a disk or in an object store; can be pickled.

    A unit is a ``.safetensors`` file with its arrays and a ``.json`` file with their SHA-256. The
    second is written last, so that it vouches for the first.

    Args:
        folder: A path, or a URL that fsspec knows.
        replace: Whether the units of another work are removed instead of refused.
    """

    def __init__(self, folder: str | os.PathLike[str], *, replace: bool = False) -> None:
        self.place = Place(folder)
        self.replace = replace
        self.begun = False
        """Whether `begin` has said, and was allowed to say, what the units belong to."""

    def has_work(self) -> bool:
        """Whether a work was begun here, by this process or another."""
        return self.place.read(WORK_FILE) is not None

    def begin(self, about: Mapping[str, JsonValue]) -> bool:
        """Say what work the units belong to: everything that a result depends on.

        Args:
            about: Settings and digests by name, in words that people understand.

        Returns:
            Whether the very same work was begun here before, and goes on.

        Raises:
            InputError: The folder holds units of another work; the text names what differs.
        """
        content = json.dumps(about, indent=2, sort_keys=True) + "\n"
        kept = self.place.read(WORK_FILE)
        if kept is not None and kept != content.encode() and self.replace:
            self.forget()
            kept = None
        if kept is None:
            self.place.write(WORK_FILE, content.encode())
        elif kept != content.encode():
            raise InputError(
                expected=f"the work that {self.place} was begun for",
                came=_differences(kept, json.loads(content)),
                do="repeat the command that began it, or pass overwrite=True to begin anew",
            )
        self.begun = True
        return kept is not None

    def state(self, unit: str) -> State:
        """Whether a unit is finished, and what was kept of it as it was written."""
        if self.place.read(f"{_checked(unit)}.json") is None:
            return "missing"
        return "damaged" if self._intact(unit) is None else "finished"

    def read(self, unit: str) -> Result | None:
        """What a unit found; None when it is not finished, or what was kept is damaged."""
        return self._intact(unit)

    def write(self, unit: str, result: Result) -> None:
        """Keep what a unit found.

        Raises:
            StorageError: The disk or the store refused.
        """
        content = save({name: np.asarray(a, order="C") for name, a in result.arrays.items()})
        described = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "facts": dict(result.facts),
        }
        self.place.write(f"{_checked(unit)}.safetensors", content)
        self.place.write(f"{unit}.json", (json.dumps(described, indent=2) + "\n").encode())

    def is_empty(self) -> bool:
        """Whether no unit is finished."""
        return not any(name.endswith(".safetensors") for name in self.place.names())

    def units(self) -> list[str]:
        """The names of all units that are finished, damaged ones among them, ascending."""
        names = (name for name in self.place.names() if name != WORK_FILE)
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def forget(self, unit: str | None = None) -> None:
        """Remove a unit, or all of them and what they belong to; a lock stays."""
        if unit is None:
            self.place.clear(locks=False)
            return
        # What vouches goes first: the rest alone is no unit.
        self.place.remove(f"{_checked(unit)}.json")
        self.place.remove(f"{unit}.safetensors")

    def remove(self) -> None:
        """Remove all units, and the folder if nothing else is in it."""
        self.place.clear()

    def _intact(self, unit: str) -> Result | None:
        """What a unit found, if arrays and facts are as they were written."""
        vouched = self.place.read(f"{_checked(unit)}.json")
        content = self.place.read(f"{unit}.safetensors")
        if vouched is None or content is None:
            return None
        try:
            described = json.loads(vouched)
            if hashlib.sha256(content).hexdigest() != described["sha256"]:
                return None
            return Result(load(content), dict(described["facts"]))
        except (ValueError, KeyError, TypeError, RecursionError, SafetensorError):
            return None


def require_shared(ledger: Ledger) -> None:
    """Raise `InputError` unless workers in other processes can write into it."""
    memory = isinstance(ledger, MemoryLedger)
    if memory or (isinstance(ledger, FolderLedger) and str(ledger.place).startswith("memory:")):
        raise InputError(
            expected="a ledger that workers in other processes reach",
            came="one in this process's memory",
            do="pass a FolderLedger with a shared folder or a URL, such as s3://bucket/scan",
        )


def _checked(unit: str) -> str:
    assert _NAME.fullmatch(unit), unit  # noqa: S101 - units are named by us
    return unit


def _differences(kept: bytes, wanted: Mapping[str, JsonValue]) -> str:
    """What differs, by name: the present value and the one that the folder was begun with."""
    try:
        before = json.loads(kept)
    except (ValueError, RecursionError):
        before = None
    if not isinstance(before, dict):
        return f"a {WORK_FILE} in it that cannot be read"
    parts = [
        f"{name}: {_short(wanted.get(name))}, begun with {_short(before.get(name))}"
        for name in sorted({*before, *wanted})
        if before.get(name) != wanted.get(name)
    ]
    return "; ".join(parts[:5])


def _short(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
