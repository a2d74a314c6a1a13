"""What was read of a data set: what terminals, summaries, pages and lists say of it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.format import split_of
from radiotracer.data.listing import write_csv
from radiotracer.data.modality import nouns
from radiotracer.data.quality import Again, Groups, class_warnings, conflicts, duplicates, shared

LEFT_OUT_FILE = "left-out.csv"
DUPLICATES_FILE = "duplicates.csv"

NAMED = 5
"""How many of the files that were left out, and of the certain errors, a terminal is told."""

CLASSES = 8
"""How many classes are counted in the sentence."""

GROUPS = 100
"""Groups of copies that a summary holds; all are in `DUPLICATES_FILE`."""

MEMBERS = 20
"""Examples of each of them."""

Part = Literal["train", "validation"]
Kind = Literal["labels", "parts"]


@dataclass(frozen=True)
class Copy:
    """One of several examples that are the same byte for byte.

    Args:
        part: Where it belongs.
        id: Its id.
        label: The name of its class.
        row: Its row in that part; None where it was left out of it.
    """

    part: Part
    id: str
    label: str
    row: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Certain:
    """Copies that cannot all be right.

    Args:
        kind: ``"labels"``: under different labels. ``"parts"``: of one label, but in the training
            and in the validation part.
        copies: Two or more.
    """

    kind: Kind
    copies: tuple[Copy, ...]

    def __str__(self) -> str:
        """In one line."""
        shown = [f"{each.id} ({each.label})" for each in self.copies[:NAMED]]
        return " = ".join([*shown, *(["…"] if len(self.copies) > NAMED else [])])


@dataclass(frozen=True, eq=False)
class Account:
    """What was read.

    Args:
        train: The training examples.
        validation: The validation examples, or None where there are none or nobody opened them.
    """

    train: Dataset
    validation: Dataset | None = None

    @property
    def classes(self) -> list[tuple[str, int]]:
        """How many training examples each class has, by name, in the order of the classes."""
        names = self.train.class_names
        counts = np.bincount(self.train.labels, minlength=len(names))
        return list(zip(names, counts.tolist(), strict=True))

    @property
    def left_out(self) -> list[tuple[Part, LeftOut]]:
        """What was left out, and of which part."""
        parts: list[tuple[Part, LeftOut]] = [("train", each) for each in self.train.left_out]
        if self.validation is not None:
            parts += [("validation", each) for each in self.validation.left_out]
        return parts

    @property
    def notes(self) -> list[str]:
        """What was noticed or decided when the data were read."""
        own = list(self.train.notes)
        if self.validation is not None:
            own += [f"Validation part: {note}" for note in self.validation.notes]
        return own

    @functools.cached_property
    def warnings(self) -> tuple[str, ...]:
        """What looks like a mistake, a sentence each."""
        found = class_warnings(self.train, self.validation)
        if again := duplicates(self.train):
            found.append(f"{again:,} training examples repeat another one under the same label.")
        return tuple(found)

    @property
    def sentence(self) -> str:
        """What was read, in one line."""
        some = [f"{_short(name)} {count:,}" for name, count in self.classes[:CLASSES]]
        more = ["…"] if len(self.classes) > CLASSES else []
        modality = self.train.modality
        parts = [
            nouns(modality, len(self.train)),
            f"{len(self.classes):,} class{'es' * (len(self.classes) != 1)} "
            f"({', '.join([*some, *more])})",
        ]
        if self.validation is not None:
            what = nouns(modality, len(self.validation)).replace(" ", " validation ", 1)
            parts.append(f"{what} from `{_place(self.validation.source)}`")
        sentence = ", ".join(parts)
        if n := len(self.left_out):
            sentence += f"; {n:,} file{'s' * (n != 1)} left out"
        return sentence

    def lines(self, *, listed: bool = False) -> list[str]:
        """For a terminal: the sentence, some of what was left out, notes, warnings, certain errors.

        Args:
            listed: Whether the lists of all that was left out are written, too.
        """
        # Copies are told with what they are copies of.
        unread = [each for _, each in self.left_out if not isinstance(each, Again)]
        named = [f"left out {each.path}: {each.reason}" for each in unread[:NAMED]]
        sentence = self.sentence
        if listed and self.left_out:
            sentence += f" ({LEFT_OUT_FILE})"
        return [sentence, *named, *self.notes, *self.warnings, *self.certain_lines()]

    def certain_lines(self) -> list[str]:
        """Certain errors, counted, with the first of them."""
        told = []
        said: dict[Kind, str] = {
            "labels": "lie under two labels",
            "parts": "are in the training and in the validation part",
        }
        for kind, words in said.items():
            n = self._count(kind)
            if n:
                first = list(itertools.islice(self._of(kind), NAMED + 1))
                shown = [*map(str, first[:NAMED]), *(["…"] if len(first) > NAMED else [])]
                told.append(f"{n:,} examples {words}: {', '.join(shown)}")
        return told

    @property
    def groups(self) -> int:
        """How many groups of copies cannot all be right."""
        return int(self._alone.sum()) + sum(map(len, self._split.values()))

    def certain(self) -> Iterator[Certain]:
        """Every group of copies that cannot all be right, those under different labels first."""
        yield from self._of("labels")
        yield from self._of("parts")

    def as_json(self) -> dict[str, Any]:
        """For summaries and programs: what was read."""
        shown = None
        if self.validation is not None:
            shown = {"source": self.validation.source, "examples": len(self.validation)}
        return {
            "examples": len(self.train),
            "modality": self.train.modality.name,
            "classes": [{"name": name, "examples": count} for name, count in self.classes],
            "validation": shown,
            "left_out": len(self.left_out),
            "notes": self.notes,
            "warnings": list(self.warnings),
            "certain": self.certain_as_json(),
        }

    def certain_as_json(self) -> dict[str, Any]:
        """Certain errors: how many, and the first groups."""
        groups = itertools.islice(self.certain(), GROUPS)
        return {
            "under_different_labels": self._count("labels"),
            "in_both_parts": self._count("parts"),
            "groups": [
                {
                    "kind": group.kind,
                    "examples": [
                        {"part": each.part, "id": each.id, "label": each.label}
                        for each in group.copies[:MEMBERS]
                    ],
                }
                for group in groups
            ],
        }

    @functools.cached_property
    def _conflicts(self) -> Groups:
        return conflicts(self.train)

    @functools.cached_property
    def _across(self) -> tuple[tuple[Copy, ...], ...]:
        """Copies across both parts, those that were left out for it included."""
        held, train = self.validation, self.train
        if held is None:
            return ()
        of: dict[tuple[int, ...], list[Copy]] = {}
        for rows in shared(train, held):
            own = tuple(rows[rows < len(train)].tolist())
            for row in (rows[rows >= len(train)] - len(train)).tolist():
                of.setdefault(own, []).append(_copy(held, "validation", row))
        for each in held.left_out:
            if isinstance(each, Again):
                of.setdefault(each.rows, []).append(Copy("validation", each.path, each.label))
        return tuple((*(_copy(train, "train", row) for row in own), *of[own]) for own in sorted(of))

    @functools.cached_property
    def _split(self) -> dict[str, list[tuple[Copy, ...]]]:
        """Copies across both parts by whether their labels differ."""
        split: dict[str, list[tuple[Copy, ...]]] = {"labels": [], "parts": []}
        for copies in self._across:
            split["labels" if len({each.label for each in copies}) > 1 else "parts"].append(copies)
        return split

    @functools.cached_property
    def _alone(self) -> NDArray[np.bool_]:
        """Which of the conflicts are not told with validation examples among them."""
        across = [copies[0].row or 0 for copies in self._split["labels"]]
        return ~np.isin(self._conflicts.rows[self._conflicts.starts[:-1]], across)

    def _of(self, kind: Kind) -> Iterator[Certain]:
        if kind == "labels":
            for alone, rows in zip(self._alone.tolist(), self._conflicts, strict=True):
                if alone:
                    copies = tuple(_copy(self.train, "train", row) for row in rows.tolist())
                    yield Certain("labels", copies)
        for copies in self._split[kind]:
            yield Certain(kind, copies)

    def _count(self, kind: Kind) -> int:
        own = 0
        if kind == "labels":
            own = int(np.diff(self._conflicts.starts)[self._alone].sum())
        return own + sum(map(len, self._split[kind]))


def write_left_out(account: Account, folder: Path) -> None:
    """Write `LEFT_OUT_FILE` into a folder: part, path, reason; an earlier one goes."""
    rows = [(part, each.path, each.reason) for part, each in account.left_out]
    _write(folder / LEFT_OUT_FILE, rows, ("part", "path", "reason"))


def write_duplicates(account: Account, folder: Path) -> None:
    """Write `DUPLICATES_FILE` into a folder: kind, group, part, id, label; an earlier one goes."""
    rows = [
        (group.kind, number, each.part, each.id, each.label)
        for number, group in enumerate(account.certain())
        for each in group.copies
    ]
    _write(folder / DUPLICATES_FILE, rows, ("kind", "group", "part", "id", "label"))


def _write(path: Path, rows: list[Any], columns: tuple[str, ...]) -> None:
    if rows:
        write_csv(path, rows, columns)
    else:
        path.unlink(missing_ok=True)


def _copy(data: Dataset, part: Part, row: int) -> Copy:
    return Copy(part, str(data.ids[row]), data.class_names[data.labels[row]], row)


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


def _place(source: str) -> str:
    """The split, where there is one, or else the last part of where they come from."""
    base, split = split_of(source)
    return split or base.rstrip("/").rpartition("/")[2] or base
