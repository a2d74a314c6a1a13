"""The one mechanism: discovery, entry points, two of one name, and a package that does not load."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from radiotracer.errors import InputError
from radiotracer.registry import Registry


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of two things, one of them in a file with an underscore, and a private module."""
    package = tmp_path / "home_of_things"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_parts.py").write_text("raise AssertionError('private')")
    for name in ("b", "a_c"):
        (package / f"{name}.py").write_text(
            "from registered_things import THINGS, Thing\n"
            f"THINGS.register(Thing({name.replace('_', '-')!r}))\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "home_of_things"
    for name in [each for each in sys.modules if each.startswith("home_of_things")]:
        del sys.modules[name]


def registry(
    home: str, monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint, of: Any = None
) -> Registry[Thing]:
    made: Registry[Thing] = Registry("thing", home=home, group="things", of=of)
    monkeypatch.setitem(
        sys.modules,
        "registered_things",
        SimpleNamespace(THINGS=made, Thing=Thing, other=Thing("other"), number=3),  # type: ignore[arg-type]
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    return made


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, "things")


def test_files_of_the_home_are_found_and_nothing_is_loaded_before(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = registry(home, monkeypatch)
    assert things.built_in() == ["a-c", "b"] and "nothing loaded" in repr(things)
    assert f"{home}.b" not in sys.modules
    assert list(things) == ["a-c", "b"] and len(things) == 2 and things["b"].name == "b"
    mine = Thing("mine")
    assert things.chosen("b") is things["b"] and things.chosen(mine) is mine
    assert "mine" not in things
    things.register(mine)
    assert things["mine"] is mine and things.register(mine) is mine
    things.unregister("mine")
    assert things.get("mine") is None


def test_an_entry_point_that_does_not_load_is_named_and_the_rest_works(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = registry(
        home,
        monkeypatch,
        entry("other", "registered_things:other"),
        entry("lost", "no_such_module_anywhere:thing"),
        entry("b", "registered_things:other"),
        entry("number", "registered_things:number"),
        of=Thing,
    )
    assert set(things) == {"a-c", "b", "other"} and things["b"].name == "b"
    assert set(things.failures) == {"lost", "b", "number"}
    assert (
        "two" in things.failures["b"] and "it is a int, and no Thing" in things.failures["number"]
    )
    with pytest.raises(InputError, match="no_such_module_anywhere") as caught:
        things["lost"]
    assert "\n" not in str(caught.value)


def test_two_of_one_name_are_an_error(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    things = registry(home, monkeypatch)
    with pytest.raises(InputError, match="one thing called 'b'; got two: "):
        things.register(Thing("b"))
        len(things)


def test_a_name_that_nothing_has(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    things = registry(home, monkeypatch)
    with pytest.raises(
        InputError, match=r"expected a thing \(a-c, b\); got 'x'; check the spelling"
    ):
        things["x"]
