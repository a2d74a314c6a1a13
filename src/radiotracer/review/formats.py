"""Cleaned data written as the data came, by their format, or else as a saved folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radiotracer.data import Dataset, format_of, open_data, save_examples
from radiotracer.data.format import CannotWriteError, Options, split_of
from radiotracer.data.format import Written as Made
from radiotracer.data.mending import without_emptied
from radiotracer.data.sources import here
from radiotracer.errors import DataError
from radiotracer.files import empty_folder
from radiotracer.review.cleaned import Cleaned

FOLDER = "data"
"""Where the data lie in an export."""


@dataclass(frozen=True)
class Written:
    """How cleaned data were written.

    Args:
        path: Relative to the export: a DATA argument.
        kind: The name of the format (`radiotracer.data.FORMATS`).
        digest: Identity of the data when they are opened again.
        note: Why it is not the format of the input, or what a reader has to know; may be empty.
        renamed: New ids by old ones, where a file had to move to another class's folder.
    """

    path: str
    kind: str
    digest: str
    note: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


def write_cleaned(cleaned: Cleaned, out: Path, *, provenance: Mapping[str, object]) -> Written:
    """Write cleaned data below `out`, open them again, and compare.

    In the format of the input, if that can hold them with their ids; else as a saved folder, and
    the note says why.

    Args:
        cleaned: The data.
        out: An existing folder; ``data`` is made in it.
        provenance: How they came about, for a saved folder.

    Raises:
        DataError: A file of the input cannot be read any more.
        StorageError: The disk refused.
    """
    target = out / FOLDER
    target.mkdir()
    try:
        return _as_it_came(cleaned, target)
    except CannotWriteError as reason:
        note = f"Written as a saved folder, because {reason}."
    empty_folder(target)
    after = without_emptied(cleaned.before, cleaned.after)
    save_examples(after, target, provenance=provenance)
    again = open_data(target)
    if again.digest != after.digest:
        raise DataError(
            expected=f"the cleaned data in {target}", came="others", do="look at the disk"
        )
    return Written(FOLDER, "saved-folder", again.digest, note)


def _as_it_came(cleaned: Cleaned, target: Path) -> Written:
    """In the format of the input; `CannotWriteError` where it cannot hold them."""
    before, after = here(cleaned.before), cleaned.after
    form = format_of(before.source, Options.of(before.options))
    if form is None:
        raise CannotWriteError(f"{before.source} is no path that can be opened again")
    made = form.write(before, after, target)
    _, split = split_of(before.source)
    where = str(target / made.name)
    where = f"{where}:{split}" if split else where
    try:
        again = open_data(where, **_options(after))
        if cleaned.emptied or after.class_names != before.class_names:
            # Whoever opens them has other numbers for the classes than they had before.
            digest = open_data(where, **Options.of(before.options).given()).digest
        else:
            digest = again.digest
    except DataError as error:
        raise CannotWriteError(f"{form.name} could not be opened again: {error}") from error
    _compare(again, after, made, form.name)
    path = f"{FOLDER}/{made.name}" if made.name else FOLDER
    return Written(path, form.name, digest, made.note, made.renamed)


def _options(after: Dataset) -> dict[str, Any]:
    """As they were opened; of tables with the same columns, whatever rows are left.

    Classes are not merged again: they were written as they are.
    """
    options: dict[str, Any] = Options.of(after.options).given()
    return options | ({"like": after} if after.modality.shape(after.content) else {})


def _compare(again: Dataset, after: Dataset, made: Made, name: str) -> None:
    """Raise unless both hold the same examples under the same labels and (new) ids."""

    def rows(examples: Dataset, names: Mapping[str, str]) -> set[tuple[str, str, str]]:
        labels = (examples.class_names[label] for label in examples.labels.tolist())
        ids = (names.get(each, each) for each in examples.ids.tolist())
        return set(zip(ids, examples.digests.tolist(), labels, strict=True))

    if rows(again, {}) != rows(after, made.renamed):
        raise CannotWriteError(f"{name} would be read in another way than before")
