"""A training that was stopped goes on from its last checkpoint, with the same bits.

Beside the run, in the hidden folder ``.OUT.training``, a ledger says what is trained and holds the
state at the newest checkpoint. It is written after the checkpoint and before its predecessor is
removed, so that at any moment one of the two is whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue
from torch.optim import Optimizer

from radiotracer.files import empty_folder, require_new_folder
from radiotracer.runs import Recording, RunInfo
from radiotracer.runs.beginning import INFO_FILE, write_info
from radiotracer.runs.texts import parsed_digested
from radiotracer.scale import FolderLedger
from radiotracer.scale.keeping import kept
from radiotracer.training.moving import Moving, Stopped, keep, newest

Note = Callable[[str], None]

_OF_A_RUN = re.compile(
    r"\.?(examples\.parquet|initial\.safetensors|run\.json"
    r"|(checkpoints|steps)(/\.?\d+\.(safetensors|parquet))?)(\.\d+\.partial)?"
)


def ledger_beside(out: Path, *, replace: bool = False) -> FolderLedger:
    """Where what is needed to go on with the training in `out` is kept."""
    place = out.resolve()
    return FolderLedger(place.with_name(f".{place.name}.training"), replace=replace)


@contextmanager
def kept_training(out: Path, *, overwrite: bool, note: Note) -> Iterator[FolderLedger]:
    """The ledger of the training in `out`, for one process at a time.

    Raises:
        InputError: Another process trains into `out`, or it holds something that no training in
            it has left.
    """
    ledger = ledger_beside(out, replace=overwrite)
    if not (ledger.place.path or out).exists():
        # Before anything is made beside it.
        require_new_folder(out, marker=INFO_FILE, overwrite=overwrite)

    def worth() -> bool:
        return ledger.has_work() and (out / INFO_FILE).is_file()

    def stopped() -> None:
        note(f"what is done is kept in {out}: the same command goes on from its last checkpoint")

    with kept(ledger, worth=worth, stopped=stopped):
        yield ledger


def begin(
    ledger: FolderLedger,
    out: Path,
    about: Mapping[str, JsonValue],
    is_wanted: Callable[[RunInfo], bool],
    *,
    overwrite: bool,
    resume: bool,
    note: Note,
) -> RunInfo | Stopped | None:
    """Say what is trained into `out`, and find what there is of it.

    Args:
        ledger: Of `kept_training`.
        out: The folder of the run.
        about: All that its weights depend on.
        is_wanted: Whether a run is of this training.
        overwrite: Replace an earlier run.
        resume: Go on where this very training was stopped.
        note: Told what is not as it was written.

    Returns:
        The description of a run that is already complete, or where the training was stopped. None
        where it begins: then `out` is empty, or is not there.

    Raises:
        InputError: Another training was begun in `out`; the text names what differs. Or `out`
            holds something that must not be replaced.
    """
    if ledger.has_work() and not (out / INFO_FILE).is_file():
        _remove_unfinished(out)
        ledger.forget()  # nothing is left that it could belong to
    if overwrite and not resume:
        ledger.forget()
    if not ledger.has_work():
        require_new_folder(out, marker=INFO_FILE, overwrite=overwrite)
    goes_on = ledger.begin(about)
    found = _described(out) if goes_on else None
    if found is not None and is_wanted(found):
        if found.status == "complete":
            return found
        stopped = newest(ledger, out, note)
        if stopped is not None:
            _remove_partial(out)
            info = stopped.info.model_copy(update={"status": "recording"})
            write_info(out, info)
            return Stopped(info, stopped.files, stopped.arrays, stopped.rest)
        note(f"{out} begins anew: there is no checkpoint to go on from")
    else:
        require_new_folder(out, marker=INFO_FILE, overwrite=overwrite)
    for unit in ledger.units():
        ledger.forget(unit)
    if out.exists():
        empty_folder(out)
    return None


@dataclass
class Keeping:
    """Records a training, and keeps its state at every checkpoint.

    Args:
        ledger: Where states are kept.
        out: The folder of the run.
        found: Where the training was stopped; None where it begins.
        record: Begins the recording of what this optimiser does.
        note: Told where it goes on.
    """

    ledger: FolderLedger
    out: Path
    found: Stopped | None
    record: Callable[[Optimizer], Recording]
    note: Note
    _kept: int = 0
    _files: dict[str, str] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """How many are done."""
        return 0 if self.found is None else self.found.info.checkpoints[-1].epoch

    def recording(self, moving: Moving, every: int) -> Recording:
        """The recording from here on; `moving` is brought to where it was stopped."""
        if self.found is None:
            return self.record(moving.optimizer)
        self.found.put_back(moving, self.out)
        self._files, self._kept = dict(self.found.files), len(self.found.info.checkpoints)
        last = self.found.info.checkpoints[-1]
        self.note(f"{self.out} goes on after epoch {last.epoch} (step {last.step:,})")
        return Recording(
            self.out, moving.model, moving.optimizer, self.found.info, checkpoint_every=every
        )

    def keep(self, recording: Recording, moving: Moving) -> None:
        """Keep the state if a checkpoint has just been written.

        Raises:
            StorageError: The disk refused.
        """
        info = recording.info
        if len(info.checkpoints) > self._kept:
            self._files = keep(self.ledger, self.out, info, self._files, moving)
            self._kept = len(info.checkpoints)


def _described(out: Path) -> RunInfo | None:
    try:
        return parsed_digested(RunInfo, (out / INFO_FILE).read_bytes())
    except (OSError, ValueError):
        return None


def _remove_unfinished(out: Path) -> None:
    """Empty a folder that a recording was killed in while it began, or was emptied for one."""
    if out.is_dir():
        names = (str(each.relative_to(out)) for each in out.rglob("*"))
        if all(_OF_A_RUN.fullmatch(name) for name in names):
            empty_folder(out)


def _remove_partial(out: Path) -> None:
    """A process that was killed in the midst of a file has left it under another name."""
    for path in out.rglob(".*.partial"):
        if _OF_A_RUN.fullmatch(str(path.relative_to(out))):
            path.unlink(missing_ok=True)
