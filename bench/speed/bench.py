"""The whole comparison: every job asked for, one after the other."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from bench.speed.case import Case, CaseSpec, open_case
from bench.speed.config import SpeedConfig
from bench.speed.growth import grow
from bench.speed.jobs import JOB_NAMES, JOBS, Job
from bench.speed.measure import compare
from bench.speed.method import Budget, Formula, Method
from bench.speed.peak import peak_memory
from bench.speed.peers import methods_of, require_peers
from bench.speed.result import Growth, JobResult, Machine, SpeedResult
from radiotracer.data import cache_folder
from radiotracer.errors import InputError

Progress = Callable[[str, int, int], None]
"""Takes a job's name, how many of its runs are done, and how many there are."""


def run_speed(
    config: SpeedConfig,
    names: Sequence[str] = (),
    *,
    folder: Path | None = None,
    progress: Progress = lambda *_: None,
    keep: Callable[[SpeedResult], None] = lambda _: None,
) -> SpeedResult:
    """Compare our exact tracers with the peers, and follow them to larger sizes.

    Args:
        config: Sizes.
        names: Jobs; empty means all.
        folder: Where trainings are kept; by default a folder in the cache.
        progress: Told of every run.
        keep: Given what there is after every job, so that a long comparison can be interrupted.

    Raises:
        InputError: No job of that name, or a peer is missing.
    """
    unknown = [name for name in names if name not in JOB_NAMES]
    if unknown:
        raise InputError(
            expected=f"jobs among {', '.join(JOB_NAMES)}", came=unknown[0], do="choose one of them"
        )
    require_peers(config.peers)
    folder = folder or cache_folder() / "bench"
    result = SpeedResult(_machine(config.peers), config.model_dump(), (), ())
    for name in names or JOB_NAMES:
        tell = _teller(name, progress)
        if name in JOBS:
            done = _run_job(name, JOBS[name], config, folder, tell)
            result = dataclasses.replace(result, jobs=(*result.jobs, done))
        else:
            grown = _run_growth(name, config, folder, tell)
            result = dataclasses.replace(result, growth=(*result.growth, *grown))
        keep(result)
    return result


def _run_job(
    name: str, job: Job, config: SpeedConfig, folder: Path, progress: Callable[[int, int], None]
) -> JobResult:
    spec = job.spec(config)
    budget = Budget(config.gradient_memory)
    case = open_case(spec, folder)

    def peak(method: Method, measured: Case) -> int | None:
        train, queries = len(measured.train[0]), len(measured.queries[0])
        at = dataclasses.replace(spec, train=train, queries=queries)
        return peak_memory(job.formula, method, at, budget, folder)

    rows = compare(
        methods_of(job.formula, peers=config.peers),
        case,
        budget,
        part=(config.part, config.part_queries),
        rounds=config.rounds,
        peak=peak,
        progress=progress,
    )
    return JobResult(
        name=name,
        title=job.title,
        network=f"{spec.network}, width {spec.width}",
        parameters=case.parameters,
        checkpoints=len(case.checkpoints),
        train=spec.train,
        queries=spec.queries,
        rounds=config.rounds,
        rows=rows,
    )


def _run_growth(
    name: str, config: SpeedConfig, folder: Path, progress: Callable[[int, int], None]
) -> list[Growth]:
    budget = Budget(config.gradient_memory)

    def peak(formula: Formula, method: Method, spec: CaseSpec) -> int | None:
        return peak_memory(formula, method, spec, budget, folder)

    return list(grow(name, config, folder, peak=peak, progress=progress))


def _teller(name: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, of: progress(name, done, of)


def _machine(peers: Sequence[str]) -> Machine:
    versions = {"python": platform.python_version()}
    for package in ("radiotracer", "torch", *peers):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return Machine(platform.machine(), torch.get_num_threads(), versions)
