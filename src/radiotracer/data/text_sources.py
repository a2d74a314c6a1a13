"""Arguments of `open_texts`: from the text a user types to texts with labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radiotracer.data.builtin import SPAM_ASSASSIN, Split
from radiotracer.data.cache import Report
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.encoded import read_limited
from radiotracer.data.folder import class_folders, find_files, split_folders
from radiotracer.data.hugging_face_disk import in_order
from radiotracer.data.modalities.texts import TEXTS
from radiotracer.data.rows import Rows, as_numbers, class_numbers, stem
from radiotracer.data.shards import WHOLE, find_shards, has_tables
from radiotracer.data.sources import is_there, parse
from radiotracer.data.spam_assassin import load_spam_assassin
from radiotracer.errors import DataError

GRAMMAR = (
    f"a built-in name ({SPAM_ASSASSIN.name}), or the path of a Parquet, Arrow, CSV or JSON lines "
    "file with a text and a label column or of a folder of them, or of a folder with one folder "
    "of .txt files per class; with :train or :test for one split"
)
"""What `open_texts` takes, in words."""

DOCUMENTS = frozenset((".txt",))
"""File names that are taken for documents, whatever their case."""

LARGEST = 1 << 26
"""Bytes of a document."""


def open_texts(
    spec: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    report: Report | None = None,
) -> Dataset:
    """Open labelled texts.

    ``spam-assassin``, ``PATH``, or one of them with ``:train`` or ``:test``. Splits, ids, classes,
    and which of a built-in name and a path wins, are as `open_data` has them. Of a folder of
    documents, a file is a text in UTF-8; its id is the path from the root. Texts are taken as they
    are. What is no text is left out and listed in `Dataset.left_out`.

    Args:
        spec: What to open.
        text_column: The text column of tables, where its name is none of
            `radiotracer.data.columns.TEXTS` or several are.
        label_column: The label column of tables, where its name is none of
            `radiotracer.data.columns.LABELS` or several are.
        report: Takes a line of progress whenever something is fetched.

    Raises:
        DataError: `spec` is none of these, or its data cannot be used.
    """
    base, named = parse(spec)
    split: Split | None = "train" if named == "train" else "test" if named == "test" else None
    if base == SPAM_ASSASSIN.name and split == named:
        return load_spam_assassin(split, report)
    path = Path(base).absolute()
    if not base or not is_there(path) or split != named:
        raise DataError(expected=GRAMMAR, came=repr(spec), do="check the spelling and the path")
    if path.is_file() or _has_tables(path):
        return _open_tables(path, split, text_column, label_column)
    return _open_documents(path, split)


def _has_tables(path: Path) -> bool:
    from radiotracer.data.text_tables import SUFFIXES  # pyarrow is loaded only when it is needed

    return has_tables(path, SUFFIXES)


def _open_tables(path: Path, split: str | None, text: str | None, label: str | None) -> Dataset:
    from radiotracer.data.text_tables import SEPARATORS, SUFFIXES, read_texts

    if path.is_file() and path.suffix.lower() not in {*SUFFIXES, ".json"}:
        raise DataError(
            expected=f"a file that ends in {', '.join(sorted(SUFFIXES))}",
            came=path.name,
            do="write it in one of these formats",
        )
    shards = find_shards(path, SUFFIXES)
    if split is not None and split not in shards.by_split:
        raise _no_split(path, split)
    read: dict[str, Sequence[Rows[str]]] = {
        name: in_order(
            [read_texts(each, stem(each, path), text, label) for each in files], files[0].parent
        )
        for name, files in shards.by_split.items()
    }
    every = [each for files in shards.by_split.values() for each in files]
    if all(each.suffix.lower() in SEPARATORS for each in every):
        read = dict(as_numbers(read))
    chosen = WHOLE if WHOLE in read else split or "train"
    labels, class_names = class_numbers(read, chosen, path)
    ids = [each for rows in read[chosen] for each in rows.ids]
    items = [each for rows in read[chosen] for each in rows.items]
    kept = [row for row, each in enumerate(items) if each is not None]
    left_out = [
        LeftOut(stem(file, path), "neither of the split train nor of the split test")
        for file in shards.left_out
    ]
    left_out += [LeftOut(ids[row], "no text") for row, each in enumerate(items) if each is None]
    _require_some(kept, path, left_out)
    return Dataset(
        modality=TEXTS,
        content=tuple(each for each in items if each is not None),
        labels=labels[kept],
        ids=np.array(ids, dtype=np.str_)[kept],
        class_names=class_names,
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if "test" in read and split != "test" else None,
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
    )


def _open_documents(path: Path, split: str | None) -> Dataset:
    splits = split_folders(path)
    if split is not None and not splits:
        raise _no_split(path, split)
    classes = class_folders(splits["train"] if splits else path, "texts")
    top = splits[split or "train"] if splits else path
    files, left_out = find_files(path, top, classes, DOCUMENTS, "a text")
    texts, kept = [], []
    for file in files:
        try:
            texts.append(read_limited(file.path, LARGEST, "a text").decode())
            kept.append(file)
        except UnicodeDecodeError:
            left_out.append(LeftOut(file.id, "not in UTF-8"))
        except DataError as error:
            left_out.append(LeftOut(file.id, error.came))
    _require_some(kept, path, left_out)
    found = Dataset(
        modality=TEXTS,
        content=tuple(texts),
        labels=np.array([file.label for file in kept], dtype=np.int64),
        ids=np.array([file.id for file in kept], dtype=np.str_),
        class_names=tuple(name.encode(errors="backslashreplace").decode() for name in classes),
        source=f"{path}:{split}" if split else str(path),
        validation=f"{path}:test" if splits and split != "test" else None,
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
    )
    if split != "test":
        found.require_every_class()
    return found


def _require_some(kept: Sequence[object], path: Path, left_out: Sequence[LeftOut]) -> None:
    if not kept:
        raise DataError(
            expected=f"texts in {path}",
            came="none that can be read"
            + (f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""),
            do="save them in UTF-8",
        )


def _no_split(path: Path, split: str) -> DataError:
    return DataError(
        expected=f"a {split} split in {path}",
        came="data without it",
        do=f"leave out :{split}, or add the split",
    )
