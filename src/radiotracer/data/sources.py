"""DATA arguments: from the text a user types to examples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from radiotracer.data.builtin import BUILT_INS, built_in
from radiotracer.data.cache import Report, load_built_in
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.examples import Examples
from radiotracer.data.folder import open_folder, split_folders
from radiotracer.data.idx import has_idx_split, read_idx_split
from radiotracer.data.npz import numbered, read_npz
from radiotracer.data.saved import is_saved, open_saved
from radiotracer.data.shards import WHOLE, find_shards, has_tables
from radiotracer.errors import DataError

GRAMMAR = (
    f"a built-in name ({', '.join(BUILT_INS)}), or the path of an .npz file, of a folder that "
    "radiotracer wrote, of a folder with the four IDX files, of a Parquet or Arrow file or a "
    "folder of them, or of a folder with one folder of images per class; with :train or :test for "
    "one split"
)
"""What a DATA argument may be, in words."""


def open_data(
    spec: str,
    *,
    image_size: int | None = None,
    report: Report | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Examples:
    """Open a DATA argument.

    ``mnist``, ``mnist:train``, ``mnist:test``, ``PATH``, ``PATH:train`` or ``PATH:test``. Without
    a split, data that have splits mean the training one. A built-in name wins over a path of the
    same name (write ``./mnist`` for the path), and is fetched if it is not in the cache.

    Args:
        spec: The DATA argument.
        image_size: Resize the images of an image folder, or of Parquet and Arrow files, to this
            height and width.
        report: Takes a line of progress whenever something is fetched.
        decoding: Where the pixels of an image folder, or of Parquet and Arrow files, go.

    Returns:
        Examples whose `source` opens them again from any working folder (with the same
        `image_size`), and whose `queries` is the test split of a training split, else None
        (for a folder that radiotracer wrote: whatever it kept).

    Raises:
        DataError: `spec` is none of these, or its data cannot be used.
    """
    base, split = _parse(spec)
    if base in BUILT_INS:
        _refuse_size(image_size, base)
        return _open_built_in(base, split, report)
    path = Path(base).absolute()
    if not base or not _is_there(path):
        raise DataError(expected=GRAMMAR, came=repr(spec), do="check the spelling and the path")
    if path.is_file() and not has_tables(path):
        _refuse_size(image_size, base)
        return _open_npz(path, split)
    if is_saved(path):
        _refuse_size(image_size, base)
        if split is not None:
            raise _no_split(path, split, "a folder that radiotracer wrote")
        return open_saved(path)
    if has_idx_split(path, "train") or has_idx_split(path, "test"):
        _refuse_size(image_size, base)
        return _open_idx(path, split)
    if has_tables(path):
        return _open_tables(path, split, image_size, decoding)
    return _open_images(path, split, image_size, decoding)


def _parse(spec: str) -> tuple[str, str | None]:
    """A path may itself end in ``:test``: what exists as written is taken as written."""
    base, _, split = spec.rpartition(":")
    if split in ("train", "test") and base and not _is_there(Path(spec)):
        return base, split
    return spec, None


def _is_there(path: Path) -> bool:
    """False also for names that no file can have, and where nobody may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _open_built_in(name: str, split: str | None, report: Report | None) -> Examples:
    chosen = "test" if split == "test" else "train"
    images, labels = load_built_in(name, "test" if split == "test" else "train", report)
    return Examples(
        images=images,
        labels=labels,
        ids=numbered(f"{chosen}/", len(images)),
        class_names=built_in(name).class_names,
        source=f"{name}:{split}" if split else name,
        queries=f"{name}:test" if chosen == "train" else None,
    )


def _open_npz(path: Path, split: str | None) -> Examples:
    found = read_npz(path, split=split or "train")
    if split == "train" and not found.has_test:
        raise _no_split(path, split, "an archive without x_test and y_test")
    return Examples(
        images=found.images,
        labels=found.labels,
        ids=found.ids,
        class_names=found.class_names,
        source=f"{path}:{split}" if split else str(path),
        queries=f"{path}:test" if found.has_test and split != "test" else None,
    )


def _open_idx(path: Path, split: str | None) -> Examples:
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
    return Examples(
        images=found.images,
        labels=found.labels,
        ids=numbered(f"{chosen}/", len(found.labels)),
        class_names=names[0] if names else tuple(str(label) for label in range(largest + 1)),
        source=f"{path}:{split}" if split else str(path),
        queries=f"{path}:test" if both and chosen == "train" else None,
    )


def _open_tables(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Examples:
    from radiotracer.data.arrow import open_arrow  # pyarrow is loaded only when it is needed

    splits = find_shards(path).by_split
    if split is not None and split not in splits:
        raise _no_split(path, split, f"files of {'no split' if WHOLE in splits else 'one split'}")
    examples = open_arrow(
        path,
        split=None if WHOLE in splits else (split or "train"),
        image_size=image_size,
        decoding=decoding,
    )
    return dataclasses.replace(
        examples,
        source=f"{path}:{split}" if split else str(path),
        queries=f"{path}:test" if "test" in splits and split != "test" else None,
    )


def _open_images(
    path: Path, split: str | None, image_size: int | None, decoding: Decoding
) -> Examples:
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
        queries=f"{path}:test" if splits and split != "test" else None,
    )


def _refuse_size(image_size: int | None, base: str) -> None:
    if image_size is not None:
        raise DataError(
            expected="--image-size only for a folder of images, or Parquet or Arrow files",
            came=f"--image-size {image_size} for {base}",
            do="leave it out",
        )


def _no_split(path: Path, split: str, what: str) -> DataError:
    return DataError(
        expected=f"a {split} split in {path}", came=what, do=f"leave out :{split}, or add the split"
    )
