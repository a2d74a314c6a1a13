"""How long `radiotracer check` takes in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import seconds

PHOTOGRAPHS = 5_000
WRONG = 0.1


def timed(folder: Path, seed: int) -> dict[str, Any]:
    """Seconds of a first check, and of a second one at another rate, which finds the features.

    A random part of the photographs is copied into class folders, a tenth of them wrong ones.
    """
    generator = np.random.default_rng(seed)
    files = sorted((folder / "train").glob("*/*.jpg"))
    classes = sorted({file.parent.name for file in files})
    some = generator.permutation(len(files))[:PHOTOGRAPHS]
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "photographs"
        for name in classes:
            (data / name).mkdir(parents=True)
        for number, row in enumerate(some):
            own = classes.index(files[row].parent.name)
            by = generator.integers(1, len(classes)) if number < WRONG * len(some) else 0
            name = classes[(own + int(by)) % len(classes)]
            shutil.copy(files[row], data / name / f"{number:05}.jpg")
        command = [sys.executable, "-m", "radiotracer", "check", str(data)]
        environment = {**os.environ, "RADIOTRACER_CACHE": f"{place}/cache"}

        def run(*options: str) -> None:
            done = subprocess.run(
                [*command, "--out", f"{place}/checked", *options],
                check=False,
                capture_output=True,
                env=environment,
                text=True,
            )
            if done.returncode not in (0, 1):
                sys.exit(done.stderr)

        began = os.getloadavg()[0]
        first, second = seconds(run), seconds(lambda: run("--fdr", "0.1"))
    return {
        "first": round(first, 1),
        "second": round(second, 1),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(began, 1), round(os.getloadavg()[0], 1)],
    }
