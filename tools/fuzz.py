"""Give every parser inputs that nobody meant, one target after the other, and tell what crashed.

    python tools/fuzz.py                            # a minute each
    python tools/fuzz.py --minutes 10 --target npz --target key
    python tools/fuzz.py --list

With atheris (``.venv/bin/pip install atheris``) inputs are chosen by what they make the code do;
without it, blindly. Inputs that crashed a parser are kept in --crashes; a fixed one belongs into
tests/fuzz/crashes/TARGET. Exit status 1 when there were any.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "fuzz"), str(TESTS)]

PATIENCE = 300
"""Seconds beyond its time after which a process hangs, where no Python code runs any more."""


@dataclass(frozen=True)
class Outcome:
    """How a target did: inputs tried, inputs taken, kinds of crashes, and how processes died."""

    executions: int
    taken: int
    seconds: float
    crashes: int
    note: str = ""


def main() -> int:
    given = _arguments()
    from fuzzing import fuzz, has_atheris

    if given.child is not None:
        fuzz(given.target[0], given.child, int(given.minutes * 60), given.seed, given.crashes)
        return 0
    names = given.target or _all_names()
    if given.list:
        print("\n".join(names))
        return 0
    engine = "atheris" if has_atheris() else "blind mutations: atheris is not installed"
    print(f"{len(names)} targets, {given.minutes:g} minutes each, {engine}", flush=True)
    print(f"{'target':<20} {'executions':>12} {'taken':>12} {'seconds':>9} {'crashes':>8}")
    found = []
    for name in names:
        each = _fuzzed(name, given.minutes, given.seed, given.crashes)
        found.append(each)
        line = f"{name:<20} {each.executions:>12,} {each.taken:>12,} {each.seconds:>9,.0f}"
        print(f"{line} {each.crashes:>8,}  {each.note}".rstrip(), flush=True)
    total, crashes = sum(each.executions for each in found), sum(each.crashes for each in found)
    print(f"{total:,} executions, {crashes:,} kinds of crashes", flush=True)
    return 1 if crashes else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--target", action="append", default=[], help="only this one; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="1 or more, another one every night")
    parser.add_argument("--crashes", type=Path, default=Path("build/crashes"), help="kept here")
    parser.add_argument("--list", action="store_true", help="print the targets' names")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _all_names() -> list[str]:
    from all_targets import TARGETS

    return list(TARGETS)


def _fuzzed(name: str, minutes: float, seed: int, crashes: Path) -> Outcome:
    """Fuzz a target in a process of its own, again where it died before its time."""
    from fuzzing import Journal

    memory = Path("/dev/shm")  # noqa: S108 - a disk would be slower, and worn
    kept = crashes / name
    shutil.rmtree(kept, ignore_errors=True)
    begun, notes = time.monotonic(), []
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as root:
        journal = Path(root) / "journal"
        while (left := minutes - (time.monotonic() - begun) / 60) > 0:
            before = _executions(journal)
            status, said = _run(name, left, seed + len(notes), crashes, Path(root))
            if status == 0:
                break
            if _executions(journal) == before:
                raise SystemExit(f"{name} does not begin (status {status}):\n{said}")
            notes.append(_told(status))
            kept.mkdir(parents=True, exist_ok=True)
            (kept / f"died-{len(notes)}").write_bytes(Journal(journal).last)
            (kept / f"died-{len(notes)}.json").write_text(
                json.dumps({"what": notes[-1], "trace": said})
            )
        read = Journal(journal)
    number = len(list(kept.glob("*.json")))
    return Outcome(
        read.executions, read.taken, time.monotonic() - begun, number, ", ".join(notes[:3])
    )


def _run(name: str, minutes: float, seed: int, crashes: Path, root: Path) -> tuple[int, str]:
    for each in ("work", "corpus"):
        shutil.rmtree(root / each, ignore_errors=True)
    command = [sys.executable, "-X", "faulthandler", __file__, "--child", str(root)]
    command += ["--target", name, "--minutes", str(minutes), "--seed", str(seed)]
    try:
        done = subprocess.run(
            [*command, "--crashes", str(crashes.absolute())],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=minutes * 60 + PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL, ""
    return done.returncode, done.stdout[-12_000:]


def _executions(journal: Path) -> int:
    from fuzzing import Journal

    return Journal(journal).executions


def _told(status: int) -> str:
    if status == -signal.SIGKILL:
        return "hung, or was killed"
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


if __name__ == "__main__":
    raise SystemExit(main())
