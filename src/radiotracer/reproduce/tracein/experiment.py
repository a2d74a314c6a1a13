"""Train with and without tampered points, ask both networks about them, and judge the answers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from radiotracer.errors import InputError
from radiotracer.files import require_new_folder, write_text
from radiotracer.recipes import success
from radiotracer.reproduce.tracein.config import TraceInConfig
from radiotracer.reproduce.tracein.methods import score_all
from radiotracer.reproduce.tracein.points import KINDS, Kind, Setting, points_of, setting_of
from radiotracer.reproduce.tracein.result import Found, TraceInResult, Trial
from radiotracer.scanning import Progress
from radiotracer.training.kept import trained_once
from radiotracer.training.predictions import accuracy

RESULT_FILE = "result.json"
RUNS = "runs"
COLUMNS = ("clean model", "poisoned model")


def run_tracein(
    config: TraceInConfig, out: Path | None = None, *, progress: Progress = lambda *_: None
) -> TraceInResult:
    """Run the experiment.

    Args:
        config: Sizes.
        out: Gets ``result.json`` after every trial, and ``runs/``, where finished trainings are
            found again when the experiment is started again. None keeps nothing.
        progress: Told how many trials are done.

    Raises:
        InputError: `out` holds other things.
        DataError: The data cannot be used.
    """
    if out is not None:
        require_new_folder(out, marker=RESULT_FILE, overwrite=True)
    result = TraceInResult(config.model_dump(mode="json"), ())
    _keep(result, out)
    with _home(out) as home:
        for seed in config.seeds:
            setting = setting_of(config, seed)
            for kind in KINDS:
                trial = _trial(kind, setting, config, seed, home / str(seed))
                result = dataclasses.replace(result, trials=(*result.trials, trial))
                _keep(result, out)
                progress("trials", len(result.trials), len(config.seeds) * len(KINDS))
    return result


def _trial(kind: Kind, setting: Setting, config: TraceInConfig, seed: int, home: Path) -> Trial:
    training = config.training(seed)
    clean_run, clean = trained_once(setting.clean, training, home / "clean")
    try:
        points = points_of(kind, setting, clean, config, seed)
    except InputError as error:
        return Trial(seed, kind, str(error), 0, 0, {}, {}, {})
    poisoned_run, poisoned = trained_once(points.train, training, home / kind.replace(" ", "-"))
    networks = dict(zip(COLUMNS, ((clean, clean_run), (poisoned, poisoned_run)), strict=True))
    found = {}
    for column, (model, run) in networks.items():
        scored = score_all(
            model,
            run,
            points.asked,
            queries=points.queries,
            validation=points.validation,
            gamma=config.gamma,
            seed=seed,
        )
        found[column] = {
            name: Found.of(each, points.is_tampered, config.tampered)
            for name, each in scored.items()
        }
    attack = points.attack
    return Trial(
        seed=seed,
        kind=kind,
        failure=None,
        tampered=int(points.is_tampered.sum()),
        asked=len(points.asked),
        attack_success={}
        if attack is None
        else {column: success(model, attack) for column, (model, _) in networks.items()},
        accuracy={column: accuracy(model, setting.test) for column, (model, _) in networks.items()},
        found=found,
    )


def _keep(result: TraceInResult, out: Path | None) -> None:
    if out is not None:
        write_text(out / RESULT_FILE, json.dumps(dataclasses.asdict(result), indent=2) + "\n")


@contextlib.contextmanager
def _home(out: Path | None) -> Iterator[Path]:
    if out is not None:
        yield out / RUNS
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
