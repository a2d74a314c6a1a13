"""Any data as a saved folder, which is read as it is needed, whatever its size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Unpack

from radiotracer.data.account import Account, write_duplicates, write_left_out
from radiotracer.data.cache import Report
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import Decoding, Progress
from radiotracer.data.format import Reading
from radiotracer.data.mending import Mending
from radiotracer.data.modalities.images import FILE as PIXELS
from radiotracer.data.saved import DESCRIPTION, open_saved, save_all_but_content
from radiotracer.data.sources import format_of, open_data
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder


def store_data(
    spec: str | os.PathLike[str] | Any,
    out: str | os.PathLike[str],
    *,
    like: Dataset | None = None,
    overwrite: bool = False,
    report: Report | None = None,
    progress: Progress = lambda *_: None,
    **reading: Unpack[Reading],
) -> Dataset:
    """Write data of any kind into a saved folder, whole or not at all.

    Encoded images (of folders, tables, archives) are decoded one by one into the file. Ids,
    labels, digest and left_out files are as `open_data` gives them; the latter, and copies under
    different labels, are listed beside them (left-out.csv, duplicates.csv).

    Args:
        spec: What to store, as `open_data` takes it.
        out: A new folder; itself a DATA argument afterwards.
        like: Data that these belong to: rows of a table are stored under its columns.
        overwrite: Replace an earlier saved folder in `out`.
        report: Takes a line of progress whenever something is fetched.
        progress: Told how many images are decoded.
        reading: As `open_data` takes it. Where classes are dropped, images are written twice, and
            held in memory.

    Returns:
        What was stored, opened from `out`.

    Raises:
        DataError: `spec` cannot be opened.
        InputError: `out` must not be replaced, or `spec` is a saved folder already.
        StorageError: The disk refused; nothing is left behind.
    """
    if isinstance(spec, str | os.PathLike):
        form = format_of(spec)
        if form is not None and form.name == "saved-folder":
            raise InputError(
                expected="data that radiotracer has not stored yet",
                came=f"the saved folder {os.fspath(spec)}",
                do="use it as it is, or copy it",
            )
    with atomic_folder(Path(out), marker=DESCRIPTION, overwrite=overwrite) as folder:
        found = open_data(
            spec,
            like=like,
            report=report,
            decoding=Decoding(folder / PIXELS, progress),
            **reading,
        )
        if not (folder / PIXELS).exists() or Mending.of(found.options).drop_class:
            found.modality.save(found, folder)
        settings = {"source": found.source, "options": dict(found.options)}
        save_all_but_content(found, folder, provenance=settings)
        account = Account(found)
        write_left_out(account, folder)
        write_duplicates(account, folder)
    return open_saved(out)
