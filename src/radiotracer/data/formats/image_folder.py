"""Image files sorted into one folder per class."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from radiotracer.data.class_folders import (
    as_text,
    class_folders,
    copy_files,
    find_files,
    split_folders,
)
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.decoding import IN_MEMORY, Decoding, decode_all
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.pixels import require_image_size
from radiotracer.data.survey import survey
from radiotracer.errors import DataError


class ImageFolder(Format):
    """``CLASS/**/IMAGE``, or folders ``train`` and ``test`` of such; what any other folder is."""

    name = "image-folder"
    words = "a folder with one folder of images per class"
    order = 900
    options = frozenset(("image_size",))

    def matches(self, place: Place, options: Options) -> bool:
        """Any folder: the last to be asked."""
        return place.exists and place.path.is_dir()

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split."""
        splits = split_folders(place.path)
        if split is not None and not splits:
            raise no_split(place, split, "a folder without the folders train and test")
        found = open_folder(
            place.path,
            split=(split or "train") if splits else None,
            image_size=options.image_size,
            decoding=options.decoding,
        )
        return dataclasses.replace(
            found,
            source=f"{place.path}:{split}" if split else str(place.path),
            validation=f"{place.path}:test" if splits and split != "test" else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Copy the files as they are; one with a new label moves to that class's folder."""
        return copy_files(before, after, folder)


FORMATS.register(ImageFolder())


def open_folder(
    root: Path,
    *,
    split: str | None = None,
    image_size: int | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """Read ``root/CLASS/**/IMAGE``, or one split of it.

    Classes are the folder names, sorted; an id is the path from `root`, with ``/``. Images are as
    people see them: turned as EXIF says, on white where they are transparent, of a moving image
    the first frame. Grey ones keep one channel unless a colour image is among the files, in `split`
    or the others; those of more than 8 bits are scaled by the range of all. Hidden files are
    skipped. Links, files that are no images by their name, and images that cannot be decoded are
    left out and listed in `Dataset.left_out`.

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
    classes = class_folders(split_folders(root)["train"] if split else root, "images")
    files, left_out = find_files(root, top, classes, SUFFIXES, "an image")
    # A model takes one number of channels and one scale, so the splits must agree on them.
    elsewhere = [folder for folder in split_folders(root).values() if folder != top]
    others = [
        file
        for folder in elsewhere
        for file in find_files(root, folder, classes, SUFFIXES, "an image")[0]
    ]
    found = decode_all(
        [file.path for file in files],
        root,
        survey=survey([file.path for file in (*files, *others)]),
        image_size=image_size,
        decoding=decoding,
    )
    kept = [file for row, file in enumerate(files) if row not in found.left_out]
    left_out += [LeftOut(files[row].id, reason) for row, reason in found.left_out.items()]
    if not kept:
        raise DataError(
            expected=f"images in the {len(classes)} class folders of {top}",
            came="none that can be read"
            + (f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""),
            do=f"add images that end in {', '.join(sorted(SUFFIXES))}",
        )
    examples = Dataset(
        modality=IMAGES,
        content=found.images,
        labels=np.array([file.label for file in kept], dtype=np.int64),
        ids=np.array([file.id for file in kept], dtype=np.str_),
        class_names=tuple(as_text(name) for name in classes),
        source=f"{root.absolute()}{':' + split if split else ''}",
        validation=None,
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
        notes=found.notes,
        originals=found.originals,
    )
    if split != "test":
        examples.require_every_class()
    return examples
