"""The reference has every public name once, and the site every page."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest
from docs_pages import ROOT

import radiotracer

REFERENCE = ROOT / "docs" / "reference"
DIRECTIVE = re.compile(r"^\.\. auto(class|function|exception|data):: (\S+)$", flags=re.MULTILINE)
DOCUMENTED = [
    name
    for page in sorted(REFERENCE.glob("*.md"))
    for _, name in DIRECTIVE.findall(page.read_text(encoding="utf-8"))
]


def resolve(name: str) -> object:
    home, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(home), attribute)


def test_every_public_name_is_documented_once() -> None:
    counted = Counter(DOCUMENTED)
    assert {f"radiotracer.{name}" for name in radiotracer.__all__} - set(counted) == set()
    assert [name for name, count in counted.items() if count > 1] == []
    # Under two names it would be two things.
    same = Counter(id(resolve(name)) for name in DOCUMENTED)
    assert [name for name in DOCUMENTED if same[id(resolve(name))] > 1] == []


def test_every_public_name_is_exported_once() -> None:
    source = inspect.getsource(radiotracer)
    imported = re.findall(
        r"^    from radiotracer\.(\S+) import (\w+) as (\w+)$", source, re.MULTILINE
    )
    assert Counter(name for _, name, _ in imported) == Counter(radiotracer.__all__)
    for home, name, exported in imported:
        assert name == exported
        assert getattr(importlib.import_module(f"radiotracer.{home}"), name) is resolve(
            f"radiotracer.{name}"
        )


@pytest.mark.parametrize("name", DOCUMENTED)
def test_what_is_documented_says_what_it_is(name: str) -> None:
    value = resolve(name)
    text = inspect.getdoc(value)
    assert text and (text[0].isupper() or text.startswith("`")), name
    assert not text.startswith(f"{name.rpartition('.')[2]}("), "a dataclass's own signature"


def test_no_page_is_left_out_of_the_site() -> None:
    """Sphinx says so, too; here without building the site."""
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for tree in re.findall(
            r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
        ):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            waiting += [found for entry in entries for found in page.parent.glob(f"{entry}.md")]
    assert set((ROOT / "docs").rglob("*.md")) - reached == set()
