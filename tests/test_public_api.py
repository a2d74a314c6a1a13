"""One contract for every public name: importable, documented, typed, at home with `str` and `Path`.

Public is what the reference documents, and of that most of all what `import radiotracer` gives.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import radiotracer
from radiotracer import Key, Reference, Rule, Run, Tracer, explain, open_data, scan
from radiotracer.errors import RadiotracerError
from tiny_world import World

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
DIRECTIVE = re.compile(r"^\.\. auto(class|function|exception|data):: (\S+)$", flags=re.MULTILINE)
NAMES = sorted(
    {
        *(f"radiotracer.{name}" for name in radiotracer.__all__),
        *(
            name
            for page in REFERENCE.glob("*.md")
            for _, name in DIRECTIVE.findall(page.read_text(encoding="utf-8"))
        ),
    }
)
LONGEST = 300
"""Characters of a repr."""

ALIASES = ("Where", "PathLike")
"""Names of `str | os.PathLike[str]` in annotations."""


def found(name: str) -> Any:
    home, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(home), attribute)


def callables_of(value: Any) -> list[tuple[str, Any]]:
    """A function itself; of a class what makes it and its public methods."""
    if inspect.isfunction(value):
        return [(value.__name__, value)]
    if not inspect.isclass(value):
        return []
    members = [
        (name, each.__func__ if isinstance(each, classmethod | staticmethod) else each)
        for name, each in vars(value).items()
        if not name.startswith("_")
    ]
    return [(name, each) for name, each in members if inspect.isfunction(each)]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_typed(name: str) -> None:
    for where, function in callables_of(found(name)):
        signature = inspect.signature(function)
        bare = [
            each.name
            for each in signature.parameters.values()
            if each.annotation is inspect.Parameter.empty and each.name not in ("self", "cls")
        ]
        assert not bare, f"{name}: {where} does not say what {bare} are"
        assert signature.return_annotation is not inspect.Signature.empty, f"{name}: {where}"


@pytest.mark.parametrize("name", NAMES)
def test_a_path_may_be_a_text(name: str) -> None:
    """Wherever a `Path` may be given, a `str` and any `os.PathLike` may be, too."""
    for where, function in callables_of(found(name)):
        for each in inspect.signature(function).parameters.values():
            wanted = str(each.annotation)
            if re.search(r"\bPath\b", wanted):
                raise AssertionError(f"{name}: {where}({each.name}: {wanted}) takes a Path alone")
            if "PathLike" in wanted and "Where" not in wanted:
                assert re.search(r"\bstr\b", wanted), f"{name}: {where}({each.name}: {wanted})"


@pytest.mark.parametrize("kind", [str, Path])
def test_what_is_not_there_is_one_line_whatever_the_path_is(kind: Any, tmp_path: Path) -> None:
    nowhere = kind(tmp_path / "nothing" / "here")
    for function in (
        open_data,
        Run.open,
        Key.read,
        radiotracer.Release.read,
        radiotracer.Evidence.read,
        radiotracer.open_suspect,
        radiotracer.check,
    ):
        with pytest.raises(RadiotracerError) as caught:
            function(nowhere)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "nothing").exists()


@pytest.fixture(scope="module")
def objects(tiny: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of each public object, as a user has it."""
    done = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    return {
        "Dataset": tiny.tampered,
        "Manifest": tiny.manifest,
        "Run": tiny.run,
        "Scan": done,
        "Decision": done.decision,
        "Ranking": done.rankings["loss"],
        "Tracer": Tracer(tiny.model, tiny.run),
        "Explanation": explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=[0]),
        "Key": Key(bytes(range(32))),
        "Rule": Rule(top_k=3),
        "Reference": Reference(np.arange(20), "a test"),
        "open_suspect": radiotracer.open_suspect(tiny.folder),
        "DETECTORS": importlib.import_module("radiotracer.detectors").DETECTORS,
    }


KEPT_AS_THEY_ARE = ("Tracer", "open_suspect", "DETECTORS", "Scan", "Explanation")
"""Networks on a device, open files, and registries are not for pickling."""


def test_a_repr_is_short(objects: dict[str, Any]) -> None:
    for name, value in objects.items():
        for text in (repr(value), str(value)):
            assert 0 < len(text) <= LONGEST and "\n" not in text, (
                f"{name}: {len(text)}: {text[:99]}"
            )
        assert "07" * 8 not in repr(value)
    assert bytes(range(32)).hex()[:16] not in repr(objects["Key"])


def test_copies_are_equal(objects: dict[str, Any]) -> None:
    for name, value in objects.items():
        again = copy.copy(value)
        assert type(again) is type(value), name
        if name not in KEPT_AS_THEY_ARE:
            assert repr(pickle.loads(pickle.dumps(value))) == repr(value), name  # noqa: S301
