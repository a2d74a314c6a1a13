"""Image files sorted into one folder per class."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.decoding import IN_MEMORY, Decoding, any_colour, decode_all
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.pixels import require_image_size
from radiotracer.errors import DataError

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff")
)
"""File names that are taken for images, whatever their case."""

SPLITS = ({"train", "test"}, {"train", "val"}, {"train", "val", "test"})
"""Folders that, when a root holds exactly these, are splits and not classes."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in the folder of a class.

    Args:
        path: Where it lies.
        id: The path from the root, with ``/``.
        label: The place of its class.
    """

    path: Path
    id: str
    label: int


def split_folders(root: Path) -> dict[str, Path]:
    """``{"train": ..., "test": ...}`` if the folders in `root` are splits, else nothing.

    ``val`` stands in for a ``test`` that is not there.
    """
    present = {path.name for path in _visible(root) if path.is_dir() and not path.is_symlink()}
    if present not in SPLITS:
        return {}
    return {"train": root / "train", "test": root / ("test" if "test" in present else "val")}


def open_folder(
    root: Path,
    *,
    split: str | None = None,
    image_size: int | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """Read ``root/CLASS/**/IMAGE``, or one split of it.

    Classes are the folder names, sorted; an id is the path from `root`, with ``/``. Grey images
    (also of 16 bits, of which the upper 8 are kept) keep one channel unless a colour image is
    among the files, in `split` or the others; transparency is dropped; of a moving image the first
    frame counts; no EXIF rotation is applied. Hidden files are skipped. Links, files that are no
    images by their name, and images that cannot be decoded are left out and listed in
    `Dataset.left_out`.

    Args:
        root: The folder.
        split: ``"train"`` or ``"test"`` of a root that holds splits; None for one that does not.
        image_size: Resize every image to this height and width (Lanczos), 1 to 4096.
        decoding: Where the pixels go.

    Raises:
        DataError: No class folders, a class without a readable image, a test class that the
            training split does not have, or images of several sizes without `image_size`.
    """
    require_image_size(image_size)
    top = split_folders(root)[split] if split else root
    classes = class_folders(split_folders(root)["train"] if split else root)
    files, left_out = find_files(root, top, classes)
    # A model takes one number of channels, so the splits must agree on it.
    elsewhere = [folder for folder in split_folders(root).values() if folder != top]
    others = [file for folder in elsewhere for file in find_files(root, folder, classes)[0]]
    colour = any_colour([file.path for file in (*files, *others)])
    images, bad = decode_all(
        [file.path for file in files],
        root,
        colour=colour,
        image_size=image_size,
        decoding=decoding,
    )
    kept = [file for row, file in enumerate(files) if row not in bad]
    left_out += [LeftOut(files[row].id, reason) for row, reason in bad.items()]
    if not kept:
        raise DataError(
            expected=f"images in the {len(classes)} class folders of {top}",
            came="none that can be read"
            + (f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""),
            do=f"add images that end in {', '.join(sorted(SUFFIXES))}",
        )
    examples = Dataset(
        modality=IMAGES,
        content=images,
        labels=np.array([file.label for file in kept], dtype=np.int64),
        ids=np.array([file.id for file in kept], dtype=np.str_),
        class_names=tuple(as_text(name) for name in classes),
        source=f"{root.absolute()}{':' + split if split else ''}",
        validation=None,
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
    )
    if split != "test":
        examples.require_every_class()
    return examples


def class_folders(root: Path, what: str = "images") -> list[str]:
    """The folders in `root`, sorted: each is a class.

    Raises:
        DataError: There is none.
    """
    names = sorted(path.name for path in _visible(root) if path.is_dir() and not path.is_symlink())
    if not names:
        raise DataError(
            expected=f"a folder per class in {root}",
            came="no folder",
            do=f"sort the {what} into one folder per class",
        )
    return names


def find_files(
    root: Path,
    top: Path,
    classes: Sequence[str],
    suffixes: Set[str] = SUFFIXES,
    what: str = "an image",
) -> tuple[list[File], list[LeftOut]]:
    """Every file below `top`, by class and then by path, and what was left out.

    Args:
        root: What ids begin at.
        top: The root, or the folder of a split.
        classes: Folders that there may be.
        suffixes: The endings of what counts, in lower case.
        what: What that is, for reasons.

    Raises:
        DataError: A folder that is no class.
    """
    files: list[File] = []
    left_out: list[LeftOut] = []

    def leave_out(path: Path, reason: str) -> None:
        left_out.append(LeftOut(as_text(path.relative_to(root).as_posix()), reason))

    def walk(folder: Path, label: int) -> None:
        for path in sorted(_visible(folder)):
            if path.is_symlink():
                leave_out(path, "a symbolic link, which may lead out of the folder")
            elif path.is_dir():
                walk(path, label)
            elif not path.is_file():
                leave_out(path, "not a plain file")
            elif path.suffix.lower() not in suffixes:
                leave_out(path, f"its name does not end like that of {what}")
            else:
                files.append(File(path, as_text(path.relative_to(root).as_posix()), label))

    for path in sorted(_visible(top)):
        if path.is_symlink():
            leave_out(path, "a symbolic link, which may lead out of the folder")
        elif path.is_dir() and path.name in classes:
            walk(path, classes.index(path.name))
        elif path.is_dir():
            raise DataError(
                expected=f"the classes of the training split ({', '.join(classes[:10])})",
                came=f"the folder {path}",
                do="add the class to the training split or remove it here",
            )
        elif path.suffix.lower() in suffixes:
            leave_out(path, "not in the folder of a class")
    return files, left_out


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(
            expected=f"to read the folder {folder}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error


def as_text(name: str) -> str:
    """A file name need not be UTF-8; ids and class names must be, for Parquet and JSON."""
    return name.encode(errors="backslashreplace").decode()
