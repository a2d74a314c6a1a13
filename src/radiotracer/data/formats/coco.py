"""Photographs with annotations in COCO's JSON: one example per image, or one per bounding box."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from radiotracer.data.class_folders import visible
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.encoded import Crop, Encoded, read_limited
from radiotracer.data.format import COMMON_SPLITS, FORMATS, Format, Options, Place
from radiotracer.data.labels import Given
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import Read, Rows, to_examples
from radiotracer.data.splits import WHOLE, chosen, named, one_of_each
from radiotracer.errors import DataError

ANNOTATIONS = ("annotations.json", "_annotations.coco.json")
"""The file by which a folder is known, beside its folder `IMAGES` or its images."""

IMAGES = "images"

LARGEST = 1 << 30
"""Bytes of an annotation file."""

_WIDEST = 1 << 20
_NAMED = 10


BOXES = "boxes"
"""Behind the colon: one example per bounding box, not per image."""


class Coco(Format):
    """An annotation file, or a folder that holds one and no folders of classes."""

    name = "coco"
    words = "COCO's annotations.json or its folder"
    order = 700
    options = frozenset(("image_size",))
    splits = (*COMMON_SPLITS, BOXES)

    def matches(self, place: Place, options: Options) -> bool:
        """Whether annotations are there, or in folders of splits."""
        return place.exists and bool(_by_split(place.path))

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read images, or boxes."""
        require_image_size(options.image_size)
        by_split = _by_split(place.path)
        boxes = split == BOXES
        opened = chosen(by_split, None if boxes else split, place.path)
        left_out: list[LeftOut] = []
        rows: dict[str, list[Rows[Encoded]]] = {}
        for name, path in by_split.items():
            found, bad = read_annotated(path, place.path, boxes=boxes)
            rows[name] = [found]
            left_out += bad if name == opened else []
        return to_examples(
            Read(rows, opened, place.path, split, left_out),
            image_size=options.image_size,
            decoding=options.decoding,
        )


FORMATS.register(Coco())


@dataclass(frozen=True)
class _Annotation:
    id: int
    image: int
    category: int
    crowd: bool
    box: tuple[float, ...] | None


@dataclass(frozen=True)
class _Annotated:
    """What the JSON says: file names and sizes by image id, names by category id, annotations."""

    images: Mapping[int, str]
    sizes: Mapping[int, tuple[int, int] | None]
    categories: Mapping[int, str]
    annotations: Sequence[_Annotation]


def annotations_of(path: Path) -> Path | None:
    """The annotation file that `path` is, or of the folder that it is; else None."""
    if path.is_file():
        return path if path.suffix.lower() == ".json" else None
    there = [path / name for name in ANNOTATIONS if (path / name).is_file()]
    if not there:
        return None
    # A folder with one folder per class may hold somebody's annotations, too.
    folders = [each.name for each in path.iterdir() if each.is_dir() and each.name[0] != "."]
    return None if set(folders) - {IMAGES} else there[0]


def read_annotated(
    path: Path, root: Path, *, boxes: bool = False
) -> tuple[Rows[Encoded], list[LeftOut]]:
    """The photographs of an annotation file, and what is left out.

    They lie in the folder ``images`` beside it, or else beside it. The classes are the categories
    in the order of their ids. An image whose annotations are all of one category is an example,
    whose id is its file name. With `boxes` each annotation is one, cut out of its photograph (the
    smallest whole pixels around the box); its id is ``FILE/ANNOTATION``. A photograph that its EXIF
    orientation turns is cut as it is seen, or as it is stored where the annotated width and height
    are those of the stored pixels alone. Left out and listed are images of no category or several,
    or crowds, empty boxes and photographs of another size than annotated, and files that are
    missing, links, outside of the folder, or no images.

    Args:
        path: The annotation file.
        root: What ids begin at, where it is a folder of splits.
        boxes: One example per annotation, not per image.

    Raises:
        DataError: JSON that is none of COCO's, ids or names twice, or an annotation of an image or
            a category that is not there.
    """
    found = _parse(path)
    order = {category: place for place, category in enumerate(sorted(found.categories))}
    home = _home(path.parent)
    within = path.parent.relative_to(root).as_posix() if path.parent != root != path else "."
    prefix = "" if within == "." else f"{within}/"
    left_out: list[LeftOut] = []
    items: list[Encoded | None] = []
    labels: list[int] = []
    ids: list[str] = []
    every = _boxes(found, left_out) if boxes else _images(found, left_out)
    for name, category, annotation in every:
        id = name if annotation is None else f"{name}/{annotation.id}"
        if problem := _problem(home, name):
            left_out.append(LeftOut(id, problem))
            continue
        if annotation is None:
            items.append(home / name)
        else:
            size = found.sizes[annotation.image]
            items.append(Crop(home / name, _pixels(annotation), size))
        labels.append(order[category])
        ids.append(prefix + id)
    names = tuple(found.categories[category] for category in sorted(found.categories))
    return Rows(items, Given(labels, names), ids), left_out


def _by_split(root: Path) -> dict[str, Path]:
    """The annotation file at a place, or those of its splits; nothing where there is none."""
    own = annotations_of(root)
    if own is not None:
        return {WHOLE: own}
    if not root.is_dir():
        return {}
    folders = [path for path in visible(root) if path.is_dir() and named(path.name)]
    found = [(path.name, path / name) for path in folders for name in ANNOTATIONS]
    return one_of_each([(name, path) for name, path in found if path.is_file()], root)


