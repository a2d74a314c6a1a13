"""DATA arguments: from the text a user types to examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from radiotracer.data.builtin import BUILT_IN_TEXTS, BUILT_INS
from radiotracer.data.cache import Report, load_built_in
from radiotracer.data.coco import annotations_of, open_coco
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.folder import open_folder, split_folders
from radiotracer.data.idx import has_idx_split, read_idx_split
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.npz import numbered, read_npz
from radiotracer.data.saved import is_saved, open_saved
from radiotracer.data.shards import WHOLE, Shards, find_shards, has_tables
from radiotracer.data.webdataset import SUFFIXES as ARCHIVES
from radiotracer.data.webdataset import has_braces, open_webdataset
from radiotracer.errors import DataError

if TYPE_CHECKING:
    import datasets  # type: ignore[import-untyped]

GRAMMAR = (
    f"a built-in name ({', '.join(BUILT_INS)}), or the path of an .npz file, of a folder that "
    "radiotracer wrote, of a folder with the four IDX files, of a Parquet or Arrow file or a "
    "folder of them, of a WebDataset archive (.tar), a folder of them or a pattern like "
    "train-{000..012}.tar, of COCO's annotations.json or its folder, or of a folder with one "
    "folder of images per class; with :train or :test for one split, and :boxes for one example "
    "per annotated box"
)
"""What a DATA argument may be, in words."""

BOXES = "boxes"
"""Behind COCO's annotations: one example per bounding box, not per image."""

Kind = Literal["pattern", "archive", "saved", "idx", "tables", "shards", "coco", "images"]


