"""What a notebook shows of a recorded training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radiotracer.runs.run import Run

SHOWN = 12
"""Checkpoints in the table: the last ones."""


def html(run: Run) -> str:
    """The display, from ``run.json`` alone: no checkpoint is read."""
    # Here, because pages need libraries that runs do not.
    from radiotracer.present import Figure, Glance, GlanceTable, notebook

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
    glance = Glance(
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
    shown: str = notebook.render(glance)
    return shown
