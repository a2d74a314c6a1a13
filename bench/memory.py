"""How the memory that a scan needs grows with the data.

    python -m bench memory [--sizes 1000 10000 100000 1000000] [--out FILE]

For each size: synthetic examples (16 x 16 grey pixels, ten classes, each with its own bright
square) are written to disk a stretch at a time, a small network takes 200 recorded steps on them,
and `radiotracer scan` looks at all of them with one worker. Each part runs in a process of its
own. Reported is the most memory that the scan's process and its worker ever had resident (VmHWM,
in MB of 10^6 bytes; mapped files count where they are touched), and what each example beyond the
smallest size adds. Only Linux says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.keeping import write_json
from bench.tables import head, row
from bench.timing import high_water

SIDE = 16
CLASSES = 10
AT_ONCE = 10_000
STEPS = 200
BATCH = 64
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Peak:
    """What a scan of `examples` examples took."""

    examples: int
    parent: int
    worker: int
    seconds: float
    flagged: int


Part = Literal["make", "train", "scan"]
"""What runs in a process of its own."""


def main(
    *,
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000),
    out: Path | None = None,
    part: Annotated[Part | None, Parameter(show=False)] = None,
    folder: Annotated[Path, Parameter(show=False)] = Path(),
) -> None:
    """Print a row per size.

    Args:
        sizes: Numbers of examples.
        out: A JSON file for the numbers.
    """
    if part:
        PARTS[part](folder, sizes[0])
        return
    peaks: list[Peak] = []
    titles = ("examples", "scan MB", "bytes/example", "worker MB", "bytes/example", "seconds")
    print(head(titles), flush=True)
    for n in sizes:
        with tempfile.TemporaryDirectory() as place:
            for each in ("make", "train"):
                subprocess.run(command(each, Path(place), n), check=True)
            peaks.append(measured(Path(place), n))
        print(row(cells(peaks[-1], peaks[0])), flush=True)
    write_json(out, [asdict(peak) for peak in peaks])


def cells(peak: Peak, first: Peak) -> Iterator[str]:
    more = peak.examples - first.examples
    yield f"{peak.examples:,}"
    for now, before in ((peak.parent, first.parent), (peak.worker, first.worker)):
        yield f"{now / 1e6:,.0f}"
        yield f"{(now - before) / more:,.0f}" if more else "-"
    yield f"{peak.seconds:.0f}"


def command(part: Part, folder: Path, n: int) -> list[str]:
    own = ["--part", part, "--folder", str(folder), "--sizes", str(n)]
    return [sys.executable, "-m", "bench", "memory", *own]


def measured(folder: Path, n: int) -> Peak:
    """Scan in a child, and watch its own children, which tell nothing by themselves."""
    began = time.perf_counter()
    # The last reading: at first a new process is still a copy of the one that starts it.
    last: dict[int, int] = {}
    with subprocess.Popen(command("scan", folder, n), stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            for pid in children(child.pid):
                last[pid] = high_water(pid) or last.get(pid, 0)
            time.sleep(POLL_SECONDS)
    assert child.returncode == 0 and last
    told = json.loads((folder / "peak.json").read_text())
    return Peak(
        examples=n,
        parent=told["bytes"],
        worker=max(last.values()),
        seconds=time.perf_counter() - began,
        flagged=told["flagged"],
    )


def children(pid: int) -> Iterator[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    yield from map(int, listed.split())


def make(folder: Path, n: int) -> None:
    import numpy as np

    from radiotracer.data import IMAGES, Dataset
    from radiotracer.data.modalities.images import FILE
    from radiotracer.data.npy import NpyWriter, map_npy
    from radiotracer.data.saved import save_all_but_content

    data = folder / "data"
    data.mkdir()
    labels = np.arange(n, dtype=np.int64) % CLASSES
    generator = np.random.default_rng(0)
    with NpyWriter(data / FILE, np.dtype(np.uint8), (SIDE, SIDE, 1)) as writer:
        for start in range(0, n, AT_ONCE):
            given = labels[start : start + AT_ONCE]
            images = generator.integers(0, 120, (len(given), SIDE, SIDE, 1), dtype=np.uint8)
            for label in range(CLASSES):
                top, left = 8 * (label // 5), 3 * (label % 5)
                images[given == label, top : top + 8, left : left + 3] += 100
            writer.append(images)
    examples = Dataset(
        modality=IMAGES,
        content=map_npy(data / FILE),
        labels=labels,
        ids=np.char.zfill(np.arange(n).astype(np.str_), 8),
        class_names=tuple("0123456789"),
        source="synthetic",
    )
    save_all_but_content(examples, data)


def train(folder: Path, n: int) -> None:
    """A recorded training that takes as long whatever there is to learn from."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from radiotracer.data import open_data
    from radiotracer.data.tensors import Tensors
    from radiotracer.runs import ModelSpec, record
    from radiotracer.training.networks import build_model

    examples = open_data(str(folder / "data"))
    torch.manual_seed(0)
    spec = ModelSpec(name="small-cnn", options={"channels": 1, "classes": CLASSES, "width": 4})
    model = build_model(spec)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = np.random.default_rng(0)
    shown = Tensors(examples)
    recording = record(folder / "run", model, optimizer, examples, seed=0, model_spec=spec)
    with recording:
        for _ in range(STEPS):
            rows = np.sort(generator.integers(0, n, BATCH)).tolist()
            inputs, targets = shown[rows]
            recording.batch(rows)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()


def scan(folder: Path, n: int) -> None:
    from radiotracer.cli import run

    out = folder / "scan"
    options = [
        "--validation",
        "none",
        "--detector",
        "loss",
        "--workers",
        "1",
        "--batch-size",
        "256",
    ]
    status = run(["scan", str(folder / "run"), *options, "--out", str(out), "--json"])
    assert status in (0, 1)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["examples"] == n
    told = {"bytes": high_water(), "flagged": summary["flagged"]}
    (folder / "peak.json").write_text(json.dumps(told))


PARTS: dict[Part, Callable[[Path, int], None]] = {"make": make, "train": train, "scan": scan}
