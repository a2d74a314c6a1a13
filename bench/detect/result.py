"""What a cell found, and the file that keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.detect.config import DetectConfig, Protocol
from bench.detect.repair import Repair
from radiotracer.errors import InputError
from radiotracer.files import write_text

SUCCEEDED = 0.5
"""Share of an attack's images from which on it counts as successful."""


@dataclass(frozen=True)
class Place:
    """Which cell: a recipe on a data set, by a protocol and a seed."""

    data: str
    protocol: Protocol
    recipe: str
    seed: int

    @property
    def data_name(self) -> str:
        """The data as a part of a file name: a path becomes one word."""
        return self.data.strip("/").replace("/", "-").replace(":", "-")

    @property
    def file_name(self) -> str:
        """Where the cell is kept."""
        return f"{self.data_name}--{self.protocol}--{self.recipe}--{self.seed}.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorQuality(_Frozen):
    """How well one detector found the tampered examples of one cell.

    Args:
        auroc: See `radiotracer.detectors.Detection`.
        auprc: Likewise.
        tpr_at_fpr_01: Recall where at most 1 % of the clean examples are flagged.
        tpr_at_fpr_001: Recall at 0.1 %.
        recall_at_tenth: Recall among the tenth of the examples with the highest scores.
        recall_at_fifth: Among the fifth.
        recall_at_precision: Largest recall of a list with at least the settings' precision; 0 where
            there is no such list.
        precision: Of the list that a scan gives by itself (see `Scan.quality`); None when it is
            empty.
        recall: Of that list.
        false_positive_rate: Of that list.
        clean_removed: Clean examples in that list.
        seconds: What the detector took.
    """

    auroc: float
    auprc: float
    tpr_at_fpr_01: float
    tpr_at_fpr_001: float
    recall_at_tenth: float
    recall_at_fifth: float
    recall_at_precision: float
    precision: float | None
    recall: float
    false_positive_rate: float
    clean_removed: int
    seconds: float


class Cell(_Frozen):
    """One finished cell.

    Args:
        data: The DATA argument.
        protocol: How the victim was trained.
        recipe: Name of the recipe.
        seed: The seed.
        failure: Why the recipe could not tamper; None when it did, and all else is about that.
        examples: Training examples of the victim.
        tampered: How many of them were tampered with.
        attack: "target" or "trigger"; None where labels are wrong and nothing else is wanted.
        attack_success: Share of the attack's images that the victim gives the intended class.
        attack_success_clean: The same of the clean network.
        accuracy: Share of the test examples that the victim gets right.
        accuracy_train: Share of the training examples that the victim gives the label that they
            have in the tampered data: 1 where it has memorised them.
        accuracy_clean: The same as `accuracy`, of the clean network.
        detectors: By name.
        repair: What becomes of the victim when it is trained again without the flagged examples.
        repair_failure: Why it could not be.
        left_out: Detectors that could not run, and why.
    """

    data: str
    protocol: Protocol
    recipe: str
    seed: int
    failure: str | None = None
    examples: int
    tampered: int = 0
    attack: str | None = None
    attack_success: float | None = None
    attack_success_clean: float | None = None
    accuracy: float | None = None
    accuracy_train: float | None = None
    accuracy_clean: float
    detectors: dict[str, DetectorQuality] = {}
    repair: Repair | None = None
    repair_failure: str | None = None
    left_out: dict[str, str] = {}

    @property
    def outcome(self) -> str:
        """In a word: what became of the attack."""
        if self.failure is not None:
            return "not crafted"
        if self.attack_success is None:
            return "no target"
        return "successful" if self.attack_success >= SUCCEEDED else "unsuccessful"


def keep_cell(cell: Cell, config: DetectConfig, path: Path) -> None:
    """Write a cell and the settings that it was made with, whole or not at all."""
    record = {"settings": config.settings(), "cell": cell.model_dump(mode="json")}
    write_text(path, json.dumps(record, indent=2) + "\n")


def kept_cell(path: Path, config: DetectConfig) -> Cell | None:
    """The cell in a file, or None when there is no file.

    Raises:
        InputError: It was made with other settings, or is no cell.
    """
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        settings, cell = record["settings"], Cell.model_validate(record["cell"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            expected=f"a finished cell in {path}", came="something else", do="remove the file"
        ) from error
    for name, wanted in config.settings().items():
        if settings.get(name) != wanted:
            raise InputError(
                expected=f"cells with {name} = {wanted} in {path.parent}",
                came=f"{settings.get(name)} in {path.name}",
                do="choose another --out, or the same settings",
            )
    return cell
