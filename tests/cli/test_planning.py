"""``scan --plan``: a table for people, an object for programs, and nothing on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiotracer.cli.planning import _size, _time
from tiny_world import World


def test_nothing_is_written(cli: Any, tiny: World) -> None:
    done = cli("scan", tiny.folder, "--out", "scan", "--plan", "--workers", 2)
    assert done.status == 0 and not list(Path().iterdir())
    for word in ("validation", "examples", "layers", "rank and decide", "with 2 workers", "memory"):
        assert word in done.out
    done = cli("scan", tiny.folder, "--out", "scan", "--plan", "--json")
    told = json.loads(done.out)
    assert done.status == 0 and told["workers"] is None and not list(Path().iterdir())
    assert told["stages"]["examples"]["examples"] == 192
    assert told["seconds"] > 0 and told["disk"] > 1000
    done = cli("scan", tiny.folder, "--out", "scan", "--plan", "--ray", "auto")
    assert done.status == 2 and "expected --workers beside --plan and --ray" in done.err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (99, "99 s"), (150, "2 min"), (7000, "1.9 h"), (1e7, "2,777.8 h")],
)
def test_times(seconds: float, text: str) -> None:
    assert _time(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(5, "5 B"), (1200, "1.2 KB"), (96e6, "96 MB"), (3.2e9, "3.2 GB"), (7e13, "70.0 TB")],
)
def test_sizes(size: float, text: str) -> None:
    assert _size(size) == text
