"""A scan or an audit in a run of Weights & Biases."""

from __future__ import annotations

import os
from typing import Any

from radiotracer.errors import InputError
from radiotracer.integrations.logged import imported, logged


def log_to_wandb(folder: str | os.PathLike[str], *, run: Any = None) -> None:
    """Log parameters, metrics, a table and the files of a scan or an audit to a run.

    Parameters become its config, metrics its summary, files one artefact; answers of suspects,
    decisions of a review and everything sealed stay here. Whether anything leaves the machine is
    the run's setting (``mode="offline"``).

    Args:
        folder: What `radiotracer scan` or `radiotracer audit` wrote.
        run: What `wandb.init` gave; None is the active run.

    Raises:
        InputError: The folder is neither, no run is active, or wandb is not installed.
    """
    told, wandb = logged(folder), imported("wandb")
    run = run or wandb.run
    if run is None:
        raise InputError(
            expected="a run of wandb", came="none", do="call wandb.init first, or pass its run"
        )
    run.config.update({f"{told.kind}.{name}": value for name, value in told.parameters.items()})
    run.summary.update({f"{told.kind}/{name}": value for name, value in told.metrics.items()})
    rows = [list(row.values()) for row in told.table.to_pylist()]
    table = wandb.Table(columns=told.table.column_names, data=rows)
    run.log({f"{told.kind}/{told.table_name}": table})
    artefact = wandb.Artifact(f"radiotracer-{told.kind}-{run.id}", type=f"radiotracer-{told.kind}")
    for path in told.files:
        artefact.add_file(str(path))
    run.log_artifact(artefact)
