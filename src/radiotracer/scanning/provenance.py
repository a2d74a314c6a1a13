"""What a page tells of the training that it speaks of."""

from __future__ import annotations

from typing import Any

from radiotracer.data import Dataset
from radiotracer.gradients import Data
from radiotracer.influence import Tracing
from radiotracer.runs.schema import DataOptions


def name_of(source: str | None) -> str:
    """A short name for data: the last part of where they come from."""
    return (source or "your data").rstrip("/").rpartition("/")[2]


def source_of(data: Data | None) -> str | None:
    """The DATA argument that opens these again; None for data in memory, and for none."""
    return data.source if isinstance(data, Dataset) else None


def reading_of(data: Data | None) -> dict[str, Any] | None:
    """What else `open_data` was told then, as JSON has it; None of data in memory, and of none."""
    if not isinstance(data, Dataset):
        return None
    options = DataOptions(**data.options).model_dump(mode="json")
    return {name: value for name, value in options.items() if value not in (None, [])}


def training_rows(tracing: Tracing) -> list[tuple[str, str]]:
    """What was trained on what and how, and what of it is traced: (name, value)."""
    info = tracing.run.info
    rates = [format(max(c.learning_rates), ".4g") for c in info.checkpoints]
    traced = tracing.objective.traced
    parameters = sum(value.numel() for value in tracing.objective.parameters().values())
    return [
        ("Training command", info.command),
        (
            "Training data",
            f"{info.data.source or 'given in Python'}, {info.data.examples} examples",
        ),
        ("Data SHA-256", info.data.digest),
        ("Network", f"{info.model.name} {info.model.options or ''}".strip()),
        ("Traced", f"{len(traced)} tensors, {parameters:,} parameters"),
        ("Optimiser", info.optimizer.name),
        ("Training settings", ", ".join(f"{k}={v}" for k, v in info.settings.items()) or "unknown"),
        ("Training seed", "unknown" if info.seed is None else str(info.seed)),
        ("Checkpoints", ", ".join(f"step {c.step}" for c in info.checkpoints)),
        ("Learning rates", ", ".join(rates)),
        ("Last checkpoint SHA-256", info.checkpoints[-1].sha256),
        ("Trained with", ", ".join(f"{k} {v}" for k, v in info.versions.items())),
    ]
