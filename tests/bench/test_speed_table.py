"""The comparison as text, word for word."""

from __future__ import annotations

import io
import os
from pathlib import Path

from rich.console import Console

from bench.speed import SpeedResult, tables
from bench.speed.result import Growth, GrowthPoint, JobResult, Machine, Quartiles, Row

GOLDEN = Path(__file__).parents[1] / "golden" / "bench_speed_table.txt"


def row(method: str, library: str, seconds: float, **changes: object) -> Row:
    values: dict[str, object] = {
        "seconds": Quartiles(0.9 * seconds, seconds, 1.1 * seconds),
        "times_ours": Quartiles(0.18 * seconds, 0.2 * seconds, 0.22 * seconds),
        "units": seconds / 2,
        "measured": (2000, 1000),
        "scale": 1.0,
        "memory": 150 * 2**20,
        "difference": 2.4e-7,
        "note": "",
    }
    return Row(method=method, library=library, **{**values, **changes})


RESULT = SpeedResult(
    machine=Machine("x86_64", 2, {"python": "3.12.0", "torch": "2.13.0"}),
    settings={},
    jobs=(
        JobResult(
            name="sum",
            title="TracInCP summed over the queries (Algorithm 1)",
            network="resnet18, width 64",
            parameters=11_172_810,
            checkpoints=5,
            train=2000,
            queries=1000,
            rounds=5,
            rows=(
                row("tracin_cp_sum", "radiotracer", 5.0, difference=0.0),
                row("one training pass", "torch", 2.0, difference=None, memory=None),
                row("TracInCP, aggregate", "captum", 1234.5, measured=(64, 32), scale=31.25),
                row(
                    "TracInCP, sample-wise *",
                    "captum",
                    500.0,
                    measured=(64, 32),
                    scale=31.25,
                    difference=0.0203,
                    note="sees convolutions and linear layers only",
                ),
            ),
        ),
    ),
    growth=(
        Growth(
            name="growth-train",
            formula="sum",
            variable="training examples",
            fixed="500 queries, width 16",
            points=(
                GrowthPoint(1000, (1.5, 1.6, 1.4), 90 * 2**20),
                GrowthPoint(32000, (44.0, 45.0, 46.0), None),
            ),
            exponent=0.981,
            interval=(0.96, 1.004),
        ),
    ),
)


def test_the_tables_word_for_word() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, highlight=False, markup=False, soft_wrap=True)
    for each in tables(RESULT):
        console.print(each)
    text = "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
    if os.environ.get("REGOLD"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
    assert "…" not in text
