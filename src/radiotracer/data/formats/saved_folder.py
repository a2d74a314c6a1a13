"""Folders that radiotracer wrote (`radiotracer.data.saved`)."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.mending import without_emptied
from radiotracer.data.saved import is_saved, open_saved, save_examples


class SavedFolder(Format):
    """Any kind of example, as `save_examples` wrote it."""

    name = "saved-folder"
    words = "a folder that radiotracer wrote"
    order = 100

    def matches(self, place: Place, options: Options) -> bool:
        """Whether its files are there, of whatever version."""
        return place.exists and is_saved(place.path)

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Open it as it was written."""
        if split is not None:
            raise no_split(place, split, self.words)
        return open_saved(place.path)

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write another such folder."""
        save_examples(without_emptied(before, after), folder)
        return Written()


FORMATS.register(SavedFolder())
