"""Tab after ``radiotracer``, in the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BASH = """
source {script}
for line in "scan --de" "data " "tamper x --recipe random"; do
  COMP_WORDS=(radiotracer ${{line% }}); [ "${{line% }}" = "$line" ] || COMP_WORDS+=("")
  COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); _radiotracer; echo "${{COMPREPLY[@]}}"
done
"""
FISH = """
source {script}
for line in "scan --de" "data s" "tamper x --recipe random"
  complete -C "radiotracer $line" | string split -f1 \\t | string join " "
end
true
"""
ZSH = """
zmodload zsh/zpty
zpty tab zsh -f -i
zpty -w tab "PS1=; fpath=({folder} \\$fpath); autoload -Uz compinit; compinit -u; print REA''DY"
zpty -r -m tab begun '*READY*'
zpty -w -n tab $'radiotracer scan --dev\\t'
zpty -r -m tab completed '*--device*'
print -r -- $completed
zpty -d tab
"""


@pytest.fixture
def installed(cli: Any, tmp_path: Path) -> Any:
    def install(shell: str) -> Path:
        script = tmp_path / "_cyclopts_radiotracer"  # zsh wants the function's name
        done = cli("--install-completion", "--shell", shell, "--out", script)
        assert (done.status, done.err) == (0, "")
        return script

    return install


def said(shell: str, text: str, **more: str) -> str:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    flags = {"bash": ["--norc"], "fish": ["--no-config"], "zsh": ["-f"]}[shell]
    command = [program, *flags, "-c", text]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **more},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash(installed: Any) -> None:
    assert said("bash", BASH.format(script=installed("bash"))).splitlines() == [
        "--detector --device",
        "list get store",
        "random-flip",
    ]


def test_fish(installed: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    text = FISH.format(script=installed("fish"))
    lines = said("fish", text, HOME=str(tmp_path / "home")).splitlines()
    assert lines[0] == "--detector --device"
    assert "store" in lines[1].split()
    assert lines[2] == "random-flip"


def test_zsh(installed: Any, tmp_path: Path) -> None:
    script = installed("zsh")
    text = ZSH.format(folder=script.parent)
    assert "radiotracer scan --device" in said("zsh", text, TERM="dumb", HOME=str(tmp_path))


@pytest.mark.parametrize(("shell", "start"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_the_start_up_file_loads_it_once(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, start: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZSH", "ZSH_CUSTOM", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / start).write_text("alias mine=yours\n")
    texts = []
    for _ in range(2):
        assert cli("--install-completion", "--shell", shell).status == 0
        texts.append((tmp_path / start).read_text())
    assert "alias mine=yours\n" in texts[0] and "ompletion" in texts[0]
    assert texts[1] == texts[0]


def test_an_unknown_shell_is_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyclopts.completion.detect_shell", lambda: "powershell")
    done = cli("--install-completion")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "radiotracer: expected to be called from bash, zsh or fish; got powershell; "
        "name one: --install-completion --shell bash\n"
    )
