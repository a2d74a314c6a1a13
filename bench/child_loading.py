"""What it costs to open a torch file in a process of its own: medians, in seconds.

    python -m bench child_loading [--repeats 5]

For each size of state dict: the loader in this process, the loader in a child, and the difference,
which is nearly all the import of torch; that import alone, in the same kind of child, is the last
line. The loader in this process is for comparison only: nothing else opens files so.
"""

from __future__ import annotations

import io
import subprocess
import sys
from functools import partial

import torch

from bench.timing import median_seconds
from radiotracer.runs.foreign.child_loading import load_in_child
from radiotracer.runs.foreign.child_torch import taken

MEGABYTES = (1, 16, 128)


def main(*, repeats: int = 5) -> None:
    """Print the table.

    Args:
        repeats: How often each is done.
    """
    print(f"torch {torch.__version__}, median of {repeats}")
    print(f"{'MB':>5} {'here':>7} {'child':>7} {'more':>7}")
    for size in MEGABYTES:
        content = saved(size)
        here = median_seconds(partial(taken, content), repeats)
        child = median_seconds(partial(load_in_child, content), repeats)
        print(f"{size:>5} {here:>7.2f} {child:>7.2f} {child - here:>7.2f}")
    print(f"import of torch and safetensors alone: {median_seconds(import_alone, repeats):.2f}")


def saved(megabytes: int) -> bytes:
    """What ``torch.save`` makes of so many million bytes of weights."""
    stream = io.BytesIO()
    torch.save({"weight": torch.randn(megabytes, 250_000)}, stream)
    return stream.getvalue()


def import_alone() -> None:
    program = "import torch, safetensors.torch"
    subprocess.run([sys.executable, "-I", "-c", program], env={}, check=True)
