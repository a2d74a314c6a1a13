"""Answers of an audit that is not done yet, so that one that was stopped asks nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import JsonValue

from radiotracer.errors import InputError, StorageError
from radiotracer.files import remove_partial, storage_errors
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.models.query_lines import BEGINNING
from radiotracer.provenance.models.query_log import same_wherever
from radiotracer.provenance.release import Release
from radiotracer.scale import FolderLedger
from radiotracer.scale.keeping import kept


@contextmanager
def answers_kept(
    out: Path,
    about: Mapping[str, JsonValue],
    *,
    overwrite: bool = False,
    budgeted: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[FolderLedger, Path]]:
    """A hidden folder beside `out` for the logs of an audit, and a ledger of what else it makes.

    Answers give coins of the key away: the folder is closed to other users. It is removed when all
    went well, or nothing in it is worth to go on with. Whatever else ends the audit, answers stay:
    they may have cost something, and the next try may succeed. One process at a time uses it.

    Args:
        out: What the audit writes in the end.
        about: Everything that the answers belong to, in words that people understand.
        overwrite: Whether the answers of another audit are removed instead of refused.
        budgeted: Whether what was sent is worth keeping though nothing came: it counts.
        note: Told where answers are kept, when the audit was stopped.

    Raises:
        InputError: Answers of another audit are there, and the text names what differs; or another
            process is at work.
        StorageError: The disk refused.
    """
    place = out.resolve()
    folder = place.with_name(f".{place.name}.auditing")
    ledger = FolderLedger(folder)
    with kept(ledger, stays=True):
        remove_partial(out)
        try:
            _begin(ledger, folder, about, overwrite=overwrite)
            yield ledger, folder
        except BaseException as error:
            if not ledger.begun and ledger.has_work():
                raise
            if _worth_keeping(ledger, folder, error, budgeted=budgeted):
                note(f"what was answered is kept in {folder}: the same command goes on")
            else:
                _forget(ledger, folder)
            raise
        _forget(ledger, folder)


def what_is_asked(
    release: Release, suspect: Suspect, *, access: Access, inputs: Inputs
) -> dict[str, JsonValue]:
    """What the answers of an audit belong to; nothing of it tells anything of the key.

    Args:
        release: What was marked.
        suspect: Who is asked.
        access: What is used of it, and of references.
        inputs: What else the audit has.
    """
    held_out, control_keys = inputs.held_out, inputs.control_keys
    about: dict[str, JsonValue] = {
        "commitment": release.commitment.digest,
        "access": access,
        "held-out data": None if held_out is None else held_out.digest,
        "control keys": control_keys,
    }
    if control_keys is not None:  # marks are computed, and have other last bits elsewhere
        about["radiotracer"] = version("radiotracer")
        about["torch"] = str(torch.__version__)
        about["threads"] = torch.get_num_threads()
    names = ["suspect", *(f"reference {number}" for number in range(1, len(inputs.references) + 1))]
    for name, asked in zip(names, (suspect, *inputs.references), strict=True):
        for what, value in same_wherever(asked.identity).items():
            about[f"{name}'s {what}"] = value
    return about


def _begin(
    ledger: FolderLedger, folder: Path, about: Mapping[str, JsonValue], *, overwrite: bool
) -> None:
    try:
        ledger.begin(about)
    except StorageError:
        raise
    except InputError:
        if not overwrite:
            raise
        # Answers go first: what stays must never pass for another audit's.
        _remove_logs(folder)
        ledger.forget()
        ledger.begin(about)
    with storage_errors(folder):
        folder.chmod(0o700)


def _worth_keeping(
    ledger: FolderLedger, folder: Path, error: BaseException, *, budgeted: bool
) -> bool:
    logs = [log.read_bytes() for log in _logs(folder)]
    if any(b'"example":' in log or not log.startswith(BEGINNING) for log in logs):
        return True  # answers, or what may have been some
    if budgeted and any(b'"asked":' in log for log in logs):
        return True
    # What was computed serves nobody when what was asked for cannot be done.
    impossible = isinstance(error, InputError) and not isinstance(error, StorageError)
    return not impossible and not ledger.is_empty()


def _forget(ledger: FolderLedger, folder: Path) -> None:
    _remove_logs(folder)
    ledger.remove()


def _remove_logs(folder: Path) -> None:
    with storage_errors(folder):
        for log in _logs(folder):
            log.unlink(missing_ok=True)


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))
