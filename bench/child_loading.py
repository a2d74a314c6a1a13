"""What it costs to open a torch file in a process of its own: medians, in seconds.

    python benchmarks/child_loading.py [REPEATS]

For each size of state dict: the loader in this process, the loader in a child, and the difference,
which is nearly all the import of torch; that import alone, in the same kind of child, is the last
line. The loader in this process is for comparison only: nothing else opens files so.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from radiotracer.provenance.models.child_loading import load_in_child
from radiotracer.provenance.models.child_program import taken

MEGABYTES = (1, 16, 128)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"torch {torch.__version__}, median of {repeats}")
    print(f"{'MB':>5} {'here':>7} {'child':>7} {'more':>7}")
    for size in MEGABYTES:
        content = saved(size)
        here = median(lambda given=content: taken(given), repeats)
        child = median(lambda given=content: load_in_child(given), repeats)
        print(f"{size:>5} {here:>7.2f} {child:>7.2f} {child - here:>7.2f}")
    alone = median(import_alone, repeats)
    print(f"import of torch and safetensors alone: {alone:.2f}")


def saved(megabytes: int) -> bytes:
    """What ``torch.save`` makes of so many million bytes of weights."""
    stream = io.BytesIO()
    torch.save({"weight": torch.randn(megabytes, 250_000)}, stream)
    return stream.getvalue()


def import_alone() -> None:
    program = "import torch, safetensors.torch"
    subprocess.run([sys.executable, "-I", "-c", program], env={}, check=True)


def median(call: Callable[[], object], repeats: int) -> float:
    """Seconds, after one call that does not count."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
