"""``radiotracer review``: look at what a scan flagged, decide, and export a cleaned data set."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, tell_data
from radiotracer.cli.options import DropClass, Factory, ImageSize, Json, Merge, Overwrite
from radiotracer.cli.recorded import network_of, open_like, open_with
from radiotracer.errors import DataError, InputError, RunError

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.review.export import Exported
    from radiotracer.review.influence import Evidence
    from radiotracer.review.scanned import Scanned
    from radiotracer.runs import Run


@command("review")
def review(
    scan: Annotated[Path, Parameter(help="A folder that `scan` wrote.")],
    /,
    *,
    port: Annotated[
        int, Parameter(help="Where to listen on this machine; 0 takes any free port.")
    ] = 0,
    data: Annotated[
        str | None, Parameter(help="The data that were scanned, if they moved since.")
    ] = None,
    run: Annotated[
        Path | None, Parameter(help="The run that was scanned, if it moved since.")
    ] = None,
    validation: Annotated[
        str | None,
        Parameter(
            help="Clean examples that were not trained on, to show influence on; by default those "
            "of the scan."
        ),
    ] = None,
    factory: Factory = None,
    image_size: ImageSize = None,
    folder: Annotated[
        Path | None,
        Parameter(
            name="--export",
            help="Serve nothing; write the cleaned data and the decisions into this folder, "
            "which must be new.",
        ),
    ] = None,
    merge: Merge = None,
    drop_class: DropClass = None,
    overwrite: Overwrite = False,
    browser: Annotated[
        bool, Parameter(negative="", show_default=False, help="Open the address in a browser.")
    ] = False,
    json: Json = False,
) -> int:
    """Look at the examples that a scan flagged in the browser, decide, and export cleaned data.

    Serves one page to this machine alone: a gallery, the details of each example, and keys to
    keep, relabel or drop it. Every decision is saved in the scan's folder (decisions.sqlite)
    before the page says so. --export writes the cleaned data, decisions.parquet, decisions.csv,
    CHANGES.md, and left-out.csv where something could not be read; --merge and --drop-class mend
    classes there, after the decisions. Needs the extra review.

    Example: radiotracer review scan

    Example: radiotracer review scan --export cleaned
    """
    from radiotracer.review.board import match
    from radiotracer.review.export import export, open_store, require_export_folder
    from radiotracer.review.scanned import read_scan
    from radiotracer.review.serving import serve
    from radiotracer.review.store import FILE

    scanned = read_scan(scan)
    scanned.require_classes()
    place = _Place(scanned, data, run, validation, factory, image_size)
    if folder is not None:
        require_export_folder(folder, overwrite=overwrite)
        store = open_store(scanned)
        try:
            examples = place.examples()
            match(scanned, examples)
            done = export(
                scanned,
                examples,
                store,
                folder,
                merge=merge or (),
                drop_class=drop_class or (),
                overwrite=overwrite,
            )
        finally:
            store.close()
        emit(done.as_json()) if json else _tell(done)
        return 0
    if merge or drop_class:
        raise InputError(
            expected="--export beside --merge and --drop-class",
            came="none",
            do="pass --export: classes are mended after all decisions",
        )

    def ready(address: str) -> None:
        if json:
            emit({"url": address, "scan": str(scan), "decisions": str(scan / FILE)})
        else:
            out.print(f"review    {address}")
            out.print(f"decisions {scan / FILE}")
            out.print("The address holds a key: whoever has it can decide. Ctrl-C ends the review.")
        if browser:
            webbrowser.open(address)

    decided = serve(
        scanned, port=port, examples=place.examples, evidence=place.evidence, ready=ready
    )
    err.print(f"{decided:,} of {len(scanned):,} examples are decided; all of it is saved.")
    return 0


@dataclass(frozen=True)
class _Place:
    """Where the things are that a scan was made of: as the user says, or as the scan recorded."""

    scanned: Scanned
    data: str | None
    run: Path | None
    validation: str | None
    factory: str | None
    image_size: int | None

    def recorded(self) -> Run:
        """The run, whose training may have been interrupted: it was scanned all the same."""
        from radiotracer.runs import Run

        known = self.scanned.recorded("run")
        folder = self.run or (None if known is None else Path(known))
        if folder is None:
            raise RunError(
                expected="a scan of a recorded training",
                came=f"one of {self.scanned.source.words}",
                do="pass run=, or have influence along a training by `radiotracer train` and "
                "`radiotracer scan`",
            )
        return Run.open(folder, allow_interrupted=True)

    def examples(self) -> Dataset:
        """The data that were scanned, read as they were then."""
        reading = self.scanned.reading if self.run is None else None
        options: dict[str, int | str] = dict(reading or {})
        source = self.data or self.scanned.recorded("data")
        if reading is None:
            try:
                run = self.recorded()
            except RunError:
                if self.run is not None:
                    raise
            else:
                options, source = run.info.data.options.given(), source or run.info.data.source
        if self.image_size is not None:
            options["image_size"] = self.image_size
        if source is None:
            raise DataError(
                expected="a scan that says where its data are",
                came=f"{self.scanned.folder}, which does not",
                do="pass data=",
            )
        try:
            examples = open_with(source, options)
        except DataError as error:
            if self.data is not None:
                raise
            raise DataError(
                expected=f"the scanned data at {source}, as the scan recorded",
                came=f"others or none ({error.came})",
                do="pass data= with the place where they are now",
            ) from error
        tell_data(examples)
        return examples

    def evidence(self, train: Dataset) -> Evidence:
        """What the scan kept, or the run that it is of, to compute influence with."""
        from radiotracer.influence import Tracing
        from radiotracer.review.kept import open_kept
        from radiotracer.review.traced import Traced

        source = self.validation or self.scanned.recorded("validation")
        kept = self.scanned.source.kept if self.run is None else None
        if kept is not None:
            return open_kept(kept, train, self._like(source, train))
        run = self.recorded()
        return Traced(
            tracing=Tracing.of(network_of(run, self.factory), run, train),
            train=train,
            validation=self._like(source or run.info.data.validation, train),
        )

    def _like(self, source: str | None, train: Dataset) -> Dataset | None:
        return None if source in (None, "none") else open_like(str(source), train)


def _tell(done: Exported) -> None:
    from radiotracer.review.changes import CHANGES

    before, after = done.examples
    counts = ", ".join(f"{count:,} {verb}" for verb, count in sorted(done.counts.items()))
    out.print(f"{before:,} examples became {after:,} ({counts}).")
    if done.note:
        out.print(done.note)
    out.print(f"data      {done.data} ({done.kind})")
    out.print(f"decisions {done.folder / 'decisions.parquet'}")
    out.print(f"changes   {done.folder / CHANGES}")
