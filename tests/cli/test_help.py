"""Every page of help, word by word."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest

from radiotracer.cli.help import GROUPS, all_commands

COMMANDS = ["", *GROUPS, *(each.name for each in all_commands())]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each or "root")
def test_help(command: str, cli: Any, golden: Any) -> None:
    done = cli(*command.split(), "--help")
    assert (done.status, done.err) == (0, "")
    assert f"Example: radiotracer {command}".rstrip() in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    golden.page("help_" + (command or "root").replace(" ", "_"), done.out)


def test_no_command_is_help(cli: Any) -> None:
    assert cli().out == cli("--help").out
    for group in GROUPS:
        assert cli(group).out == cli(group, "--help").out


def test_the_version(cli: Any) -> None:
    done = cli("--version")
    assert (done.status, done.out, done.err) == (0, version("radiotracer") + "\n", "")
