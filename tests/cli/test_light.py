"""Help is quick: no command's page imports what computes, nor do those that only read and sign."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from radiotracer.cli.help import all_commands

HEAVY = ("torch", "sklearn", "scipy", "pandas", "transformers", "altair")

ASK = """
import json, sys
from radiotracer.cli import run
status = run(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def heavy_after(*arguments: object) -> list[str]:
    """Which heavy modules a command line has imported when it ends."""
    command = [sys.executable, "-c", ASK, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize("name", [each.name for each in all_commands()])
def test_help_imports_nothing_heavy(name: str) -> None:
    assert heavy_after(*name.split(), "--help") == []


def test_commands_that_compute_nothing_import_nothing_heavy(tmp_path: Path) -> None:
    key = tmp_path / "sign.key"
    for arguments in (
        ("--help",),
        ("--version",),
        ("data", "list"),
        ("key", "new", tmp_path / "my.key"),
        ("key", "new-signing", key),
        ("key", "show", key),
    ):
        assert heavy_after(*arguments) == [], arguments


def test_what_is_read_of_a_command_is_what_it_says() -> None:
    import importlib

    for each in all_commands():
        module, _, function = each.place.partition(":")
        spoken = getattr(importlib.import_module(module), function).__doc__
        assert " ".join(spoken.split()) == " ".join(each.help.split())
