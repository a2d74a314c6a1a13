"""The parts of a data set that is divided: what folders, files and DATA arguments call them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from radiotracer.errors import DataError

T = TypeVar("T")

TRAIN, VAL, TEST = "train", "val", "test"
"""Learned from, looked at while learning, looked at in the end."""

WHOLE = ""
"""Stands for the split of data that have none."""

NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "dev": VAL,
    "test": TEST,
    "testing": TEST,
    "eval": TEST,
}
"""What people call a split, in small letters, and which it is."""

_WORD = re.compile(r"[^\W_]+")


def named(name: str) -> str | None:
    """The split of this name, in letters of any size; None where it is no split's name."""
    return NAMES.get(name.strip().casefold())


def named_in(stem: str) -> str:
    """The split that the first or the last word of a file's name is; `WHOLE` where neither is.

    ``train-00000-of-00002``, ``reviews_test`` and ``Valid`` are of a split, ``contest`` is not.
    """
    words = _WORD.findall(stem)
    return next((found for each in (*words[:1], *words[-1:]) if (found := named(each))), WHOLE)


def one_of_each(found: Iterable[tuple[str, T]], where: object) -> dict[str, T]:
    """Things by their split, in the order of `NAMES`.

    Args:
        found: Names of splits, each with what is called so.
        where: Where they lie, for errors.

    Raises:
        DataError: Two are of the same split.
    """
    by_split: dict[str, tuple[str, T]] = {}
    for name, thing in found:
        split = NAMES[name.strip().casefold()]
        if split in by_split:
            raise DataError(
                expected=f"one {split} split in {where}",
                came=f"two: {by_split[split][0]} and {name}",
                do="move one of them away",
            )
        by_split[split] = (name, thing)
    return {split: by_split[split][1] for split in (TRAIN, VAL, TEST) if split in by_split}


def chosen(by_split: Mapping[str, object], asked: str | None, where: object) -> str:
    """Which split is meant: the one that was asked for, or the one that is learned from.

    Args:
        by_split: Those that there are; `WHOLE` stands for data without any.
        asked: What stands behind the colon, or None.
        where: What the data are called, for errors.

    Raises:
        DataError: It is not there.
    """
    if asked is None:
        if WHOLE in by_split or TRAIN in by_split:
            return WHOLE if WHOLE in by_split else TRAIN
        listed = " or ".join(f"{where}:{each}" for each in by_split)
        raise DataError(
            expected=f"a train split in {where}",
            came=f"{' and '.join(by_split)}",
            do=f"say {listed}",
        )
    if asked in by_split:
        return asked
    there = " and ".join(each for each in by_split if each)
    raise DataError(
        expected=f"a {asked} split in {where}",
        came=there or "data without splits",
        do=f"leave out :{asked}, or add the split",
    )


def held_out(by_split: Mapping[str, object], opened: str) -> str | None:
    """The split that validates what is learned from another one; None where there is none."""
    if opened != TRAIN:
        return None
    return next((each for each in (VAL, TEST) if each in by_split), None)
