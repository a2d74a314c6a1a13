"""``radiotracer data``: list built-in data sets, bring one here, or store data for streaming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from radiotracer.cli.console import emit, err, out, progress, tell_left_out
from radiotracer.cli.options import Data, ImageSize, Json, Out, Overwrite
from radiotracer.data import get as fetch
from radiotracer.data import list_built_ins, store_data


def list_(*, json: Json = False) -> int:
    """Run the command; return its exit status."""
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


def get(
    name: Annotated[str, Parameter(help="mnist, fashion-mnist or spam-assassin.")],
    /,
    *,
    folder: Annotated[
        Path | None, Parameter(name="--out", help="Also put its files into this folder.")
    ] = None,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    fetched = fetch(name, out=folder, report=err.print)
    if json:
        emit({"name": name, "route": fetched.route, "folder": str(fetched.folder)})
    else:
        out.print(f"{name} is in {fetched.folder} (by {fetched.route})")
    return 0


def store(
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    image_size: ImageSize = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    with progress() as reporter:
        stored = store_data(
            data,
            folder,
            image_size=image_size,
            overwrite=overwrite,
            report=err.print,
            progress=reporter,
        )
    tell_left_out(stored)
    _, height, width, channels = stored.content.shape
    if json:
        emit(
            {
                "examples": len(stored),
                "image_shape": [height, width, channels],
                "digest": stored.digest,
                "left_out": len(stored.left_out),
                "queries": stored.validation,
                "out": str(folder),
            }
        )
        return 0
    kind = "grey" if channels == 1 else "RGB"
    out.print(f"{len(stored):,} examples, {height}x{width} {kind}, written to {folder}")
    if stored.validation is not None:
        out.print(f"next: the queries that belong to them, {stored.validation}, in the same way")
    return 0
