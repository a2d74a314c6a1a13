"""Peak memory of one method in a process of its own, above the loaded network and data (Linux).

python -m bench.speed.peak   reads the job from standard input and prints bytes as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import torch

from bench.speed.case import CaseSpec, open_case
from bench.speed.method import Budget, Formula, Method
from bench.speed.peers import methods_of
from bench.timing import MARK, frugal, high_water


def peak_memory(
    formula: Formula, method: Method, spec: CaseSpec, budget: Budget, folder: Path
) -> int | None:
    """Bytes that `method` needs at most beyond the loaded network and data; None if unknown.

    Args:
        formula: The method's formula.
        method: What to run.
        spec: The case, at the size that the method is measured on; its training exists.
        budget: Memory for the peers' gradients.
        folder: Where trainings are kept.
    """
    if not MARK.exists():
        return None
    job = {
        "formula": formula,
        "method": method.name,
        "peers": [method.library],
        "spec": dataclasses.asdict(spec),
        "gigabytes": budget.gigabytes,
        "folder": str(folder),
        "threads": torch.get_num_threads(),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.speed.peak"],
        input=json.dumps(job),
        env=frugal(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode < 0:  # killed, for want of memory: the times are worth keeping
        return None
    if done.returncode:
        raise RuntimeError(f"measuring the memory of {method.name} failed: {done.stderr[-2000:]}")
    return int(json.loads(done.stdout))


def _measure(job: dict[str, object]) -> int:
    torch.set_num_threads(int(str(job["threads"])))
    spec = CaseSpec(**job["spec"])  # type: ignore[arg-type]
    budget = Budget(float(str(job["gigabytes"])))
    methods = methods_of(job["formula"], peers=job["peers"])  # type: ignore[arg-type]
    (method,) = [each for each in methods if each.name == job["method"]]
    case = open_case(spec, Path(str(job["folder"])))
    # Libraries and kernels are loaded before the mark.
    method.scores(case.part(2, min(2, spec.queries)), budget)
    MARK.write_text("5")  # the high-water mark starts here
    before = high_water()
    method.scores(case, budget)
    return high_water() - before


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
