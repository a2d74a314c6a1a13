"""Which units of a scan did not fit into memory in whole batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from radiotracer.scale import FolderLedger, Ledger, result_of
from radiotracer.scanning.passes import DIVIDED


def divided_units(units: Sequence[str], ledger: Ledger, batch_size: int) -> tuple[str, ...]:
    """One sentence about the units that were done in smaller passes; none where there are none.

    Args:
        units: The names of all units of a scan.
        ledger: Where they are kept.
        batch_size: How many examples a pass should have taken.
    """
    sizes = [set(facts[DIVIDED]) for facts in _facts(ledger, units) if DIVIDED in facts]
    if not sizes:
        return ()
    passed = ", ".join(f"{size:,}" for size in sorted(set().union(*sizes), reverse=True))
    return (
        f"Memory ran out: {len(sizes):,} of {len(units):,} units were done in passes of fewer than "
        f"{batch_size:,} examples ({passed}), so their last bits may differ from "
        "those of another scan. A smaller batch size gives the same bits everywhere.",
    )


def _facts(ledger: Ledger, units: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    """What units say of themselves, without their arrays where these lie in files."""
    for unit in units:
        if isinstance(ledger, FolderLedger):
            described = ledger.place.read(f"{unit}.json")
            yield {} if described is None else json.loads(described)["facts"]
        else:
            yield result_of(ledger, unit).facts
