"""Features of a data set: computed in stretches, by anybody, once; kept by what they depend on."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.backbone import Backbone, Look
from radiotracer.backbones.checked import Checking, as_vectors
from radiotracer.backbones.shelf import FILE, LIMIT, finished, key_of, prune
from radiotracer.data import Dataset, cache_folder
from radiotracer.data.npy import NpyWriter
from radiotracer.errors import DataError, InputError, StorageError
from radiotracer.files import atomic_file
from radiotracer.scale import (
    FolderLedger,
    InProcess,
    Ledger,
    MemoryLedger,
    Note,
    Result,
    Runner,
    finish,
    result_of,
)
from radiotracer.scale.keeping import LOCK, kept

STRETCH = 512
"""Examples of a unit: some seconds of a processor's work on photographs."""

WAIT_S = 0.5
"""Between two looks at what another process computes."""

Progress = Callable[[str, int, int], None]
"""Told what is done, how many examples of it are done, and how many there are."""

Opens = Callable[[], Dataset]


@dataclass(frozen=True)
class LookingWork:
    """What workers are told.

    Args:
        open: Gives the data.
        backbone: The backbone's `open`.
        train: Gives the training data, which the backbone may be fitted to.
        name: Of the backbone.
        stretch: Examples of a unit.
    """

    open: Opens
    backbone: Callable[[Dataset], Look]
    train: Opens
    name: str
    stretch: int

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        """Open the data and the backbone, once in each process."""
        data = self.open()
        return functools.partial(self._do, data, self.backbone(self.train()))

    def units(self, count: int) -> list[str]:
        """The names of the units of so many examples."""
        return [f"rows-{start:012d}" for start in range(0, count, self.stretch)]

    def rows(self, unit: str, count: int) -> slice:
        """The examples of a unit, of so many."""
        start = int(unit.removeprefix("rows-"))
        return slice(start, min(start + self.stretch, count))

    def _do(self, data: Dataset, look: Look, unit: str) -> Result:
        rows = self.rows(unit, len(data))
        return Result({"features": as_vectors(look(data, rows), _length(rows), self.name)})


def features_of(
    data: Dataset,
    backbone: Backbone,
    *,
    train: Dataset | None = None,
    cache: Path | None = None,
    runner: Runner | None = None,
    opens: Opens | None = None,
    progress: Progress = lambda *_: None,
    note: Note = lambda _: None,
    limit: int = LIMIT,
) -> NDArray[np.float32]:
    """The vectors of all examples, computed, or found where they were kept.

    They are kept under the SHA-256 of what the examples hold and of the backbone's identity, so
    that data with other labels have the same. A computation that was stopped goes on. What a
    backbone is fitted to, or a caller's own code computes, is not kept.

    Args:
        data: The examples; their labels are not looked at.
        backbone: Which, as `backbone_of` gives it.
        train: The training data, where `data` are others, such as the validation data.
        cache: The folder in which features are kept; None is ``features`` in `cache_folder`.
        runner: Who computes; None is this process. Features that are not kept are computed here.
        opens: For runners of other processes: opens `data` there, so that they need not be sent.
            They must be able to import it.
        progress: Told how many examples are done.
        note: Told, in words, what a reader of a log should know.
        limit: Bytes that all that is kept may have; beyond it the oldest are removed.

    Returns:
        float32, shape (n, d), finite; a read-only map of a file where they are kept.

    Raises:
        InputError: The backbone is for other examples, gives no vectors, or the same for all.
        NotFiniteError: NaN or infinity among the features.
        StorageError: The disk refused.
        WorkerError: Workers died again and again.
    """
    backbone.require(data.modality.name)
    fitted = functools.partial(_same, data if train is None else train)
    if backbone.fits or not backbone.kept:
        work = LookingWork(
            functools.partial(_same, data), backbone.open, fitted, backbone.name, STRETCH
        )
        return _in_memory(work, data, progress, note)
    key = key_of(data, backbone)
    shelf = cache if cache is not None else cache_folder() / "features"
    while True:
        found = finished(shelf / key, len(data))
        if found is not None:
            return found
        alone = False
        try:
            with kept(FolderLedger(shelf / key)) as ledger:
                alone = True
                if finished(shelf / key, len(data)) is None:
                    runner = runner or InProcess()
                    open_there = _opener(data, runner, opens)
                    work = LookingWork(
                        open_there, backbone.open, open_there, backbone.name, STRETCH
                    )
                    ledger.begin({"backbone": backbone.identity, "examples": len(data)})
                    _look(work, data, ledger, runner, progress=progress, note=note)
                    _join(work, data, ledger, shelf / key / FILE)
        except InputError as error:
            if alone or isinstance(error, StorageError):
                raise
            _wait(shelf / key, len(data), note)
        else:
            prune(shelf, key, limit)


def _in_memory(
    work: LookingWork, data: Dataset, progress: Progress, note: Note
) -> NDArray[np.float32]:
    ledger = MemoryLedger()
    _look(work, data, ledger, InProcess(), progress=progress, note=note)
    return np.concatenate(list(_checked(work, data, ledger)))


def _look(
    work: LookingWork,
    data: Dataset,
    ledger: Ledger,
    runner: Runner,
    *,
    progress: Progress,
    note: Note,
) -> None:
    """Do the units that are not finished."""
    units = work.units(len(data))
    done = 0

    def begun(missing: list[list[str]]) -> None:
        nonlocal done
        done = len(data) - sum(_length(work.rows(unit, len(data))) for unit in missing[0])
        progress("features", done, len(data))

    def tell(unit: str) -> None:
        nonlocal done
        done += _length(work.rows(unit, len(data)))
        progress("features", done, len(data))

    finish(work, [units], ledger, runner, begun=begun, tell=tell, note=note)


def _checked(work: LookingWork, data: Dataset, ledger: Ledger) -> Generator[NDArray[np.float32]]:
    """The features of each unit in order; after the last one, an error if they cannot be used."""
    checking = Checking(work.name, data.modality.noun)
    for unit in work.units(len(data)):
        part = result_of(ledger, unit).arrays["features"]
        checking.see(part)
        yield part
    checking.require()


def _join(work: LookingWork, data: Dataset, ledger: Ledger, path: Path) -> None:
    """Write all units into one file, which appears if its features can be used."""
    with closing(_checked(work, data, ledger)) as parts, atomic_file(path) as temporary:
        first = next(parts)
        with NpyWriter(temporary, first.dtype, first.shape[1:]) as writer:
            writer.append(first)
            for part in parts:
                writer.append(part)


def _wait(folder: Path, count: int, note: Note) -> None:
    """Another process computes the same: look again from time to time, until it has or is gone."""
    note("another process computes these features: waiting for it")
    lock = folder / LOCK
    while lock.exists() and finished(folder, count) is None and _is_held(lock):
        time.sleep(WAIT_S)


def _is_held(lock: Path) -> bool:
    import fcntl

    try:
        with lock.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _opener(data: Dataset, runner: Runner, opens: Opens | None) -> Opens:
    if opens is None or isinstance(runner, InProcess):
        return functools.partial(_same, data)
    return functools.partial(_reopened, opens, data.digest)


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _same(data: Dataset) -> Dataset:
    return data


def _reopened(opens: Callable[[], Any], digest: str) -> Dataset:
    """In a worker, which may be on another machine with other files."""
    data: Dataset = opens()
    if data.digest != digest:
        raise DataError(
            expected="the same data in every worker",
            came=f"others in one of them ({data.digest[:12]}... is not {digest[:12]}...)",
            do="give every worker the same files under the same paths",
        )
    return data
