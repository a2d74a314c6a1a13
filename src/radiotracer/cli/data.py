"""``radiotracer data``: list built-in data sets, or bring one into the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from radiotracer.cli.console import emit, err, out
from radiotracer.cli.options import Json
from radiotracer.data import get as fetch
from radiotracer.data import list_built_ins


def list_(*, json: Json = False) -> int:
    """Run the command; return its exit status."""
    rows = list_built_ins()
    if json:
        emit({"datasets": [vars(row) for row in rows]})
        return 0
    table = Table(box=None, pad_edge=False)
    for title in ("name", "examples", "size", "in the cache"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        size = f"{row.bytes / 1e6:.0f} MB"
        cached = "yes" if row.cached else "no"
        table.add_row(row.name, f"{row.examples:,}", size, cached)
    out.print(table)
    for row in rows:
        out.print(f"{row.name}: {row.title}; licence: {row.licence}")
    return 0


def get(
    name: Annotated[str, Parameter(help="mnist or fashion-mnist.")],
    /,
    *,
    folder: Annotated[
        Path | None, Parameter(name="--out", help="Also put the four IDX files into this folder.")
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
