"""Any data as a saved folder, which is read as it is needed, whatever its size."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.builtin import BUILT_INS
from radiotracer.data.cache import Report
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import Decoding, Progress
from radiotracer.data.modalities.images import FILE as PIXELS
from radiotracer.data.saved import DESCRIPTION, is_saved, open_saved, save_all_but_content
from radiotracer.data.sources import open_data
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder


def store_data(
    spec: str,
    out: Path,
    *,
    image_size: int | None = None,
    overwrite: bool = False,
    report: Report | None = None,
    progress: Progress = lambda *_: None,
) -> Dataset:
    """Write data into a saved folder, whole or not at all.

    Encoded images (of folders, tables, archives) are decoded one by one into the file. Ids,
    labels, digest and left_out files are as `open_data` gives them.

    Args:
        spec: The DATA argument.
        out: A new folder; itself a DATA argument afterwards.
        image_size: Resize the images of an image folder, or of Parquet and Arrow files, to this
            height and width.
        overwrite: Replace an earlier saved folder in `out`.
        report: Takes a line of progress whenever something is fetched.
        progress: Told how many images are decoded.

    Returns:
        What was stored, opened from `out`.

    Raises:
        DataError: `spec` cannot be opened.
        InputError: `out` must not be replaced, or `spec` is a saved folder already.
        StorageError: The disk refused; nothing is left behind.
    """
    if spec not in BUILT_INS and is_saved(Path(spec)):
        raise InputError(
            expected="data that radiotracer has not stored yet",
            came=f"the saved folder {spec}",
            do="use it as it is, or copy it",
        )
    with atomic_folder(out, marker=DESCRIPTION, overwrite=overwrite) as folder:
        decoding = Decoding(folder / PIXELS, progress)
        examples = open_data(spec, image_size=image_size, report=report, decoding=decoding)
        if not (folder / PIXELS).exists():
            examples.modality.save(examples, folder)
        settings = {"source": examples.source, "image_size": image_size}
        save_all_but_content(examples, folder, provenance=settings)
    return open_saved(out)
