"""How a scan is done: by whom, and where its finished units are kept."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import torch
from pydantic import JsonValue

from radiotracer.data import identify
from radiotracer.detectors import Detector, identity_of
from radiotracer.errors import DataError
from radiotracer.gradients import device_of, words_of
from radiotracer.scale import FolderLedger, InProcess, Ledger, Runner
from radiotracer.scanning.inputs import ScanInputs, Side
from radiotracer.scanning.units import BATCHES


@dataclass(frozen=True)
class Execution:
    """Who does a scan; what it finds does not depend on it.

    Args:
        runner: Does the units.
        ledger: Where they are kept, so that a scan that was stopped goes on there; None is this
            process's memory.
        open: For runners of other processes: opens there what the scan was asked about, so that it
            need not be sent. It must be importable by its name (no lambda). None sends all of it.
        note: Told, in words, what a reader of a log should know.
    """

    runner: Runner = field(default_factory=InProcess)
    ledger: Ledger | None = None
    open: Callable[[], ScanInputs] | None = None
    note: Callable[[str], None] = lambda _: None


HERE = Execution()
"""This process, and its memory."""


def opener(execution: Execution, inputs: ScanInputs) -> Callable[[], ScanInputs]:
    """What whoever does units calls first: in this process it gives `inputs` themselves."""
    if isinstance(execution.runner, InProcess) or execution.open is None:
        return functools.partial(_same, inputs)
    how = {"task", "layers", "batch_size", "precision"}
    settings = {name: getattr(inputs, name) for name in how}
    return functools.partial(_reopened, execution.open, settings, digests_of(inputs))


def begin(execution: Execution, inputs: ScanInputs, detectors: Sequence[Detector]) -> None:
    """Say in a folder of units what they depend on, or find that it is kept for another scan.

    Raises:
        InputError: It is; the text names what differs.
    """
    ledger, runner = execution.ledger, execution.runner
    if not isinstance(ledger, FolderLedger):
        return
    here = isinstance(runner, InProcess) and runner.threads is None
    weights = hashlib.sha256("".join(c.sha256 for c in inputs.run.checkpoints).encode())
    about: dict[str, JsonValue] = {
        "radiotracer": version("radiotracer"),
        "torch": str(torch.__version__),
        "threads of a worker": torch.get_num_threads() if here else 1,
        "checkpoints": weights.hexdigest(),
        "detectors": ", ".join(map(identity_of, detectors)),
        "layers": ", ".join(inputs.layers) or "all that were trained",
        "loss": words_of(inputs.task),
        "batch size": inputs.batch_size,
        "precision": inputs.precision,
        "device": device_of(inputs.model).type,
        "batches in a unit": ", ".join(f"{kind} {count}" for kind, count in BATCHES.items()),
        **digests_of(inputs),
    }
    ledger.begin(about)


NAMES: dict[Side, str] = {
    "train": "training data",
    "validation": "validation data",
    "incident": "incident",
}
"""What people call the sides of a scan."""


def digests_of(inputs: ScanInputs) -> dict[str, JsonValue]:
    """The identity of the data, by what they are to the scan."""
    digests = {side: identify(data).digest for side, data in inputs.sides.items()}
    return {name: digests.get(side, "none") for side, name in NAMES.items()}


def _same(inputs: ScanInputs) -> ScanInputs:
    return inputs


def _reopened(
    opens: Callable[[], ScanInputs], settings: dict[str, Any], digests: dict[str, JsonValue]
) -> ScanInputs:
    """In a worker, which may be on another machine with other files."""
    inputs = dataclasses.replace(opens(), **settings)
    for name, digest in digests_of(inputs).items():
        if digest != digests[name]:
            raise DataError(
                expected=f"the {name} of the scan in every worker",
                came=f"others in one of them ({str(digest)[:12]}... is not "
                f"{str(digests[name])[:12]}...)",
                do="give every worker the same files under the same paths",
            )
    return inputs
