"""Image files sorted into one folder per class."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.class_folders import copy_files, read_class_folders
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import to_examples


class ImageFolder(Format):
    """``CLASS/**/IMAGE``, or folders of splits of such; what any other folder is.

    Classes are the folder names, sorted; an id is the path from the root, with ``/``. Files that
    are no images by their name, and images that cannot be decoded, are left out and listed.
    """

    name = "image-folder"
    words = "a folder with one folder of images per class"
    order = 900
    options = frozenset(("image_size", "follow_links"))

    def matches(self, place: Place, options: Options) -> bool:
        """Any folder: the last to be asked."""
        return place.exists and place.path.is_dir()

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split."""
        require_image_size(options.image_size)
        read = read_class_folders(place.path, split, options, SUFFIXES, "image")
        return to_examples(read, image_size=options.image_size, decoding=options.decoding)

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Copy the files as they are; one with a new label moves to that class's folder."""
        return copy_files(before, after, folder)


FORMATS.register(ImageFolder())
