"""Every notebook of the documentation runs from top to bottom, and shows what its cells end with.

The site runs them all in a real kernel, without looking at exit statuses: `make site`.
"""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
from docs_pages import NOTEBOOKS, SHOWN, blocks

from radiotracer.cli import run

CELL = "{code-cell} ipython3"
FRONT = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n"
SHELL = re.compile(r"^(?:# ends with status (\d).*\n)?!(radiotracer .*)$", flags=re.MULTILINE)
PAGES = [page for page in sorted(NOTEBOOKS.glob("*.md")) if page.name != "index.md"]
QUICK = "marked-digits.md"
"""The one with commands, whose statuses only this file looks at."""


def cells(page: Path) -> list[str]:
    """The cells as IPython makes them: options of MyST left out, shell lines as calls."""
    found = [block.text for block in blocks(page) if block.language == CELL]
    bare = (re.sub(r"\A(:\w+: .*\n)+", "", text) for text in found)
    return [SHELL.sub(lambda line: f"shell(f{line[2]!r}, {line[1] or 0})", text) for text in bare]


def shell(line: str, status: int) -> None:
    """Run a command here, and not in a shell; a comment above it says how it ends, if not well."""
    assert run(shlex.split(line)[1:]) == status, line


def show(value: object) -> bool:
    """Draw a value as a notebook does; whether it has a display of its own."""
    for name in ("_repr_html_", "_repr_png_"):
        if draw := getattr(value, name, None):
            assert draw()
            return True
    assert value is None or repr(value)
    return False


def execute(cell: str, names: dict[str, object], where: str) -> bool:
    """Run a cell and show its last expression; whether that has a display of its own."""
    tree = ast.parse(cell, where)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    if last is None:
        return False
    return show(eval(compile(ast.Expression(last.value), where, "eval"), names))  # noqa: S307


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[pytest.mark.nightly] * (page.name != QUICK))
        for page in PAGES
    ],
)
def test_a_notebook_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__", "shell": shell}
    shown = [execute(cell, names, f"{page.name}[{n}]") for n, cell in enumerate(cells(page))]
    assert any(shown)


def test_every_block_of_a_notebook_is_a_cell() -> None:
    assert PAGES
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(FRONT), f"{page.name}: the site would not run it"
        strange = {block.language for block in blocks(page)} - {CELL, *SHOWN}
        assert not strange, f"{page.name}: {strange} would not be run"
        # A fence that is not closed would swallow the cells that follow.
        assert text.count("```{code-cell}") == len(cells(page))
