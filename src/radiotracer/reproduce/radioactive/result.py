"""One cell of the audit benchmark: a suspect, and what every audit says of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from radiotracer.errors import InputError
from radiotracer.files import write_text
from radiotracer.reproduce.radioactive.config import AuditConfig, SuspectKind
from radiotracer.training.augment import Variation


class Place(NamedTuple):
    """Which cell: everything but the settings that all cells share."""

    data: str
    design: str
    share: float
    radius: int
    augment: Variation
    suspect: SuspectKind
    seed: int

    @property
    def file_name(self) -> str:
        """Of the cell's JSON."""
        data = "".join(c if c.isalnum() else "-" for c in self.data).strip("-")
        if data != self.data:  # a path: others may look the same without their slashes
            data += "-" + hashlib.sha256(self.data.encode()).hexdigest()[:8]
        marks = (self.design, f"{self.share:g}", self.radius)
        parts = (data, *marks, self.suspect, self.augment, self.seed)
        return "_".join(map(str, parts)) + ".json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AuditOf(_Frozen):
    """What one audit said.

    Args:
        log10_p: Of the test.
        effect: Effect size, in the test's own terms.
        coins: Independent random choices that it stood on.
        controls_passed: Whether all controls passed.
    """

    log10_p: float
    effect: float
    coins: int
    controls_passed: bool


class AuditCell(_Frozen):
    """One finished cell.

    Args:
        data: The DATA argument.
        design: What was planted.
        share: Which share of the examples was marked.
        radius: The largest change allowed, in grey levels.
        augment: How the suspect varied its images.
        suspect: What the suspect is.
        seed: Of the key and the suspect.
        marked: How many examples were marked.
        psnr: Mean over the marked images, in decibels.
        psnr_lowest: The lowest of them.
        accuracy: Of the suspect on the test split.
        accuracy_clean: The mean of the references; None where there are none.
        learned: Share of the marked images that the suspect gives their label.
        audits: Of the suspect, by name.
        innocent: The same of a network that was trained on the originals (the first reference,
            with the others as its references).
    """

    data: str
    design: str
    share: float
    radius: int
    augment: Variation
    suspect: SuspectKind
    seed: int
    marked: int
    psnr: float
    psnr_lowest: float
    accuracy: float
    accuracy_clean: float | None
    learned: float
    audits: dict[str, AuditOf]
    innocent: dict[str, AuditOf]


def keep_cell(cell: AuditCell, config: AuditConfig, path: Path) -> None:
    """Write a cell and the settings that it was made with, whole or not at all."""
    record = {"settings": config.settings(), "cell": cell.model_dump(mode="json")}
    write_text(path, json.dumps(record, indent=2) + "\n")


def kept_cell(path: Path, config: AuditConfig) -> AuditCell | None:
    """The cell in a file, or None when there is no file.

    Raises:
        InputError: It was made with other settings, or is no cell.
    """
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        settings, cell = record["settings"], AuditCell.model_validate(record["cell"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            expected=f"a finished cell in {path}", came="something else", do="remove the file"
        ) from error
    for name, wanted in config.settings().items():
        if settings.get(name) != wanted:
            raise InputError(
                expected=f"cells with {name} = {wanted} in {path.parent}",
                came=f"{settings.get(name)} in {path.name}",
                do="choose another out=, or the same settings",
            )
    return cell
