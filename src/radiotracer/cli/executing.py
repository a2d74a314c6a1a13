"""Who does a long command's work, and where finished units are kept: options and their meaning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.console import err
from radiotracer.errors import InputError
from radiotracer.files import remove_partial

if TYPE_CHECKING:
    from radiotracer.scale import FolderLedger, Runner

Workers = Annotated[
    int | None,
    Parameter(
        help="Worker processes of one thread each: the result has the same bits for any number of "
        "them. By default this process does it, with torch's threads; with --ray, one for each "
        "CPU that Ray has."
    ),
]
Ray = Annotated[
    str | None,
    Parameter(
        help="Workers by Ray: host:port of a cluster that this machine belongs to, auto for the "
        "one that runs here, local to start one. Needs the extra ray. Every worker must reach the "
        "data, the run and --units under the same names: on several machines pass a shared folder "
        "or a URL."
    ),
]
Units = Annotated[
    str | None,
    Parameter(
        help="Folder, or URL that fsspec opens, for finished units: the same command goes on where "
        "it was stopped. By default a hidden folder beside --out, removed at the end."
    ),
]


def runner_of(workers: int | None, ray: str | None = None) -> Runner:
    """Who does the work."""
    from radiotracer.scale import InProcess, Processes, RayRunner

    if workers is not None and workers < 1:
        raise InputError(
            expected="--workers of at least 1", came=str(workers), do="pass, say, --workers 2"
        )
    if ray is not None:
        return RayRunner(workers, ray)
    return InProcess() if workers is None else Processes(workers)


@contextmanager
def kept_units(
    folder: Path, units: str | None = None, *, overwrite: bool, name: str = "units"
) -> Iterator[FolderLedger]:
    """A ledger for the units of what is written to `folder`, by one process at a time.

    Those in the default place, a hidden folder beside it that ends with `name`, are removed when
    all went well, and when what was asked for cannot be done. When the work was merely stopped,
    they stay.
    """
    from radiotracer.scale import FolderLedger
    from radiotracer.scale.keeping import kept

    place = folder.resolve()
    hidden = place.with_name(f".{place.name}.{name}")
    ledger = FolderLedger(hidden if units is None else units, replace=overwrite)

    def stopped() -> None:
        err.print(f"finished units are kept in {ledger.place}: the same command goes on")

    with kept(ledger, stays=units is not None, stopped=stopped):
        remove_partial(folder)
        yield ledger
