"""Every parser, for a moment, of inputs that nobody meant; `make fuzz` takes its time.

The choices follow from a fixed seed, so that a failure comes again. What crashed a parser once lies
in crashes/TARGET and is tried for ever.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from all_targets import TARGETS
from mutations import mutated
from target import MEMORY, Crash, outcome

from radiotracer.errors import InputError

QUARTER = 4
"""Of a second for each parser, which is a quarter of a minute for all of them."""

CRASHES = Path(__file__).parent / "crashes"
FUZZ = Path(__file__).resolve().parents[2] / "tools" / "fuzz.py"


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_nobody_meant(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    prepared = target.prepare(tmp_path)
    for seed in prepared.seeds:
        assert outcome(prepared.parse, seed) is True, "a valid input is taken"
    for path in sorted((CRASHES / name).glob("*")):
        again = outcome(prepared.parse, path.read_bytes())
        assert not isinstance(again, Crash), f"{path.name}: {again.what}\n{again.trace}"
    rng = random.Random(name)  # noqa: S311 - no secrets
    for number in range(target.quick // QUARTER):
        content = mutated(rng.choice(prepared.seeds), prepared.seeds, rng)
        found = outcome(prepared.parse, content)
        assert not isinstance(found, Crash), f"input {number}: {found.what}\n{found.trace}"


def _refuses(_: bytes) -> None:
    raise InputError(expected="this", came="that", do="the other")


def _raises(content: bytes) -> None:
    {}[content]


def _stops(_: bytes) -> None:
    end = time.process_time() + 60
    with contextlib.suppress(Exception):  # as parsers do that take every error for a damaged file
        while time.process_time() < end:
            sum(range(1000))


def test_what_counts_as_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("target.SECONDS", 0.5)
    assert outcome(len, b"x") is True
    assert outcome(_refuses, b"x") is False
    found = outcome(_raises, b"x")
    assert isinstance(found, Crash)
    assert found.what.startswith("KeyError")
    found = outcome(_stops, b"x")
    assert isinstance(found, Crash)
    assert found.what == "TooSlowError: more than 0.5 seconds"
    monkeypatch.setattr("target._peak", iter((0, MEMORY + 1, MEMORY + 1)).__next__)
    found = outcome(len, b"x")
    assert isinstance(found, Crash)
    assert "memory" in found.what


def test_the_long_command(tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ), "--target", "key", "--minutes", "0.02"]
    done = subprocess.run(
        [*command, "--crashes", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    key = next(line.split() for line in done.stdout.splitlines() if line.startswith("key "))
    assert int(key[1].replace(",", "")) > 10
    assert done.stdout.rstrip().endswith("0 kinds of crashes")
