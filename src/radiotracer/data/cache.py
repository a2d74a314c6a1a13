"""Built-in data sets on this machine: fetched once by whichever route works, always checked."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiotracer.data.builtin import (
    BUILT_INS,
    BuiltIn,
    BuiltInTexts,
    IdxFile,
    PlainFile,
    Split,
    built_in,
    every_built_in,
)
from radiotracer.data.clients import RouteFailed
from radiotracer.data.dataset import Labels
from radiotracer.data.idx import decode_idx, read_exactly
from radiotracer.data.modality import Images
from radiotracer.data.routes import Route
from radiotracer.errors import DataError, InputError
from radiotracer.files import atomic_file, sha256_file, storage_errors

CACHE_VARIABLE = "RADIOTRACER_CACHE"
"""The environment variable that names the cache folder."""

Report = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True)
class Fetched:
    """A built-in data set on this machine, checked.

    Args:
        folder: Holds the files, decompressed; for images itself a DATA argument.
        route: Where they came from: ``"cache"`` or the label of a route.
        files: Their paths.
        failed: ``"route: reason"`` for everything that was tried before, such as a damaged cache.
    """

    folder: Path
    route: str
    files: tuple[Path, ...]
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """What `radiotracer data list` says about one built-in set.

    Args:
        name: What a DATA argument, or the argument of `open_data`, calls it.
        title: For people.
        licence: What is known about its licence.
        examples: How many, both splits together.
        bytes: Size of its files, decompressed.
        cached: Whether all are in the cache with the right size (the content is checked when they
            are opened).
        kind: ``"images"`` or ``"texts"``.
    """

    name: str
    title: str
    licence: str
    examples: int
    bytes: int
    cached: bool
    kind: str


def cache_folder() -> Path:
    """The cache: ``$RADIOTRACER_CACHE``, or the user's cache folder of this operating system."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    import pooch

    return Path(pooch.os_cache("radiotracer"))


def list_built_ins() -> tuple[Listed, ...]:
    """Every built-in set, and whether it is here."""
    return tuple(
        Listed(
            name=each.name,
            title=each.title,
            licence=each.licence,
            examples=each.examples,
            bytes=each.size,
            cached=all(
                (path := cache_folder() / each.name / file.name).is_file()
                and path.stat().st_size == file.size
                for file in each.files
            ),
            kind="images" if isinstance(each, BuiltIn) else "texts",
        )
        for each in every_built_in().values()
    )


def get(name: str, out: Path | None = None, report: Report | None = None) -> Fetched:
    """Make sure that a built-in set is on this machine: from the cache, or by its routes in order.

    Args:
        name: A built-in name, e.g. ``"mnist"``.
        out: Also copy the files here; the folder may exist, and other files in it stay.
        report: Takes a line of progress each time something is tried.

    Returns:
        Where the files are: `out` if given, else a folder of the cache.

    Raises:
        DataError: No such built-in set, or no route worked; the text names each and its reason.
        InputError: `out` holds other files of the same names.
        StorageError: The disk refused.
    """
    wanted = built_in(name)
    say = report or (lambda line: None)
    fetched = _from_cache_or_routes(wanted, say)
    if out is None:
        return fetched
    files = tuple(_copy(path, out) for path in fetched.files)
    say(f"{name}: copied to {out}")
    return Fetched(out, fetched.route, files, fetched.failed)


def load_built_in(name: str, split: Split, report: Report | None = None) -> tuple[Images, Labels]:
    """One split of a built-in set, fetched if it is not in the cache, its SHA-256 checked.

    Returns:
        Images, uint8, shape (n, 28, 28, 1), and labels, int64, shape (n,), 0 to 9.

    Raises:
        DataError: No route worked.
    """
    wanted = BUILT_INS[name]
    images, labels = _contents(wanted, wanted.split(split), report)
    image_file, label_file = wanted.split(split)
    return (
        decode_idx(images, image_file.shape)[..., np.newaxis],
        decode_idx(labels, label_file.shape).astype(np.int64),
    )


def require_cached(wanted: BuiltInTexts, report: Report | None = None) -> tuple[Path, ...]:
    """The files of a built-in set, fetched if they are not in the cache, their SHA-256 checked.

    Raises:
        DataError: No route worked.
    """
    _contents(wanted, wanted.files, report)
    return tuple(cache_folder() / wanted.name / file.name for file in wanted.files)


def _contents(
    wanted: BuiltIn | BuiltInTexts, files: Sequence[IdxFile | PlainFile], report: Report | None
) -> tuple[bytearray, ...]:
    folder = cache_folder() / wanted.name
    try:
        return tuple(_checked(folder / file.name, file) for file in files)
    except DataError:
        # What is wrong with the cache is found again, and told, by `get`.
        folder = get(wanted.name, report=report).folder
        return tuple(_checked(folder / file.name, file) for file in files)


def _from_cache_or_routes(wanted: BuiltIn | BuiltInTexts, say: Report) -> Fetched:
    folder = cache_folder() / wanted.name
    files = tuple(folder / file.name for file in wanted.files)
    failed: list[str] = []

    def note(label: str, reason: str) -> None:
        failed.append(f"{label}: {reason}")
        say(f"{wanted.name}: {label}: {reason}")

    if not folder.is_dir():
        note("cache", f"nothing in {folder}")
    else:
        try:
            for file in wanted.files:
                _checked(folder / file.name, file)
        except DataError as error:
            note("cache", _reason(error))
        else:
            return Fetched(folder, "cache", files)
    for route in wanted.routes:
        say(f"{wanted.name}: trying {route.label}")
        try:
            _bring(wanted, route, files)
        except RouteFailed as error:
            note(route.label, str(error))
        except DataError as error:
            note(route.label, _reason(error))
        else:
            say(f"{wanted.name}: fetched by {route.label} into {folder}")
            return Fetched(folder, route.label, files, tuple(failed))
    parts = "four IDX files" if isinstance(wanted, BuiltIn) else wanted.file.name
    raise DataError(
        expected=f"{wanted.name} by one of {len(failed)} routes",
        came=f"none that works ({'; '.join(failed)})",
        do=f"make one of them work, or put its {parts} into {folder}",
    )


def _bring(wanted: BuiltIn | BuiltInTexts, route: Route, targets: Sequence[Path]) -> None:
    """All files are checked before the first enters the cache."""
    with tempfile.TemporaryDirectory(prefix="radiotracer-") as work:
        source = route.bring([file.name for file in wanted.files], Path(work))
        contents = [_checked(_either(source / file.name), file) for file in wanted.files]
    for target, content in zip(targets, contents, strict=True):
        with atomic_file(target) as temporary:
            temporary.write_bytes(content)


def _either(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() else path


def _checked(path: Path, file: IdxFile | PlainFile) -> bytearray:
    content = read_exactly(path, file.size)
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(
            expected=f"SHA-256 {file.sha256[:12]}... for {path.name}",
            came=f"{found[:12]}...",
            do="fetch the file again",
        )
    return content


def _copy(path: Path, out: Path) -> Path:
    target = out / path.name
    if target.exists():
        if target.is_file() and sha256_file(target) == sha256_file(path):
            return target
        raise InputError(
            expected=f"no {path.name} in {out}, or the same one",
            came="one with other content",
            do="choose another out=",
        )
    with storage_errors(target), atomic_file(target) as temporary:
        temporary.write_bytes(path.read_bytes())
    return target


def _reason(error: DataError) -> str:
    return f"expected {error.expected}, got {error.came}"
