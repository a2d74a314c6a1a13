"""The checks of the documentation can fail."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """tools/check_docs.py as a module; tools is no package."""
    spec = importlib.util.spec_from_file_location("check_docs", ROOT / "tools" / "check_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROJECT = tomllib.loads("""
[project]
dependencies = ["torch>=2.10", "Typing_Extensions"]
[project.optional-dependencies]
s3 = ["s3fs>=2025.2,<2027; python_version > '3'"]
[dependency-groups]
build = ["hatchling"]
dev = [{ include-group = "build" }, "s3fs", "ruff>=0.12"]
""")
ROWS = """
| where | package | what for | what it saves | considered instead | licence |
|---|---|---|---|---|---|
| core | `torch`, `typing-extensions` | a | b | c | MIT |
| `s3` | `s3fs` | a | b | c | MIT |
| `build` | `hatchling` | a | b | c | MIT |
| `dev` | `ruff` | a | b | c | MIT |
| `papers` | `pip-audit` | a | b | c | MIT |
"""
PAPERS = "# a comment\npip-audit>=2\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("a", "a", None),
        ("| `dev` | `ruff` | a | b | c | MIT |\n", "", "no whole row for ruff of dev"),
        ("`s3fs` | a | b | c | MIT |", "`s3fs` | a | b | c |  |", "no whole row for s3fs of s3"),
        (", `typing-extensions`", "", "no whole row for typing-extensions of core"),
        ("`pip-audit`", "`pip-audit`, `syft`", "syft of papers is no dependency"),
        ("| `s3` | `s3fs`", "| `dev` | `s3fs`", "no whole row for s3fs of s3"),
    ],
)
def test_the_table_of_dependencies(
    check: ModuleType, old: str, new: str, problem: str | None
) -> None:
    found = check.dependencies(PROJECT, PAPERS, ROWS.replace(old, new, 1))
    assert (found == []) if problem is None else f"docs/dependencies.md: {problem}" in found


def test_what_is_not_locked(check: ModuleType) -> None:
    locks = {
        "install": "typing-extensions==4 \\\n    --hash=sha256:00\nhatchling==1\n",
        "torch": "torch==2\n",
        "dev": "s3fs==1 ; python_version > '3'\nruff==1\n    # via torch==3\n",
        "papers": "pip-audit==2\n",
    }

    def problems(**changed: str) -> list[str]:
        return check.locked(check.asked_for(PROJECT, PAPERS), locks | changed)

    assert problems() == []
    assert problems(dev="ruff==1") == ["tools/locks: s3fs of s3 is not locked: run make lock"]
    assert len(problems(torch="")) == len(problems(papers="pip-audit>=2")) == 1


@pytest.mark.parametrize("lock", sorted((ROOT / "tools" / "locks").glob("*.txt")))
def test_every_release_is_locked_by_hash_and_no_address_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 10
    for block in blocks:
        assert re.match(r"[\w.-]+==[\w.!+]+ (; [^\n]* )?\\\n    --hash=sha256:[0-9a-f]{64}", block)
    assert "://" not in text and not re.search(r"^ *-(?!-hash=)", text, flags=re.MULTILINE)
    assert lock.stem == "torch" or not re.search(r"^(torch==|nvidia-|cuda-)", text, re.MULTILINE)


def test_tests_that_pages_name(check: ModuleType) -> None:
    page = ROOT / "README.md"
    here = "`tests/test_docs.py::test_tests_that_pages_name`"
    assert check.tests(page, f"{here} and `tests/test_docs.py`") == []
    for wrong in (here.replace("pages", "page"), here.replace("docs", "doc")):
        assert check.tests(page, wrong) == [
            f"README.md: names {wrong.strip('`')}, which is no test"
        ]


@pytest.mark.parametrize(
    "span",
    [
        *("gradients/ghost/rules/", "detectors/summed.py", "summed.py", "tests/data/", "docs/*.md"),
        *("out/cells/", "run/run.json", "train.py", "a / b", "key.new", "https://example.org/a.py"),
        *("radiotracer.data.Dataset", "radiotracer.data.Dataset.validation", "bench.tables.spread"),
        *("radiotracer.detectors", "radiotracer scan RUN --seed 3 --out scan", "radiotracer data"),
        *("radiotracer data get mnist", "radiotracer train|scan|check", "scan --workers N"),
        *("radiotracer COMMAND --help", "radiotracer --version", "python -m bench NAME --seeds 0"),
        *(
            "python -m bench flips --seeds 0 1 --quick",
            "make check",
            "make ARGS=--upgrade",
            "--out audit",
        ),
    ],
)
def test_spans_that_name_what_is_there(check: ModuleType, span: str) -> None:
    assert list(check.doc_words.problems(span, page=True)) == []


@pytest.mark.parametrize(
    "span",
    [
        *("gradients/forward_rules.py", "nothing.py", "marking/", "tests/marking", "docs/no*.md"),
        *("benchmarks/flips.py", "data/examples/", "src/radiotracer/report/", "cli/none"),
        *("radiotracer.data.Texts", "radiotracer.lab", "bench.tables.told", "bench.benchmarks"),
        *("radiotracer bench", "radiotracer data give", "radiotracer scan|bench"),
        *(
            "radiotracer scan RUN --none 3",
            "scan --none N",
            "--none N",
            "radiotracer data get --seed 0",
        ),
        *("python -m bench honest", "python -m bench flips --rounds 3", "make bench-flips"),
    ],
)
def test_spans_that_name_what_is_not_there(check: ModuleType, span: str) -> None:
    assert len(list(check.doc_words.problems(span, page=True))) == 1


def test_spans_of_pages_and_sources(check: ModuleType, tmp_path: Path) -> None:
    text = "`one` ``two\n    words`` and\n\n```console\n$ `three`\n```\n\nand `four`."
    assert list(check.doc_words.spans(text)) == ["one", "two words", "four"]
    page = ROOT / "README.md"
    assert check.words(page, "see `lab/train.py`, `lab/train.py` and `runs/`") == [
        "README.md: names lab/train.py, which is not there"
    ]
    # Sources name folders of users; a room of ours in one may be any of theirs.
    assert check.words(ROOT / "tools" / "fuzz.py", "the folder ``marking/``") == []
