"""How a scan is done: by whom, and where its finished units are kept."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import torch
from pydantic import JsonValue
from torch import nn

from radiotracer.data import identify
from radiotracer.detectors import Detector, identity_of
from radiotracer.errors import DataError
from radiotracer.gradients import WHOLE, Data, LossFunction, Precision, device_of
from radiotracer.influence import Tracing
from radiotracer.runs import Run
from radiotracer.scale import FolderLedger, InProcess, Ledger, Runner
from radiotracer.scanning.units import BATCHES, Opened


@dataclass(frozen=True)
class Given:
    """What a scan is asked about, as its caller gave it.

    Args:
        model: The network that was trained; its device is where the work is done.
        run: Its recording.
        train: What it was trained on.
        queries: Trusted examples, or None.
        incident: Examples that are known to be predicted wrongly, or None.
    """

    model: nn.Module
    run: Run
    train: Data
    queries: Data | None = None
    incident: Data | None = None


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
    open: Callable[[], Given] | None = None
    note: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Settings:
    """What a pass depends on besides the data: of `scan`."""

    loss: LossFunction
    layers: tuple[str, ...]
    batch_size: int
    precision: Precision = WHOLE

    def opened(self, given: Given) -> Opened:
        """Ready to be looked at."""
        tracing = Tracing.of(
            given.model,
            given.run,
            given.train,
            loss=self.loss,
            layers=self.layers,
            batch_size=self.batch_size,
            precision=self.precision,
        )
        return Opened(tracing, given.train, given.queries, given.incident)


HERE = Execution()
"""This process, and its memory."""


def opener(execution: Execution, given: Given, settings: Settings) -> Callable[[], Opened] | None:
    """What workers in other processes call first; None where the work is done in this one."""
    if isinstance(execution.runner, InProcess):
        return None
    if execution.open is None:
        return functools.partial(settings.opened, given)
    return functools.partial(_reopened, execution.open, settings, digests_of(given))


def begin(
    execution: Execution, given: Given, settings: Settings, detectors: Sequence[Detector]
) -> None:
    """Say in a folder of units what they depend on, or find that it is kept for another scan.

    Raises:
        InputError: It is; the text names what differs.
    """
    ledger, runner = execution.ledger, execution.runner
    if not isinstance(ledger, FolderLedger):
        return
    here = isinstance(runner, InProcess) and runner.threads is None
    weights = hashlib.sha256("".join(c.sha256 for c in given.run.checkpoints).encode())
    about: dict[str, JsonValue] = {
        "radiotracer": version("radiotracer"),
        "torch": str(torch.__version__),
        "threads of a worker": torch.get_num_threads() if here else 1,
        "checkpoints": weights.hexdigest(),
        "detectors": ", ".join(map(identity_of, detectors)),
        "layers": ", ".join(settings.layers) or "all that were trained",
        "loss": f"{settings.loss.__module__}.{getattr(settings.loss, '__qualname__', 'unnamed')}",
        "batch size": settings.batch_size,
        "precision": settings.precision,
        "device": device_of(given.model).type,
        "batches in a unit": ", ".join(f"{kind} {count}" for kind, count in BATCHES.items()),
        **digests_of(given),
    }
    ledger.begin(about)


def digests_of(given: Given) -> dict[str, JsonValue]:
    """The identity of the data, by what they are to the scan."""
    sides = {"training data": given.train, "queries": given.queries, "incident": given.incident}
    return {name: "none" if d is None else identify(d).digest for name, d in sides.items()}


def _reopened(
    open_given: Callable[[], Given], settings: Settings, digests: dict[str, JsonValue]
) -> Opened:
    """In a worker, which may be on another machine with other files."""
    given = open_given()
    for name, digest in digests_of(given).items():
        if digest != digests[name]:
            raise DataError(
                expected=f"the {name} of the scan in every worker",
                came=f"others in one of them ({str(digest)[:12]}... is not "
                f"{str(digests[name])[:12]}...)",
                do="give every worker the same files under the same paths",
            )
    return settings.opened(given)