def _home(folder: Path) -> Path:
    if (folder / IMAGES).is_symlink():
        raise DataError(
            expected=f"photographs in {folder / IMAGES}",
            came="a symbolic link, which may lead out of the folder",
            do="put the folder itself there",
        )
    return folder / IMAGES if (folder / IMAGES).is_dir() else folder


def _images(
    found: _Annotated, left_out: list[LeftOut]
) -> Iterator[tuple[str, int, _Annotation | None]]:
    """File name and category of every image that has just one."""
    shown: dict[int, set[int]] = {image: set() for image in found.images}
    for each in found.annotations:
        shown[each.image].add(each.category)
    for image, categories in shown.items():
        name = found.images[image]
        if len(categories) == 1:
            yield name, next(iter(categories)), None
        elif categories:
            listed = ", ".join(sorted(found.categories[each] for each in categories)[:_NAMED])
            left_out.append(LeftOut(name, f"{len(categories)} categories: {listed}"))
        else:
            left_out.append(LeftOut(name, "no annotation"))


def _boxes(
    found: _Annotated, left_out: list[LeftOut]
) -> Iterator[tuple[str, int, _Annotation | None]]:
    """File name, category and annotation of every box that can be cut out.

    Those of one photograph stand one after the other, so that it is decoded once.
    """
    first: dict[int, int] = {}
    for each in found.annotations:
        first.setdefault(each.image, len(first))
    for each in sorted(found.annotations, key=lambda each: first[each.image]):
        name = found.images[each.image]
        if each.crowd:
            left_out.append(LeftOut(f"{name}/{each.id}", "a crowd, not one thing"))
        elif each.box is None or each.box[2] <= 0 or each.box[3] <= 0:
            left_out.append(LeftOut(f"{name}/{each.id}", "no bounding box, or an empty one"))
        else:
            yield name, each.category, each


def _pixels(annotation: _Annotation) -> tuple[int, int, int, int]:
    left, top, width, height = annotation.box or (0, 0, 0, 0)
    ends = math.ceil(left + width), math.ceil(top + height)
    return math.floor(left), math.floor(top), *ends


def _problem(home: Path, name: str) -> str:
    """Why the file is not opened; empty where it is."""
    path = home / name
    try:
        if Path(name).is_absolute() or ".." in Path(name).parts or "\\" in name:
            return "its name leads out of the folder"
        if any((home / part).is_symlink() for part in (Path(name), *Path(name).parents)[:-1]):
            return "a symbolic link, which may lead out of the folder"
        return "" if path.is_file() else "no such file"
    except (OSError, ValueError):
        return "no name that a file can have"


def _parse(path: Path) -> _Annotated:
    try:
        found = json.loads(read_limited(path, LARGEST, "annotations"))
        if not isinstance(found, dict):
            raise ValueError("no object with images, annotations and categories")
        listed = _list(found, "images")
        images = {_int(each, "id"): _str(each, "file_name") for each in listed}
        sizes = {_int(each, "id"): _size(each) for each in listed}
        categories = {_int(each, "id"): _str(each, "name") for each in _list(found, "categories")}
        annotations = [_annotation(each) for each in _list(found, "annotations")]
        _require_once(found, images, categories, annotations)
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(
            expected=f"the images, annotations and categories of COCO in {path}",
            came=f"{str(error)[:200] or type(error).__name__}",
            do="export them again",
        ) from error
    return _Annotated(images, sizes, categories, annotations)


def _require_once(
    found: dict[str, Any],
    images: Mapping[int, str],
    categories: Mapping[int, str],
    annotations: Sequence[_Annotation],
) -> None:
    for key, by_id in (("images", images), ("categories", categories)):
        if not len(set(by_id.values())) == len(by_id) == len(found[key]):
            raise ValueError(f"an id or a name twice in its {key}")
    if len({each.id for each in annotations}) != len(annotations):
        raise ValueError("an id twice in its annotations")
    for each in annotations:
        if each.image not in images or each.category not in categories:
            raise ValueError(f"annotation {each.id} of an image or a category that is not listed")


def _annotation(record: object) -> _Annotation:
    box = record.get("bbox") if isinstance(record, dict) else None
    if box is not None and not (
        isinstance(box, list) and len(box) in (0, 4) and all(map(_is_length, box))
    ):
        raise ValueError("a bbox that is not [left, top, width, height] in pixels")
    crowd = record.get("iscrowd", 0) if isinstance(record, dict) else 0
    if crowd not in (0, 1):
        raise ValueError("an iscrowd that is neither 0 nor 1")
    return _Annotation(
        id=_int(record, "id"),
        image=_int(record, "image_id"),
        category=_int(record, "category_id"),
        crowd=bool(crowd),
        box=tuple(box) if box else None,
    )


def _size(record: object) -> tuple[int, int] | None:
    """Width and height of the picture that was annotated, where both are said."""
    said: dict[str, Any] = record if isinstance(record, dict) else {}
    width, height = said.get("width"), said.get("height")
    if not (_is_length(width) and _is_length(height) and min(width, height) >= 1):
        return None
    return int(width), int(height)


def _is_length(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _WIDEST


def _list(found: dict[str, Any], key: str) -> list[object]:
    listed = found.get(key)
    if not isinstance(listed, list):
        raise ValueError(f"no list of {key}")
    return listed


def _int(record: object, key: str) -> int:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"a record whose {key} is no integer")
    return value


def _str(record: object, key: str) -> str:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(f"a record whose {key} is no text")
    return value
