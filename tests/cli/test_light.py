"""Help is quick: no command's page imports what computes, nor do those that only read and sign."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from radiotracer.cli.help import all_commands

HEAVY = ("torch", "sklearn", "scipy", "pandas", "transformers", "altair")

ASK = """
import json, sys
from radiotracer.cli import run
for arguments in json.loads(sys.argv[1]):
    status, heavy = run(arguments), [name for name in sys.argv[2:] if name in sys.modules]
    print(json.dumps([arguments, status, heavy]), file=sys.stderr)
"""


def require_light(*lines: tuple[object, ...]) -> None:
    """Command lines, one after the other in a new process, end well and import nothing heavy."""
    given = json.dumps([[str(each) for each in line] for line in lines])
    command = [sys.executable, "-c", ASK, given, *HEAVY]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(said) == len(lines), done.stderr
    for line in said:
        arguments, status, heavy = json.loads(line)
        assert (status, heavy) == (0, []), arguments


def test_help_imports_nothing_heavy() -> None:
    names = [each.name for each in all_commands()]
    assert len(names) > 20
    require_light(*((*name.split(), "--help") for name in names))


def test_commands_that_compute_nothing_import_nothing_heavy(tmp_path: Path) -> None:
    key = tmp_path / "sign.key"
    require_light(
        ("--help",),
        ("--version",),
        ("data", "list"),
        ("key", "new", tmp_path / "my.key"),
        ("key", "new-signing", key),
        ("key", "show", key),
    )


def test_what_is_read_of_a_command_is_what_it_says() -> None:
    import importlib

    for each in all_commands():
        module, _, function = each.place.partition(":")
        spoken = getattr(importlib.import_module(module), function).__doc__
        assert " ".join(spoken.split()) == " ".join(each.help.split())
