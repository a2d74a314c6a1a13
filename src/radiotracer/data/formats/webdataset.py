"""WebDataset: tar archives whose members ``KEY.jpg``, ``KEY.cls`` and so on make one example.

Read here, not by the package webdataset: that one unpickles members by their endings, follows
whatever a name says (pipes and addresses too), and knows no limits.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.encoded import LARGEST, Encoded, Part
from radiotracer.data.format import FORMATS, Format, Options, Place
from radiotracer.data.labels import Given
from radiotracer.data.opening import SUFFIXES as IMAGES
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import Read, Rows, stem, to_examples
from radiotracer.data.shards import Shards, find_shards, has_tables
from radiotracer.data.splits import WHOLE, chosen
from radiotracer.data.tar import Member, members
from radiotracer.errors import DataError

SUFFIXES = frozenset((".tar",))
"""Names of archives, whatever their case."""

ENDINGS = tuple(sorted(each.removeprefix(".") for each in IMAGES))
"""Endings of images; an example has exactly one."""

CLASS = "cls"
DESCRIPTION = "json"
CLASS_FIELDS = ("label", "class")
"""Where a label is looked for: first the file, then the fields of the description."""

PICKLES = ("pyd", "pth", "pt", "pkl", "pickle", "npy", "npz")
"""Endings of members that may hold Python objects: never opened, and listed."""

MOST_SHARDS = 100_000
LARGEST_LABEL = 1 << 20
"""Bytes of a label or a description."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
_NUMBER = re.compile(r"(?P<of>.*?)(?P<number>\d{4,})")


