"""``radiotracer demo``: the whole of it on MNIST, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.options import Json, Seed


@command("demo")
def demo(
    *,
    folder: Annotated[
        Path, Parameter(name="--out", help="Folder to write; an earlier demo there is replaced.")
    ] = Path("radiotracer-demo"),
    quick: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="10,000 of the 60,000 images: about a minute on two cores.",
        ),
    ] = False,
    recipe: Annotated[
        Literal["random-flip", "targeted-flip"],
        Parameter(help="Flip 10 % of all labels, or relabel 10 % of the 3s as 9."),
    ] = "random-flip",
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """See the whole of it on MNIST: tamper, train, scan, report.

    Gets MNIST, flips labels, trains a ResNet-18 on the tampered labels, scans it with every
    detector, and writes ranking.parquet, summary.json and report.html. The network has a quarter
    of the usual width, so that two processor cores train it in minutes; the data are all 60,000
    images (--quick: 10,000).

    Example: radiotracer demo --quick
    """
    from radiotracer.cli.scan import tell
    from radiotracer.reproduce.demo import QUICK, DemoConfig, run_demo

    config = settings(DemoConfig, recipe=recipe, seed=seed, **(QUICK if quick else {}))
    command = " ".join(["radiotracer", *sys.argv[1:]])
    with progress() as reporter:
        done = run_demo(config, folder, command=command, progress=reporter, report=err.print)
    if json:
        emit({**done.summary, "stages": done.seconds})
        return 1 if done.summary["flagged"] else 0
    out.print()
    tell(done.summary, folder)
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in done.seconds.items())
    out.print(f"time      {sum(done.seconds.values()):.0f} s ({stages})")
    out.print()
    out.print("What to try next:")
    out.print(f"  open {folder / 'report.html'} in a browser")
    out.print(
        f"  radiotracer scan {folder / 'run'} --detector tracin-cp --top-k 100 --out tracin-scan"
    )
    out.print(f"  radiotracer review {folder}")
    out.print("  radiotracer check YOUR-IMAGES")
    return 1 if done.summary["flagged"] else 0
