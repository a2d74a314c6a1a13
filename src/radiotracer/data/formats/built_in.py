"""Built-in names: data sets that are fetched once and recognised by their SHA-256."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.builtin import BUILT_INS, SPAM_ASSASSIN, Split, every_built_in
from radiotracer.data.cache import load_built_in
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, CannotWriteError, Format, Options, Place, Written
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.npz import numbered
from radiotracer.data.spam_assassin import load_spam_assassin
from radiotracer.data.splits import TEST, TRAIN


class BuiltInName(Format):
    """A name of `radiotracer data list`."""

    name = "built-in"
    order = 0
    splits = (TRAIN, TEST)

    @property
    def words(self) -> str:  # type: ignore[override]
        """With the names that there are."""
        return f"a built-in name ({', '.join(every_built_in())})"

    def matches(self, place: Place, options: Options) -> bool:
        """Whether it is one of the names; a path of that name has to be written as one."""
        return place.text in every_built_in()

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Fetch it if need be, and read one split."""
        chosen: Split = "test" if split == "test" else "train"
        if place.text == SPAM_ASSASSIN.name:
            return load_spam_assassin(None if split is None else chosen, options.report)
        images, labels = load_built_in(place.text, chosen, options.report)
        return Dataset(
            modality=IMAGES,
            content=images,
            labels=labels,
            ids=numbered(f"{chosen}/", len(images)),
            class_names=BUILT_INS[place.text].class_names,
            source=f"{place.text}:{split}" if split else place.text,
            validation=f"{place.text}:test" if chosen == "train" else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Nobody writes a built-in data set."""
        raise CannotWriteError(f"{before.source} is a built-in data set")


FORMATS.register(BuiltInName())
