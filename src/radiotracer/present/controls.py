"""Controls of an audit as a column of an Arrow table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import pyarrow as pa

CONTROLS = pa.list_(
    pa.struct(
        {"name": pa.string(), "expected": pa.string(), "came": pa.string(), "passed": pa.bool_()}
    )
)


class Checked(Protocol):
    """A control, of a finding or of evidence."""

    @property
    def name(self) -> str:
        """What was checked."""

    @property
    def expected(self) -> str:
        """What a sound test gives."""

    @property
    def came(self) -> str:
        """What it gave."""

    @property
    def passed(self) -> bool:
        """Whether that is so."""


def controls_column(controls: Iterable[Checked]) -> pa.Array:
    """One row: the list of all controls."""
    rows: list[dict[str, Any]] = [
        {"name": c.name, "expected": c.expected, "came": c.came, "passed": c.passed}
        for c in controls
    ]
    return pa.array([rows], CONTROLS)
