"""DATA arguments: from the text a user types, or a path, to examples of any kind."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radiotracer.data.cache import Report
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.format import (
    FORMATS,
    NAMED,
    Format,
    Options,
    Place,
    in_order,
    no_split,
    split_of,
)
from radiotracer.data.mending import mended
from radiotracer.errors import DataError

if TYPE_CHECKING:
    import datasets  # type: ignore[import-untyped]


def open_data(
    spec: str | os.PathLike[str] | datasets.Dataset | datasets.DatasetDict,
    *,
    image_size: int | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    merge: Sequence[str] = (),
    drop_class: Sequence[str] = (),
    like: Dataset | None = None,
    report: Report | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """Open images, texts, rows of a table or vectors: a DATA argument, or data in memory.

    ``mnist``, ``mnist:train``, ``mnist:test``, ``PATH``, ``PATH:train``, ``PATH:test`` or
    ``PATH:boxes``; `grammar` says what may lie at a path. Without a split, data that have splits
    mean the training one. A built-in name wins over a path of the same name (write ``./mnist``,
    or pass a `Path`, for the path), and is fetched if it is not in the cache.

    A file of columns (Parquet, Arrow, CSV, JSON lines) holds images where it has a column of
    encoded images, texts where it has a column that `text_column` names, or one of the names
    `radiotracer.data.columns.TEXTS`, and else rows of a table, all of whose other columns count.

    Args:
        spec: The DATA argument, or a data set of Hugging Face's package datasets (of which
            `from_hugging_face` takes a split, too).
        image_size: Resize the images to this height and width, where they are encoded: in folders,
            Parquet and Arrow files, archives, annotated folders and data sets in memory.
        text_column: The column of texts, where its name is none of the usual or several are.
        label_column: The column of labels, where its name is none of
            `radiotracer.data.columns.LABELS` or several are.
        merge: Classes to merge, ``"FROM=INTO"`` each, by their names, whose blanks count; INTO may
            be a new name.
        drop_class: Classes to drop with all their examples, by name.
        like: Data that these belong to, as validation data do to training data. They must be of
            the same kind and shape, get its class numbers, the columns of its tables, and its
            `options` where none are given here.
        report: Takes a line of progress whenever something is fetched.
        decoding: Where the pixels of encoded images go.

    Returns:
        Data whose `source` opens them again from any working folder (with the same options; data
        in memory excepted), and whose `validation` is the test split of a training split, else
        None (for a folder that radiotracer wrote: whatever it kept).

    Raises:
        DataError: `spec` is none of these, its data cannot be used, or they do not fit `like`.
    """
    options = Options(image_size, text_column, label_column, like, report, decoding)
    if not isinstance(spec, str | os.PathLike):
        from radiotracer.data.hugging_face import from_hugging_face  # loads pyarrow

        found = from_hugging_face(spec, options=_inherited(options, frozenset(NAMED)))
        return _fit(mended(found, merge, drop_class, like=like), like)
    base, split = split_of(os.fspath(spec))
    place = Place(base if isinstance(spec, str) else str(Path(base).absolute()))
    form = _format(place, _inherited(options, frozenset(NAMED)))
    if form is None or (split is not None and split not in form.splits):
        raise _unknown(os.fspath(spec), place, form, split)
    refused = [name for name in options.given() if name not in form.options]
    if refused:
        takers = "; ".join(each.words for each in in_order() if refused[0] in each.options)
        raise DataError(
            expected=f"{refused[0]}= only for {takers}",
            came=f"{refused[0]}={options.given()[refused[0]]!r} for {base}",
            do="leave it out",
        )
    options = _inherited(options, form.options)
    found = form.open(place, split, options)
    if options.given():
        found = dataclasses.replace(found, options={**found.options, **options.given()})
    return _fit(mended(found, merge, drop_class, like=like), like)


def grammar() -> str:
    """What a DATA argument may be, in words."""
    return (
        f"{'; '.join(each.words for each in in_order())}; with :train or :test for one split, "
        "and :boxes for one example per annotated box"
    )


def format_of(spec: str | os.PathLike[str], options: Options | None = None) -> Format | None:
    """The format of a DATA argument; None where there are no data."""
    return _format(Place(split_of(os.fspath(spec))[0]), options or Options())


def takes_image_size(spec: str | os.PathLike[str]) -> bool:
    """Whether `open_data` can resize what a DATA argument names: whether its images are encoded."""
    form = format_of(spec)
    return form is not None and "image_size" in form.options


def _format(place: Place, options: Options) -> Format | None:
    return next((each for each in in_order() if each.matches(place, options)), None)


def _unknown(spec: str, place: Place, form: Format | None, split: str | None) -> DataError:
    if form is not None:
        wanted = "annotated boxes" if split == "boxes" else f"a {split} split"
        return no_split(place, str(split), form.words, wanted)
    broken = "; ".join(f"{name}: {why}" for name, why in FORMATS.failures.items())
    return DataError(
        expected=grammar(),
        came=repr(spec),
        do="check the spelling and the path"
        + f" (formats that do not load: {broken})" * (bool(broken)),
    )


def _inherited(options: Options, taken: frozenset[str]) -> Options:
    """What is not given is as it was for the data that these belong to.

    Square examples of one size may have been resized before they were written: others like them
    are brought to that size, where they can be.
    """
    like = options.like
    if like is None:
        return options
    shape = like.modality.shape(like.content)
    square = "height" in shape and shape["height"] == shape.get("width")
    before = {**({"image_size": shape["height"]} if square else {}), **like.options}
    inherited = {name: value for name, value in before.items() if name in taken}
    return dataclasses.replace(options, **{**inherited, **options.given()})


def _fit(found: Dataset, like: Dataset | None) -> Dataset:
    """The data with the class numbers of those that they belong to; `DataError` if they do not."""
    if like is None:
        return found
    ours, theirs = found.modality, like.modality
    if ours.name != theirs.name:
        raise DataError(
            expected=f"{theirs.noun}s, as {like.source} has them",
            came=f"{ours.noun}s from {found.source}",
            do="open data of the same kind",
        )
    has, wants = ours.shape(found.content), theirs.shape(like.content)
    if has != wants:
        raise DataError(
            expected=f"{theirs.noun}s of {_listed(wants)}, as in {like.source}",
            came=f"{_listed(has)} from {found.source}",
            do="bring them into the same form",
        )
    if found.class_names == like.class_names:
        return found
    place = {name: number for number, name in enumerate(like.class_names)}
    used = np.unique(found.labels).tolist()
    new = [found.class_names[label] for label in used if found.class_names[label] not in place]
    if new:
        raise DataError(
            expected=f"the classes of {like.source} ({', '.join(like.class_names[:10])})",
            came=f"the class {new[0]!r} from {found.source}",
            do="merge= it into one of them, or drop_class= it",
        )
    numbers = np.array([place.get(name, 0) for name in found.class_names], dtype=np.int64)
    return dataclasses.replace(found, labels=numbers[found.labels], class_names=like.class_names)


def _listed(shape: object) -> str:
    items = shape.items() if hasattr(shape, "items") else ()
    return ", ".join(f"{name} {value}" for name, value in items) or "any shape"
