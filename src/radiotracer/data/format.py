"""A form in which data come: where it holds, how it is opened and written, what it is called.

A format is one object in one file of `data/formats/`, or of another package (entry points
``radiotracer.formats``). `open_data` asks all of them, in their order, and opens data with the
first that holds.
"""

from __future__ import annotations

import abc
import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict

from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.splits import TEST, TRAIN, VAL, named
from radiotracer.errors import DataError
from radiotracer.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from radiotracer.data.dataset import Dataset

COMMON_SPLITS = (TRAIN, VAL, TEST)
"""Splits that a DATA argument may name behind a colon, whatever the format, by any of their
names."""


@dataclass(frozen=True)
class Place:
    """What a DATA argument names, without its split.

    Args:
        text: As it was written.
        found: What was found out about it, by whoever asked: formats that are asked in turn look
            at the same files once.
    """

    text: str
    found: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def path(self) -> Path:
        """The absolute path of that name; nothing need be there."""
        return Path(self.text).absolute()

    @functools.cached_property
    def exists(self) -> bool:
        """Whether something is there; False for what no file can be called."""
        return bool(self.text) and is_there(self.path)


MENDING = ("merge", "drop_class")
"""What is done to classes whatever the format; see `radiotracer.data.mending`."""


@dataclass(frozen=True)
class Options:
    """What a caller says beside the DATA argument; None is what `open_data` says it is.

    Args:
        image_size: Resize images to this height and width.
        image_column: The column of images, or of paths to them.
        text_column: The column of texts.
        label_column: The column of labels.
        id_column: The column of ids.
        follow_links: Folders that symbolic links and paths in tables may lead to.
        like: Data that these must fit: their columns, their classes.
        report: Takes a line of progress whenever something is fetched.
        decoding: Where the pixels of encoded images go.
    """

    image_size: int | None = None
    image_column: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    id_column: str | None = None
    follow_links: tuple[str, ...] = ()
    like: Dataset | None = None
    report: Callable[[str], None] | None = None
    decoding: Decoding = IN_MEMORY

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Those among `Dataset.options` that say how data are read."""
        return cls(**{name: value for name, value in options.items() if name in NAMED})

    def given(self) -> dict[str, Any]:
        """Those that change what is opened, by name, without the ones that are None or empty."""
        values = {name: getattr(self, name) for name in NAMED}
        return {name: value for name, value in values.items() if value not in (None, ())}


class Reading(TypedDict, total=False):
    """What every function that opens data takes beside the DATA argument; see `open_data`."""

    image_size: int | None
    image_column: str | None
    text_column: str | None
    label_column: str | None
    id_column: str | None
    follow_links: Sequence[str | os.PathLike[str]]
    merge: Sequence[str]
    drop_class: Sequence[str]


NAMED = tuple(name for name in Reading.__annotations__ if name not in MENDING)
"""Options that only some formats take."""


@dataclass(frozen=True)
class Written:
    """How a changed data set was written.

    Args:
        name: Below the folder it was written into; ``""`` is the folder itself.
        note: What a reader has to know; may be empty.
        renamed: New ids by old ones, where an example had to move.
    """

    name: str = ""
    note: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


class CannotWriteError(Exception):
    """The form of the input cannot hold the changed data; the text says why."""


class Format(abc.ABC):
    """A form of data.

    Attributes:
        name: Unique, short.
        words: What a DATA argument is where it is of this form, for people.
        order: Formats are asked from the lowest to the highest; the built-in ones leave room.
        options: Which of `NAMED` it takes.
        splits: What may stand behind the colon.
    """

    name: str
    words: str
    order: int = 100
    options: frozenset[str] = frozenset()
    splits: tuple[str, ...] = COMMON_SPLITS

    @abc.abstractmethod
    def matches(self, place: Place, options: Options) -> bool:
        """Whether data of this form are there; looks at names and first bytes, not at all data.

        A place need not exist: a built-in name does not.
        """

    @abc.abstractmethod
    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Open what `matches`.

        Args:
            place: Where.
            split: One of `splits`, or None, which is the training split where there are several.
            options: Of `NAMED` only those that this format takes are not None.

        Returns:
            Data whose `source` opens them again from any working folder.

        Raises:
            DataError: They cannot be used; one line, which names arguments, not flags.
        """

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write data of this form anew, in the same form.

        Args:
            before: As they were opened; their `source` is of this form.
            after: Some of them, in the same order, some under other labels.
            folder: An empty folder.

        Raises:
            CannotWriteError: This form cannot hold them, or is only read.
        """
        raise CannotWriteError(f"{self.words} is only read")


FORMATS: Registry[Format] = Registry(
    "data format", home="radiotracer.data.formats", group="radiotracer.formats", of=Format
)
"""Every form of data, by name."""


def in_order() -> list[Format]:
    """Every format, in the order in which they are asked."""
    return sorted(FORMATS.values(), key=lambda each: (each.order, each.name))


def is_there(path: Path) -> bool:
    """Whether a path exists; False for what no file can be called, and where nobody may look."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def split_of(source: str) -> tuple[str, str | None]:
    """What a DATA argument names, and which split of it, by the split's first name.

    A path may itself end in ``:test``: what exists as written is taken as written.
    """
    base, _, last = source.rpartition(":")
    own = {each for form in FORMATS.values() for each in form.splits if each not in COMMON_SPLITS}
    split = last if last in own else named(last)
    if split and base and not is_there(Path(source)):
        return base, split
    return source, None


def no_split(place: Place, split: str, what: str, wanted: str = "") -> DataError:
    """What is answered where data have no such split.

    Args:
        place: The data.
        split: What was asked for.
        what: What they are instead.
        wanted: What the split would be, ``"a test split"`` by default.
    """
    return DataError(
        expected=f"{wanted or f'a {split} split'} in {place.text}",
        came=what,
        do=f"leave out :{split}" + ", or add the split" * (not wanted),
    )
