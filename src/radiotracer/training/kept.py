"""Trainings that are kept in a folder, so that what was stopped goes on where it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError, RunError
from radiotracer.runs import Run, put_weights
from radiotracer.scale.keeping import kept
from radiotracer.training.building import build_model, spec_for
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import CPU, train
from radiotracer.training.resuming import ledger_beside


def trained_once(
    examples: Dataset,
    config: TrainConfig,
    folder: str | os.PathLike[str],
    *,
    start: nn.Module | None = None,
    device: str | torch.device = CPU,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> tuple[Run, nn.Module]:
    """As `radiotracer.training.loop.train`, unless `folder` holds the very training that is wanted.

    That is a complete run on the same examples, with the same settings and the same beginning. One
    that was stopped goes on from its last checkpoint; anything else there is replaced.
    """
    folder = Path(folder)
    try:
        run = Run.open(folder)
        if _is_wanted(run, examples, config, start):
            _tidy(folder)
            return run, network_at_end(run)
    except RunError:
        pass
    return train(
        examples,
        config,
        folder,
        start=start,
        overwrite=True,
        device=device,
        progress=progress,
        note=note,
    )


def _tidy(folder: Path) -> None:
    """A process that was killed at the very end has left what would have let it go on."""
    ledger = ledger_beside(folder)
    if ledger.place.path is not None and ledger.place.path.exists():
        # Whoever is at it still does so itself.
        with contextlib.suppress(InputError), kept(ledger):
            ledger.forget()


def network_at_end(run: Run) -> nn.Module:
    """The reference network of a run with its last weights, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        model = build_model(run.info.model)
    put_weights(model, run.weights(run.checkpoints[-1]))
    return model.eval()


def _is_wanted(run: Run, examples: Dataset, config: TrainConfig, start: nn.Module | None) -> bool:
    info = run.info
    settings = config.model_dump(exclude={"seed", "architecture", "width"})
    same = (
        info.model == spec_for(examples, config.architecture, config.width)
        and info.seed == config.seed
        and info.settings == settings
        and info.data.digest == examples.digest
    )
    if not same or start is None:
        return same
    begun, wanted = run.initial_weights(), start.state_dict()
    return begun.keys() == wanted.keys() and all(
        torch.equal(begun[name], value.cpu()) for name, value in wanted.items()
    )
