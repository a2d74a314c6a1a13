"""Classes mended while data are opened: merged into one another, or dropped with their examples."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from radiotracer.data.dataset import Dataset
from radiotracer.data.format import MENDING
from radiotracer.data.quality import LITTER
from radiotracer.errors import DataError


@dataclass(frozen=True)
class Mending:
    """What is to become of classes.

    Args:
        merge: Texts ``FROM=INTO``, by the names of classes; blanks count. INTO may be a new name.
        drop_class: Names of classes.
    """

    merge: tuple[str, ...] = ()
    drop_class: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Out of the arguments with which data were opened."""
        return cls(*(tuple(options.get(name, ())) for name in MENDING))

    def __bool__(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.merge or self.drop_class)

    def given(self) -> dict[str, tuple[str, ...]]:
        """What is to be done, as arguments of `radiotracer.open_data`."""
        return {name: value for name in MENDING if (value := getattr(self, name))}


def mended(
    data: Dataset,
    merge: Sequence[str] = (),
    drop_class: Sequence[str] = (),
    *,
    like: Dataset | None = None,
) -> Dataset:
    """The data without the classes that are dropped, and with those that are merged in one.

    All names are those that the classes have before: what is merged into a class that is itself
    merged goes where that goes. The classes keep their order; one of a new name takes the place of
    the first that goes into it. Where saved data were mended before, the same may be asked again.

    Args:
        data: The data.
        merge: Texts ``FROM=INTO``; blanks count.
        drop_class: Names of classes, whose examples go, too.
        like: Data that these belong to: what was done to their classes is done to these, as far
            as these have them.

    Raises:
        DataError: An unknown class, one that is to become two things, a circle, or nothing is left.
    """
    names, before = list(data.class_names), Mending.of(data.options)
    theirs = Mending() if like is None else Mending.of(like.options)
    if not (merge or drop_class or theirs):
        return data
    done = dict(pair_into(text, names) for text in before.merge)
    goes: dict[str, str] = {}
    for text in merge:
        if not any(name in done and name not in names for name, _ in _partings(text)):
            _add(goes, *_parted(text, names), names)
    for name in drop_class:
        _require_known(name, names, before.drop_class)
    gone = {name for name in drop_class if name in names}
    if like is not None:
        for text in theirs.merge:
            name, into = pair_into(text, like.class_names)
            if name in names and name not in goes and _end(into, goes) != name:
                goes[name] = into
        gone |= {name for name in theirs.drop_class if name in names and name not in goes}
    _require_apart(goes, gone)
    merged = {name: _end(name, goes) for name in names if name in goes}
    # What was merged before goes on with the class that it is in: validation data need to know.
    merged |= {name: _end(into, goes) for name, into in done.items() if name not in merged}
    asked = Mending(
        tuple(f"{name}={into}" for name, into in merged.items()),
        tuple(dict.fromkeys([*before.drop_class, *(name for name in names if name in gone)])),
    )
    return _carried_out(data, {name: _end(name, goes) for name in names}, gone, asked)


def without_emptied(before: Dataset, after: Dataset) -> Dataset:
    """`after` without the classes of which `before` had examples and it has none left."""
    n = len(after.class_names)
    had, has = (np.bincount(each.labels, minlength=n)[:n] for each in (before, after))
    stays = [number for number in range(n) if has[number] or not had[number]]
    if before.class_names != after.class_names or len(stays) == n:
        return after
    number = np.zeros(n, dtype=np.int64)
    number[stays] = np.arange(len(stays))
    # Validation data that belong to these have examples of such classes still.
    did, gone = Mending.of(after.options), set(range(n)).difference(stays)
    emptied = tuple(after.class_names[each] for each in sorted(gone))
    did = Mending(did.merge, tuple(dict.fromkeys(did.drop_class + emptied)))
    return dataclasses.replace(
        after,
        labels=number[after.labels],
        class_names=tuple(after.class_names[each] for each in stays),
        options={**after.options, **did.given()},
    )


