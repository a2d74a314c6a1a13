"""Images in files of their own, beside a table that names them and their labels."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from radiotracer.data.class_folders import as_text
from radiotracer.data.columns import id_column
from radiotracer.data.dataset import Dataset
from radiotracer.data.encoded import Encoded
from radiotracer.data.format import (
    FORMATS,
    CannotWriteError,
    Format,
    Options,
    Place,
    Written,
    split_of,
)
from radiotracer.data.links import Links
from radiotracer.data.listed import Listed
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import Read, Rows, to_examples
from radiotracer.data.tables import Tables, held_at, read_every, tables_at

NAMELESS = "a row without a name"


class ImageLists(Format):
    """``filename,label`` in CSV, JSON or Parquet: also Hugging Face's and Kaggle's.

    Paths are relative to the table or absolute, and lead to files beside or below it, or into
    folders that were named. Names may lack their endings. The id is the path from the root; of an
    image that is named again it is counted: ``#2``.
    """

    name = "image-lists"
    words = "a table of image files and labels"
    order = 450
    options = frozenset(("image_size", "image_column", "label_column", "follow_links"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables one of whose columns names images."""
        return held_at(place, options) == "files"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split; what the table names and is not there is left out."""
        require_image_size(options.image_size)
        tables = tables_at(place)
        assert tables is not None  # noqa: S101
        named = _read(tables, split, options)
        notes = list(named.notes)
        every = (rows for parts in named.by_split.values() for rows in parts)
        seen = {each for rows in every for each in rows.items if isinstance(each, Path)}
        unnamed = len(tables.listed) - len(seen)
        if unnamed > 0:
            images = "1 image" if unnamed == 1 else f"{unnamed:,} images"
            notes.append(f"not named in the table: {images} beside it")
        rows: dict[str, list[Rows[Encoded]]] = {
            name: [Rows(_images(each.items), each.labels, each.ids) for each in parts]
            for name, parts in named.by_split.items()
        }
        bad = {row: each for row, each in enumerate(named.items) if isinstance(each, str)}
        source, asked = named.source, named.asked
        return to_examples(
            Read(rows, named.split, source, asked, named.left_out, notes, bad),
            image_size=options.image_size,
            decoding=options.decoding,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Copy the images, and write the tables with the rows and labels that remain."""
        base, split = split_of(before.source)
        tables = tables_at(Place(base))
        if tables is None:
            raise CannotWriteError(f"there is no table {base} any more")
        home = _home(tables)
        named = _read(tables, split, Options.of(before.options))
        parts = zip(tables.shards.by_split[named.split], named.by_split[named.split], strict=True)
        made = rewrite_tables(before, after, folder, {path: rows.ids for path, rows in parts})
        for name in after.ids.tolist():
            place = Path(name.partition("#")[0])
            if place.is_absolute() or not (home / place).is_file():
                raise CannotWriteError(f"the image {place} lies elsewhere, or is gone")
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / place, folder / place)
        return made


FORMATS.register(ImageLists())


def _home(tables: Tables) -> Path:
    return tables.root if tables.root.is_dir() else tables.root.parent


def _read(tables: Tables, split: str | None, options: Options) -> Read[Path | str]:
    """Every row with its image, or why there is none."""
    roles = tables.roles(options)
    assert roles.item is not None  # noqa: S101
    item = roles.item
    named = read_every(
        tables,
        split,
        roles,
        lambda file, path, _: id_column(file.table[item].fill_null(""), path),
        columns=roles.columns,
    )
    links = Links(tables.shards.first.parent, options.follow_links)
    again: Counter[str] = Counter()
    found: dict[str, list[Rows[Path | str]]] = {}
    for name, parts in named.by_split.items():
        for path, rows in zip(tables.shards.by_split[name], parts, strict=True):
            listed = Listed(path.parent, links, name)
            items = [listed.look(each or "") for each in rows.items]
            ids = []
            for image, given in zip(items, rows.items, strict=True):
                id = _id(image, _home(tables)) if isinstance(image, Path) else given or NAMELESS
                again[id] += 1
                ids.append(id if again[id] == 1 else f"{id}#{again[id]}")
            found.setdefault(name, []).append(Rows(items, rows.labels, ids))
    more = sum(n - 1 for id, n in again.items() if id != NAMELESS)
    said = f"images that the table names again are examples again: {more:,}"
    notes = [*named.notes, *[said] * bool(more)]
    return Read(found, named.split, named.source, named.asked, named.left_out, notes)


def _images(items: Sequence[Path | str | None]) -> list[Path | None]:
    return [each if isinstance(each, Path) else None for each in items]


def _id(path: Path, home: Path) -> str:
    inside = path.is_relative_to(home)
    return as_text((path.relative_to(home) if inside else path).as_posix())
