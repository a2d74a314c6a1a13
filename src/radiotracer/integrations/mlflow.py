"""A scan or an audit in an MLflow run."""

from __future__ import annotations

import os

from radiotracer.errors import InputError
from radiotracer.integrations.logged import imported, logged


def log_to_mlflow(folder: str | os.PathLike[str], *, run_id: str | None = None) -> str:
    """Log parameters, metrics, a table and the files of a scan or an audit to MLflow.

    They go where `mlflow` is set to, under ``radiotracer/``; answers of suspects, decisions of a
    review and everything sealed stay here. MLflow's own telemetry is MLflow's to switch off
    (``MLFLOW_DISABLE_TELEMETRY=true``).

    Args:
        folder: What `radiotracer scan` or `radiotracer audit` wrote.
        run_id: The run; None is the active one.

    Returns:
        The run's id.

    Raises:
        InputError: The folder is neither, no run is active, or MLflow is not installed.
    """
    told, mlflow = logged(folder), imported("mlflow")
    active = mlflow.active_run()
    if run_id is None and active is None:
        raise InputError(
            expected="an MLflow run", came="none", do="call it within `with mlflow.start_run():`"
        )
    run = run_id or str(active.info.run_id)
    client, place = mlflow.MlflowClient(), f"radiotracer/{told.kind}"
    for name, value in told.parameters.items():
        client.log_param(run, f"{told.kind}.{name}", value)
    for name, number in told.metrics.items():
        client.log_metric(run, f"{told.kind}/{name}", number)
    client.log_table(run, told.table.to_pydict(), f"{place}/{told.table_name}.json")
    for path in told.files:
        client.log_artifact(run, str(path), place)
    return run
