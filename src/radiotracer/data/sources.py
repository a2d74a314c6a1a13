"""DATA arguments: from the text a user types, or a path, to examples of any kind."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from radiotracer.data.cache import Report
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.format import (
    FORMATS,
    MENDING,
    NAMED,
    Format,
    Options,
    Place,
    Reading,
    in_order,
    no_split,
    split_of,
)
from radiotracer.data.in_memory import is_encoded, open_in_memory
from radiotracer.data.mending import mended
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.remote import fetched, is_remote, without_secrets
from radiotracer.errors import DataError


def open_data(
    spec: str | os.PathLike[str] | Any,
    *,
    like: Dataset | None = None,
    report: Report | None = None,
    decoding: Decoding = IN_MEMORY,
    **reading: Unpack[Reading],
) -> Dataset:
    """Open images, texts, rows of a table or vectors: a DATA argument, or data in memory.

    ``mnist``, ``PATH``, ``PATH:train``, ``PATH:val``, ``PATH:test`` or ``PATH:boxes``; what may lie
    at a path is told in "What can be read" of the documentation. Without a split, data that have
    splits mean the training one. A built-in name wins over a path of the same name (write
    ``./mnist``, or pass a `Path`, for the path), and is fetched if it is not in the cache.

    A file of columns (Parquet, Arrow, CSV, JSON) holds images where it has a column of encoded
    images, or of the names of image files beside it; texts where it has a column that `text_column`
    names, that is called like one, or that holds sentences; and else rows of a table, all of whose
    other columns count. What is guessed is said in `Dataset.notes`.

    Args:
        spec: The DATA argument, or what `radiotracer.data.in_memory.open_in_memory` takes.
        like: Data that these belong to, as validation data do to training data. They must be of
            the same kind and shape, get its class numbers, the columns of its tables, and its
            `options` where none are given here.
        report: Takes a line of progress whenever something is fetched.
        decoding: Where the pixels of encoded images go.
        reading: `image_size` resizes images to this height and width, where they are encoded: in
            folders, Parquet and Arrow files, archives, annotated folders and lists in memory.
            `image_column`, `text_column`, `label_column` and `id_column` name columns where their
            names do not tell them. `follow_links` are folders that symbolic links, and paths in
            tables, may lead to. `merge` merges classes, ``"FROM=INTO"`` each, by their names, whose
            blanks count; INTO may be a new name. `drop_class` drops classes with all their
            examples.

    Returns:
        Data whose `source` opens them again from any working folder (with the same options; data
        in memory excepted), and whose `validation` is the validation split of a training split, or
        else its test split, else None (for a folder that radiotracer wrote: whatever it kept).

    Raises:
        DataError: `spec` is none of these, its data cannot be used, or they do not fit `like`.
    """
    merge, drop_class = reading.get("merge") or (), reading.get("drop_class") or ()
    options = options_of(reading, like=like, report=report, decoding=decoding)
    if not isinstance(spec, str | os.PathLike):
        given = isinstance(spec, Dataset)
        found = open_in_memory(spec, options if given else _inherited(options, frozenset(NAMED)))
        return _fit(mended(found, merge, drop_class, like=like), like)
    base, split = split_of(os.fspath(spec))
    place = _place(base, report) if isinstance(spec, str) else Place(str(Path(base).absolute()))
    form = _format(place, _inherited(options, frozenset(NAMED)))
    if form is None:
        raise _unknown(os.fspath(spec), place)
    if split is not None and split not in form.splits:
        raise no_split(place, split, form.words, "annotated boxes" if split == "boxes" else "")
    refused = [name for name in options.given() if name not in form.options]
    if refused:
        takers = ", ".join(each.name for each in in_order() if refused[0] in each.options)
        raise DataError(
            expected=f"data that {refused[0]}= changes ({takers})",
            came=f"{refused[0]}={getattr(options, refused[0])!r} with {form.words}",
            do=f"leave out {refused[0]}=",
        )
    options = _inherited(options, form.options)
    found = form.open(place, split, options)
    if is_remote(base):
        found = _elsewhere(found, place, without_secrets(base))
    if options.given():
        found = dataclasses.replace(found, options={**found.options, **options.given()})
    return _fit(mended(found, merge, drop_class, like=like), like)


def options_of(reading: Reading, **others: Any) -> Options:
    """The options of what a caller gave; unknown ones are a `TypeError`."""
    links = tuple(os.fspath(Path(each).absolute()) for each in reading.get("follow_links") or ())
    unknown = reading.keys() - Reading.__annotations__.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    own = {name: value for name, value in reading.items() if name not in MENDING}
    given: dict[str, Any] = {**own, "follow_links": links}
    return Options(**given, **others)


def format_of(spec: str | os.PathLike[str], options: Options | None = None) -> Format | None:
    """The format of a DATA argument; None where there are no data."""
    return _format(_place(split_of(os.fspath(spec))[0]), options or Options())


def takes_image_size(spec: str | os.PathLike[str] | Any) -> bool:
    """Whether `open_data` can resize what it is given: whether its images are encoded."""
    if not isinstance(spec, str | os.PathLike):
        return is_encoded(spec)
    form = format_of(spec)
    return form is not None and "image_size" in form.options


def here(data: Dataset) -> Dataset:
    """The same data with the place on this machine as their source, where they were fetched."""
    base, split = split_of(data.source)
    if not is_remote(base):
        return data
    local = fetched(base)
    return dataclasses.replace(data, source=f"{local}:{split}" if split else str(local))


def _place(base: str, report: Report | None = None) -> Place:
    return Place(str(fetched(base, report)) if is_remote(base) else base)


def _elsewhere(found: Dataset, place: Place, address: str) -> Dataset:
    """Data that were fetched are known by their address."""
    local = str(place.path)
    return dataclasses.replace(
        found,
        source=found.source.replace(local, address, 1),
        validation=found.validation and found.validation.replace(local, address, 1),
    )


def _format(place: Place, options: Options) -> Format | None:
    return next((each for each in in_order() if each.matches(place, options)), None)


def _unknown(spec: str, place: Place) -> DataError:
    broken = "; ".join(f"{name}: {why}" for name, why in FORMATS.failures.items())
    others = f" (formats that do not load: {broken})" * bool(broken)
    if not place.exists:
        return DataError(
            expected="a path with data, or a built-in name such as mnist",
            came=f"{spec!r}, where nothing is",
            do=f"check the spelling; `radiotracer data list` names what is built in{others}",
        )
    suffix = place.path.suffix.lower()
    unpack = suffix in (".zip", ".gz", ".7z", ".rar", ".tgz", ".bz2", ".xz", ".zst")
    picture = suffix in SUFFIXES
    return DataError(
        expected="a folder, a table, an archive .tar or .npz, or annotations.json",
        came=f"the {'image' if picture else 'file'} {spec}",
        do="unpack it and pass the folder"
        if unpack
        else "pass the folder that holds the class folders"
        if picture
        else f"save it as CSV, Parquet or .npz{others}",
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
            do="rename it, or leave its examples out",
        )
    numbers = np.array([place.get(name, 0) for name in found.class_names], dtype=np.int64)
    return dataclasses.replace(found, labels=numbers[found.labels], class_names=like.class_names)


def _listed(shape: object) -> str:
    items = shape.items() if hasattr(shape, "items") else ()
    return ", ".join(f"{name} {value}" for name, value in items) or "any shape"
