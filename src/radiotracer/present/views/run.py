"""A recorded training as people see it: from ``run.json`` alone, no checkpoint is read."""

from __future__ import annotations

import pyarrow as pa

from radiotracer.present import Figure, Glance, GlanceTable
from radiotracer.present import notebook as shown
from radiotracer.runs.run import Run
from radiotracer.views import VIEWS, View

SHOWN = 12
"""Checkpoints in the table: the last ones."""


def notebook(run: Run) -> Glance:
    """What a notebook shows: what was trained on what, and how."""
    info = run.info
    ended = info.status == "complete"
    last = info.checkpoints[-1]
    n = len(info.checkpoints)
    rows = tuple(
        (
            f"{each.step:,}",
            str(each.epoch),
            ", ".join(f"{rate:.4g}" for rate in each.learning_rates),
            each.sha256[:12],
        )
        for each in info.checkpoints[-SHOWN:]
    )
    return Glance(
        kind="run",
        title=run.folder.name or str(run.folder),
        headline=f"{n} checkpoint{'s' * (n != 1)} of a training that "
        + ("ended" if ended else "did not end"),
        tone="ordinary" if ended else "inconclusive",
        text="" if ended else "It was stopped, or goes on; later checkpoints are not in here.",
        figures=(
            Figure(name="Network", value=info.model.name.rpartition(":")[2]),
            Figure(name="Dataset", value=f"{info.data.examples:,}"),
            Figure(name="Steps", value=f"{last.step:,}", context=f"{last.epoch} passes"),
            Figure(name="Optimiser", value=info.optimizer.name),
        ),
        tables=(
            GlanceTable(
                caption="Checkpoints" if n <= SHOWN else f"The last {SHOWN} of {n} checkpoints",
                columns=("Step", "Passes", "Learning rate", "SHA-256"),
                rows=rows,
            ),
        ),
        facts=(
            ("Folder", str(run.folder)),
            ("Data", info.data.source or "given in Python"),
            ("Data SHA-256", info.data.digest),
            ("Network", f"{info.model.name} {info.model.options or ''}".strip()),
            ("Seed", str(info.seed)),
            ("Command", info.command),
            ("Created", info.created),
            ("Trained with", ", ".join(f"{name} {it}" for name, it in info.versions.items())),
        ),
    )


def frame_of(run: Run) -> pa.Table:
    """One row per checkpoint, in the order of training: ``step, epoch, learning_rates, file,
    sha256``.
    """
    checkpoints = run.info.checkpoints
    rates = [list(each.learning_rates) for each in checkpoints]
    return pa.table(
        {
            "step": pa.array([each.step for each in checkpoints], pa.int64()),
            "epoch": pa.array([each.epoch for each in checkpoints], pa.int64()),
            "learning_rates": pa.array(rates, pa.list_(pa.float64())),
            "file": pa.array([each.file for each in checkpoints], pa.string()),
            "sha256": pa.array([each.sha256 for each in checkpoints], pa.string()),
        }
    )


VIEWS.register(View(of=Run, html=lambda run: shown.render(notebook(run)), frame=frame_of))