def names_now(before: Dataset, after: Dataset) -> dict[str, str | None]:
    """What classes are called in `after` that have another name there, or None: no example at all.

    For what belongs to the same data, and is not in `before`: other splits.
    """
    has = {after.class_names[label] for label in np.unique(after.labels)}
    had = {before.class_names[label] for label in np.unique(before.labels)}
    did = Mending.of(after.options)
    pairs = [pair_into(text, after.class_names) for text in did.merge]
    now: dict[str, str | None] = {name: into if into in has else None for name, into in pairs}
    now |= {name: None for name in (*did.drop_class, *(had - has)) if name not in now}
    return now


def _carried_out(
    data: Dataset, final: Mapping[str, str], gone: set[str], asked: Mending
) -> Dataset:
    old = data.class_names
    new: list[str] = []
    for name in old:
        into = final[name]
        # A class that keeps its name keeps its place, too.
        if name not in gone and into not in new and (into == name or final.get(into) != into):
            new.append(into)
    number = np.array([new.index(final[name]) if name not in gone else -1 for name in old])
    labels = number[data.labels].astype(np.int64)
    if not new or not (labels >= 0).any():
        raise DataError(
            expected=f"an example left of {data.source}",
            came="none: all classes are dropped",
            do="drop fewer",
        )
    counts = Counter(data.labels.tolist())
    notes = [
        f"Class '{name}' was merged into '{final[name]}' ({counts[place]:,} examples)."
        for place, name in enumerate(old)
        if final[name] != name
    ]
    notes += [
        f"Class '{name}' was dropped ({counts[place]:,} examples)."
        for place, name in enumerate(old)
        if name in gone
    ]
    # Names and numbers change together: in between, they would not fit.
    kept = data if (labels >= 0).all() else data.take(labels >= 0)
    return dataclasses.replace(
        kept,
        labels=labels[labels >= 0],
        class_names=tuple(new),
        notes=(*data.notes, *notes),
        options={**data.options, **asked.given()},
    )


def _partings(text: str) -> list[tuple[str, str]]:
    """Every FROM and INTO that a text may mean: names may hold a = themselves."""
    return [(text[:at], text[at + 1 :]) for at, sign in enumerate(text) if sign == "="]


def pair_into(text: str, names: Sequence[str]) -> tuple[str, str]:
    """FROM and INTO of a text that was carried out; INTO is among the names now."""
    pairs = _partings(text) or [(text, text)]
    return next((pair for pair in pairs if pair[1] in names), pairs[0])


def _parted(text: str, names: Sequence[str]) -> tuple[str, str]:
    """FROM and INTO of a text that is asked for."""
    possible = [pair for pair in _partings(text) if pair[0] in names and pair[1]]
    likely = [pair for pair in possible if pair[1] in names] if len(possible) > 1 else possible
    if len(likely) == 1:
        return likely[0]
    came = f"{text!r}, which may mean several" if possible else f"{text!r}, where none begins so"
    raise DataError(
        expected=f"merge= FROM=INTO, with FROM a class ({_known(names)})",
        came=came,
        do="pass, say, merge='Cat=cat'",
    )


def _add(goes: dict[str, str], name: str, into: str, names: Sequence[str]) -> None:
    if goes.get(name, into) != into:
        raise DataError(
            expected=f"one class to merge {name!r} into",
            came=f"{goes[name]!r} and {into!r}",
            do="name one of them",
        )
    goes[name] = into
    at = into
    for _ in names:
        if at == name:
            raise DataError(
                expected="merge= without a circle",
                came=f"{name!r}, which would be merged into itself",
                do="leave one of them out",
            )
        at = goes.get(at, at)


def _require_known(name: str, names: Sequence[str], before: Sequence[str]) -> None:
    if name not in names and name not in before and name.casefold() not in LITTER:
        raise DataError(
            expected=f"drop_class= with a class ({_known(names)})",
            came=repr(name),
            do="check the spelling; blanks count",
        )


def _require_apart(goes: Mapping[str, str], gone: set[str]) -> None:
    both = sorted(gone & {*goes, *goes.values()})
    if both:
        raise DataError(
            expected="classes that are either merged or dropped",
            came=f"{both[0]!r}, which is both",
            do="leave one of them out",
        )


def _end(name: str, goes: Mapping[str, str]) -> str:
    while name in goes:
        name = goes[name]
    return name


def _known(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + f" and {len(names) - 20:,} more" * (len(names) > 20)
