"""The command line, called in this process, and texts kept in tests/golden."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from radiotracer.cli import run
from tiny_world import World

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """cli("scan", "run", ...): the status and both outputs, in a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        status = run([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return call


class Golden:
    """Texts by name, one file each for pages, one line each for errors; REGOLD=1 rewrites them."""

    def __init__(self) -> None:
        self.regold = bool(os.environ.get("REGOLD"))
        self.path = GOLDEN / "errors.txt"
        lines = self.path.read_text().splitlines() if self.path.is_file() else []
        self.lines = dict(line.split(": ", 1) for line in lines)

    def page(self, name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if self.regold:
            path.write_text(text)
        assert text == path.read_text()

    def line(self, name: str, text: str) -> None:
        if self.regold:
            self.lines[name] = text
        assert text == self.lines.get(name), f"{name}: run with REGOLD=1 and read the difference"

    def close(self) -> None:
        if self.regold:
            ordered = sorted(self.lines.items())
            self.path.write_text("".join(f"{name}: {text}\n" for name, text in ordered))


@pytest.fixture(scope="session")
def golden() -> Iterator[Golden]:
    kept = Golden()
    yield kept
    kept.close()


@pytest.fixture
def fail(cli: Any, golden: Any, tiny: World, archive: Path, tmp_path: Path) -> Callable[..., str]:
    """fail(name, *arguments): the one line that it leaves, compared with the golden one.

    keep=False where the line holds digests of weights or another library's words.
    """

    def call(name: str, *arguments: object, keep: bool = True) -> str:
        places = {"npz": archive, "run": tiny.folder, "data": tiny.data, "tmp": tmp_path}
        before = sorted(path.name for path in Path.cwd().iterdir())
        done = cli(*(str(each).format(**places) for each in arguments))
        assert (done.status, done.out) == (2, ""), done
        *progress, last = done.err.splitlines()
        assert not any(line.startswith("radiotracer:") for line in progress)
        assert last.startswith("radiotracer: ") and last.isprintable()
        assert sorted(path.name for path in Path.cwd().iterdir()) == before or name.startswith(
            "loss"
        )
        for place, path in places.items():
            last = last.replace(str(path), f"<{place}>")
        if keep:
            golden.line(name, last)
        return last

    return call
