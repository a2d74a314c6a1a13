"""The log for programs: every line an object, whatever happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiotracer.cli.journal import journal
from radiotracer.errors import InputError, StorageError
from tiny_world import World


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_scan(cli: Any, tiny: World, tmp_path: Path) -> None:
    log = tmp_path / "deep" / "scan.jsonl"
    done = cli("scan", tiny.folder, "--out", "scan", "--log-json", log)
    assert done.status == 1
    first, *between, last = lines(log)
    assert first["event"] == "begin" and first["time"] < last["time"]
    assert last == {"time": last["time"], "event": "end", "status": "finished"}
    assert {each["event"] for each in between} == {"progress"}
    stages = [each["stage"] for each in between]
    assert list(dict.fromkeys(stages)) == [
        "validation examples at every checkpoint",
        "examples at every checkpoint",
        "layers of the last checkpoint",
    ]
    for stage in set(stages):
        ends = [each for each in between if each["stage"] == stage]
        assert ends[0]["done"] == 0 and ends[0]["per_second"] is None
        assert ends[-1]["done"] == ends[-1]["of"] and ends[-1]["seconds_left"] == 0


def test_what_was_kept_does_not_count_for_the_rate(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with journal(path) as log:
        log.progress("work", 900, 1000)
        log.progress("work", 1000, 1000)
    first, last = lines(path)[1:3]
    assert first["per_second"] is None and last["per_second"] > 0
    assert last["per_second"] * 1e-9 < 100


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InputError(expected="a", came="b", do="c"), "failed", "expected a; got b; c"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
    ],
)
def test_it_says_how_it_ended(error: BaseException, status: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with pytest.raises(type(error)), journal(path):
        raise error
    last = lines(path)[-1]
    assert (last["event"], last["status"], last["error"]) == ("end", status, text)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), journal(tmp_path / "file" / "log"):
        pass