def open_data(
    spec: str | datasets.Dataset | datasets.DatasetDict,
    *,
    image_size: int | None = None,
    report: Report | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """Open a DATA argument, or a Hugging Face data set in memory.

    ``mnist``, ``mnist:train``, ``mnist:test``, ``PATH``, ``PATH:train``, ``PATH:test`` or
    ``PATH:boxes``. Without a split, data that have splits mean the training one. A built-in name
    wins over a path of the same name (write ``./mnist`` for the path), and is fetched if it is not
    in the cache.

    Args:
        spec: The DATA argument. A data set in memory is opened by `from_hugging_face`, which takes
            a split, too.
        image_size: Resize the images to this height and width, where they are encoded: in folders,
            Parquet and Arrow files, archives, annotated folders and data sets in memory.
        report: Takes a line of progress whenever something is fetched.
        decoding: Where the pixels of encoded images go.

    Returns:
        Examples whose `source` opens them again from any working folder (with the same
        `image_size`; data in memory excepted), and whose `queries` is the test split of a training
        split, else None (for a folder that radiotracer wrote: whatever it kept).

    Raises:
        DataError: `spec` is none of these, or its data cannot be used.
    """
    if not isinstance(spec, str):
        from radiotracer.data.hugging_face import from_hugging_face  # loads pyarrow

        return from_hugging_face(spec, image_size=image_size, decoding=decoding)
    base, split = parse(spec)
    if base in BUILT_INS:
        _refuse_size(image_size, base)
        return _open_built_in(base, split, report)
    if base in BUILT_IN_TEXTS:
        raise DataError(
            expected=f"images ({', '.join(BUILT_INS)}, or a path)",
            came=f"{base}, which is texts",
            do="open it in Python with radiotracer.data.open_texts",
        )
    path = Path(base).absolute()
    kind = _kind(base, path)
    if kind is None:
        raise DataError(expected=GRAMMAR, came=repr(spec), do="check the spelling and the path")
    if split == BOXES and kind != "coco":
        raise _no_split(path, split, "data without COCO's annotations")
    if kind not in _ENCODED:
        _refuse_size(image_size, base)
    return _OPENERS[kind](path, split, image_size, decoding)


def takes_image_size(spec: str) -> bool:
    """Whether `open_data` can resize what a DATA argument names: whether its images are encoded."""
    base, _ = parse(spec)
    kind = None if base in BUILT_INS else _kind(base, Path(base).absolute())
    return kind in _ENCODED


def parse(spec: str) -> tuple[str, str | None]:
    """What a DATA argument names, and which split of it.

    A path may itself end in ``:test``: what exists as written is taken as written.
    """
    base, _, split = spec.rpartition(":")
    if split in ("train", "test", BOXES) and base and not is_there(Path(spec)):
        return base, split
    return spec, None


def is_there(path: Path) -> bool:
    """Whether a path exists; False for what no file can be called, and where nobody may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _kind(base: str, path: Path) -> Kind | None:
    """What lies at a path; None where nothing does."""
    if not base or not is_there(path):
        return "pattern" if has_braces(base) else None
    for kind, holds in _TESTS:
        if holds(path):
            return kind
    return "images" if path.is_dir() else "archive"


def _open_built_in(name: str, split: str | None, report: Report | None) -> Dataset:
    chosen = "test" if split == "test" else "train"
    images, labels = load_built_in(name, "test" if split == "test" else "train", report)
    return Dataset(
        modality=IMAGES,
        content=images,
        labels=labels,
        ids=numbered(f"{chosen}/", len(images)),
        class_names=BUILT_INS[name].class_names,
        source=f"{name}:{split}" if split else name,
        validation=f"{name}:test" if chosen == "train" else None,
    )


def _open_npz(path: Path, split: str | None, _: int | None, __: Decoding) -> Dataset:
    found = read_npz(path, split=split or "train")
    if split == "train" and not found.has_test:
        raise _no_split(path, split, "an archive without x_test and y_test")
    return Dataset(
        modality=IMAGES,
        content=found.images,
        labels=found.labels,
        ids=found.ids,
        class_names=found.class_names,
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if found.has_test and split != "test" else None,
    )


def _open_idx(path: Path, split: str | None, _: int | None, __: Decoding) -> Dataset:
    chosen = "test" if split == "test" else "train"
    found = read_idx_split(path, chosen)
    other = "train" if chosen == "test" else "test"
    both = has_idx_split(path, other)
    largest = max(
        int(each.labels.max(initial=0))
        for each in (found, *([read_idx_split(path, other)] if both else []))
    )
    names = [
        each.class_names
        for each in BUILT_INS.values()
        if found.labels_sha256 in (each.train[1].sha256, each.test[1].sha256)
    ]
    return Dataset(
        modality=IMAGES,
        content=found.images,
        labels=found.labels,
        ids=numbered(f"{chosen}/", len(found.labels)),
        class_names=names[0] if names else tuple(str(label) for label in range(largest + 1)),
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if both and chosen == "train" else None,
    )


def _open_saved(path: Path, split: str | None, _: int | None, __: Decoding) -> Dataset:
    if split is not None:
        raise _no_split(path, split, "a folder that radiotracer wrote")
    return open_saved(path)


def _open_pattern(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Dataset:
    if split is not None:
        raise _no_split(path, split, "a pattern of archives")
    return open_webdataset(str(path), image_size=image_size, decoding=decoding)


def _open_tables(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Dataset:
    from radiotracer.data.arrow import open_arrow  # pyarrow is loaded only when it is needed

    shards = find_shards(path)
    chosen = _split_of(shards, path, split)
    found = open_arrow(path, split=chosen, image_size=image_size, decoding=decoding)
    return _named(found, shards, path, split)


def _open_archives(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Dataset:
    shards = find_shards(path, ARCHIVES)
    chosen = _split_of(shards, path, split)
    found = open_webdataset(path, split=chosen, image_size=image_size, decoding=decoding)
    return _named(found, shards, path, split)


def _split_of(shards: Shards, path: Path, split: str | None) -> str | None:
    whole = WHOLE in shards.by_split
    if split is not None and split not in shards.by_split:
        raise _no_split(path, split, f"files of {'no split' if whole else 'one split'}")
    return None if whole else split or "train"


def _named(found: Dataset, shards: Shards, path: Path, split: str | None) -> Dataset:
    return dataclasses.replace(
        found,
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if "test" in shards.by_split and split != "test" else None,
    )


def _open_annotated(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Dataset:
    if split in ("train", "test"):
        raise _no_split(path, split, "data of one split")
    examples = open_coco(
        annotations_of(path) or path,
        boxes=split == BOXES,
        image_size=image_size,
        decoding=decoding,
    )
    return dataclasses.replace(examples, source=f"{path}:{split}" if split else str(path))


def _open_images(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Dataset:
    splits = split_folders(path)
    if split is not None and not splits:
        raise _no_split(path, split, "a folder without the folders train and test")
    examples = open_folder(
        path,
        split=(split or "train") if splits else None,
        image_size=image_size,
        decoding=decoding,
    )
    return dataclasses.replace(
        examples,
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if splits and split != "test" else None,
    )


def _refuse_size(image_size: int | None, base: str) -> None:
    if image_size is not None:
        raise DataError(
            expected="--image-size only for a folder of images, or Parquet or Arrow files, "
            "archives of WebDataset or annotations of COCO",
            came=f"--image-size {image_size} for {base}",
            do="leave it out",
        )


def _no_split(path: Path, split: str, what: str) -> DataError:
    wanted = "annotated boxes" if split == BOXES else f"a {split} split"
    return DataError(
        expected=f"{wanted} in {path}",
        came=what,
        do=f"leave out :{split}" + ", or add the split" * (split != BOXES),
    )


_Opener = Callable[[Path, str | None, int | None, Decoding], Dataset]

_OPENERS: dict[Kind, _Opener] = {
    "archive": _open_npz,
    "coco": _open_annotated,
    "idx": _open_idx,
    "images": _open_images,
    "pattern": _open_pattern,
    "saved": _open_saved,
    "shards": _open_archives,
    "tables": _open_tables,
}

_ENCODED: frozenset[Kind] = frozenset(("pattern", "tables", "shards", "coco", "images"))
"""What holds encoded images, which can be resized."""

_TESTS: tuple[tuple[Kind, Callable[[Path], bool]], ...] = (
    ("saved", is_saved),
    ("idx", lambda path: any(has_idx_split(path, split) for split in ("train", "test"))),
    ("tables", has_tables),
    ("shards", lambda path: has_tables(path, ARCHIVES)),
    ("coco", lambda path: annotations_of(path) is not None),
)
"""The first that holds says what something is."""
