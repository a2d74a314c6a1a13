"""How much a mark shows: mark, train suspects, and audit them.

    python -m bench audit [--quick] [--designs tags] [--shares 0.01 0.05] [--out bench-audit]

Each cell marks a data set under a key of its own, trains a suspect on what was published, and
audits it in every way that the design allows; networks that were trained on the originals are
audited, too, and their accuracy is compared. The folder gets one JSON for each cell and table.md; a
benchmark that was stopped goes on where it was, and networks are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.presets import emit_cells, over
from radiotracer.cli.console import err, out, progress
from radiotracer.reproduce.radioactive import QUICK, AuditConfig, markdown, run_audits


def main(
    *,
    config: Annotated[AuditConfig, Parameter(name="*")] = AuditConfig(),  # noqa: B008 - frozen
    quick: bool = False,
    folder: Annotated[Path, Parameter(name="--out")] = Path("bench-audit"),
    json: bool = False,
) -> None:
    """Print the table.

    Args:
        quick: One cell of few examples: minutes.
        folder: What is finished there is not done again.
        json: Print one JSON object instead of text.
    """
    config = over(config, QUICK if quick else {})
    with progress() as reporter:
        cells = run_audits(config, folder, progress=reporter, report=err.print)
    if json:
        emit_cells(config, cells)
        return
    for line in markdown(cells, config).splitlines():
        out.print(line)
