"""Which units of a scan did not fit into memory in whole batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from radiotracer.detectors import Detector
from radiotracer.scale import FolderLedger, Ledger, result_of
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.passes import DIVIDED
from radiotracer.scanning.units import Opened, ScanWork


def divided_units(
    opened: Opened, detectors: Sequence[Detector], execution: Execution
) -> tuple[str, ...]:
    """One sentence about the units that were done in smaller passes; none where there are none.

    Args:
        opened: What was scanned.
        detectors: Those that ran.
        execution: With the ledger that holds the finished units.
    """
    assert execution.ledger is not None  # noqa: S101
    stages = ScanWork(lambda: opened, tuple(detectors)).stages(opened)
    names = [unit.name for units in stages.values() for unit in units]
    sizes = [set(facts[DIVIDED]) for facts in _facts(execution.ledger, names) if DIVIDED in facts]
    if not sizes:
        return ()
    passed = ", ".join(f"{size:,}" for size in sorted(set().union(*sizes), reverse=True))
    return (
        f"Memory ran out: {len(sizes):,} of {len(names):,} units were done in passes of fewer than "
        f"{opened.tracing.batch_size:,} examples ({passed}), so their last bits may differ from "
        "those of another scan. A smaller --batch-size gives the same bits everywhere.",
    )


def _facts(ledger: Ledger, units: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    """What units say of themselves, without their arrays where these lie in files."""
    for unit in units:
        if isinstance(ledger, FolderLedger):
            described = ledger.place.read(f"{unit}.json")
            yield {} if described is None else json.loads(described)["facts"]
        else:
            yield result_of(ledger, unit).facts