class WebDataset(Format):
    """An archive, a folder of them whose names tell the splits, or a pattern.

    A key is the name up to the first dot after the last slash. Its label is the whole of
    ``KEY.cls``, or else the field ``label`` or ``class`` of ``KEY.json``: a number, or the name of
    a class. Ids are ``SHARD/KEY``. Left out and listed are links and everything else that is no
    plain file, names that lead out of the archive, pickles, and examples without an image or a
    label; other members are passed over.
    """

    name = "webdataset"
    words = "WebDataset archives (.tar), a folder or a pattern of them (train-{000..012}.tar)"
    order = 600
    options = frozenset(("image_size",))

    def matches(self, place: Place, options: Options) -> bool:
        """Archives by their endings, or a pattern where nothing has its very name."""
        return has_tables(place.path, SUFFIXES) if place.exists else has_braces(place.text)

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split."""
        require_image_size(options.image_size)
        shards = find_shards(place.path, SUFFIXES) if place.exists else _of_pattern(place)
        opened = chosen(shards.by_split, split, place.path)
        home = place.path if place.exists else _common(shards.by_split[WHOLE])
        left_out = [
            LeftOut(stem(file, home), "of no split, beside files that are of one")
            for file in shards.left_out
        ]
        rows: dict[str, list[Rows[Encoded]]] = {}
        for name, files in shards.by_split.items():
            _require_no_gap(files if place.exists else ())
            for file in files:
                found, bad = _read(file, stem(file, home))
                rows.setdefault(name, []).append(found)
                left_out += bad if name == opened else []
        return to_examples(
            Read(rows, opened, place.path, split, left_out),
            image_size=options.image_size,
            decoding=options.decoding,
        )


FORMATS.register(WebDataset())


@dataclass(frozen=True)
class _Found:
    """What one archive holds: the members of each key by their endings, and what is left out."""

    by_key: dict[str, dict[str, Part]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def has_braces(text: str) -> bool:
    """Whether a DATA argument is a pattern of archives: ``train-{000..012}.tar``."""
    return text.lower().endswith(".tar") and _BRACES.search(text) is not None


def expand(pattern: str) -> list[Path]:
    """The files that a pattern names: ``{000..012}`` counts, ``{a,b}`` takes each.

    Raises:
        DataError: Braces that say neither, or more than `MOST_SHARDS` files.
    """
    parts = _BRACES.split(pattern)
    choices = [_choices(part, pattern) if i % 2 else [part] for i, part in enumerate(parts)]
    total = 1
    for each in choices:
        total *= len(each)
    if total > MOST_SHARDS:
        raise DataError(
            expected=f"at most {MOST_SHARDS:,} archives", came=f"{total:,}", do="name fewer"
        )
    return [Path("".join(each)) for each in itertools.product(*choices)]


def _choices(text: str, pattern: str) -> Sequence[str]:
    if "," in text:
        return text.split(",")
    counted = _RANGE.fullmatch(text)
    if not counted or int(counted[1]) > int(counted[2]):
        raise DataError(
            expected="braces like {000..012} or {a,b}", came=pattern, do="check the pattern"
        )
    first, last = int(counted[1]), int(counted[2])
    width = len(counted[1])
    return [f"{number:0{width}d}" for number in range(first, min(last, first + MOST_SHARDS) + 1)]


def _of_pattern(place: Place) -> Shards:
    files = expand(str(place.path))
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise DataError(
            expected=f"the {len(files)} archives of {place.path}",
            came=f"no {missing[0]}" + f" and {len(missing) - 1} more" * (len(missing) > 1),
            do="fetch the missing ones, or name fewer",
        )
    return Shards({WHOLE: files})


def _common(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def _require_no_gap(files: Sequence[Path]) -> None:
    """A folder in which an archive is missing would be another data set, silently."""
    numbers: dict[tuple[Path, str], list[int]] = {}
    for file in files:
        if match := _NUMBER.fullmatch(file.stem):
            numbers.setdefault((file.parent, match["of"]), []).append(int(match["number"]))
    for (folder, name), there in numbers.items():
        ordered = sorted(there)
        for before, after in itertools.pairwise(ordered):
            if after - before != 1:
                raise DataError(
                    expected=f"the archives {name}N.tar in {folder} without a gap",
                    came=f"number {before} and then {after}",
                    do="fetch the missing ones, or name those that are meant: {000..012} or {a,b}",
                )


def _read(file: Path, shard: str) -> tuple[Rows[Encoded], list[LeftOut]]:
    found = _Found()
    for member in members(file):
        _sort(member, found, file, shard)
    items: list[Encoded | None] = []
    labels: list[str] = []
    ids: list[str] = []
    for key, by_ending in found.by_key.items():
        images = [part for ending, part in by_ending.items() if ending in ENDINGS]
        try:
            label = _label(by_ending)
            if len(images) != 1:
                raise ValueError(f"{len(images)} images" if images else "no image")
        except (ValueError, RecursionError, OSError) as error:
            reason = str(error) if type(error) is ValueError else type(error).__name__
            found.left_out.append(LeftOut(f"{shard}/{key}", reason))
            continue
        items.append(images[0])
        labels.append(label)
        ids.append(f"{shard}/{key}")
    return Rows(items, Given(labels, typed=False), ids), found.left_out


def _sort(member: Member, found: _Found, file: Path, shard: str) -> None:
    """Put a member where it belongs."""
    folder, slash, name = member.name.rpartition("/")
    if member.problem:
        found.left_out.append(LeftOut(f"{shard}/{member.name}", member.problem))
    if member.content is None or name.startswith("."):
        return
    first, _, ending = name.partition(".")
    ending = ending.lower()
    key = f"{folder}{slash}{first}"
    if ending in PICKLES:
        reason = "it may be a pickle, which is never opened"
        found.left_out.append(LeftOut(f"{shard}/{member.name}", reason))
        return
    if ending not in (*ENDINGS, CLASS, DESCRIPTION):
        return
    if member.content.size > (LARGEST if ending in ENDINGS else LARGEST_LABEL):
        reason = f"it has {member.content.size:,} bytes"
        found.left_out.append(LeftOut(f"{shard}/{member.name}", reason))
        return
    by_ending = found.by_key.setdefault(key, {})
    if ending in by_ending:
        raise DataError(
            expected=f"each member once in {file}",
            came=f"{member.name!a} twice",
            do="give each example a key of its own",
        )
    by_ending[ending] = member.content


def _label(parts: Mapping[str, Part]) -> str:
    """As text, whatever it is.

    Raises:
        ValueError: There is none; the text says why.
    """
    if CLASS in parts:
        text = parts[CLASS].read().decode(errors="replace").strip()
        if not text or "\ufffd" in text:
            raise ValueError(f"a label in .{CLASS} that is empty or no UTF-8")
        return text
    if DESCRIPTION not in parts:
        raise ValueError("no label")
    try:
        described = json.loads(parts[DESCRIPTION].read())
    except ValueError:
        raise ValueError(f"its .{DESCRIPTION} is none") from None
    fields = described if isinstance(described, dict) else {}
    labels = [fields[name] for name in CLASS_FIELDS if name in fields]
    if len(labels) != 1 or not isinstance(labels[0], str | int) or isinstance(labels[0], bool):
        raise ValueError(f"no label or class in its .{DESCRIPTION}, or none that is one")
    return str(labels[0])
