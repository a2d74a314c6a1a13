"""Check the documentation: links, commands and names that it must and may mention.

Every relative link resolves; every command line in a console block parses; every command and every
public Python name is mentioned; no page and no source names a file, a test, a module, a command, an
option or a benchmark of ours that does not exist (`doc_words`); the table of dependencies is that
of pyproject.toml, and the lock files hold what it asks for.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cyclopts import CycloptsError

import radiotracer
from radiotracer.cli.app import app
from radiotracer.cli.help import all_commands

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import doc_words  # noqa: E402

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
SOURCES = [path for top in ("src", "bench", "tools") for path in ROOT.glob(f"{top}/**/*.py")]
SOURCES.remove(Path(doc_words.__file__))  # it shows what spans look like
DEPENDENCIES = "docs/dependencies.md"
LOCKS = "tools/locks"
DEPENDENCY_COLUMNS = 6
NAMED_ELSEWHERE = {"Recording", "Scan"}  # results of documented functions


def links(page: Path, text: str) -> list[str]:
    problems = []
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not (page.parent / target).exists():
            problems.append(f"{page.relative_to(ROOT)}: link to {target}, which is not there")
    return problems


def words(page: Path, text: str) -> list[str]:
    """Files, modules, commands and options that code spans name must be there."""
    is_page = page.suffix == ".md"
    return [
        f"{page.relative_to(ROOT)}: names {problem}"
        for span in dict.fromkeys(doc_words.spans(text))
        for problem in doc_words.problems(span, page=is_page)
    ]


def command_lines(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("radiotracer ")]


def commands(page: Path, text: str) -> list[str]:
    problems = []
    for line in command_lines(text):
        # A comment begins after a space; the # of DATA#ROW does not.
        bare = re.sub(r"\s(#|>>?\s).*", "", line.partition(" && ")[0])
        tokens = shlex.split(bare)[1:]
        if "--help" in tokens or "--version" in tokens:
            continue
        try:
            app.parse_args(tokens, print_error=False, exit_on_error=False)
        except CycloptsError as error:
            problems.append(f"{page.relative_to(ROOT)}: `{line}`: {error}")
    return problems


def mentions(whole: str) -> list[str]:
    problems = []
    for command in all_commands():
        if f"radiotracer {command.name}" not in whole:
            problems.append(f"`radiotracer {command.name}` is not documented")
    for name in set(radiotracer.__all__) - NAMED_ELSEWHERE:
        if not re.search(rf"\b{re.escape(name)}\b", whole):
            problems.append(f"radiotracer.{name} is not documented")
    return problems


def tests(page: Path, text: str) -> list[str]:
    """Every `tests/...py::test_...` that a page names must be a test."""
    problems = []
    for file, name in re.findall(r"`(tests/[\w/-]+\.py)::(\w+)`", text):
        path = ROOT / file
        if not path.is_file() or not re.search(
            rf"^ *def {name}\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        ):
            problems.append(f"{page.relative_to(ROOT)}: names {file}::{name}, which is no test")
    return problems


def canonical(requirement: str) -> str:
    """The package that a requirement names, as package indexes write it."""
    name = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement


def asked_for(project: Mapping[str, Any], papers: str) -> Iterator[tuple[str, str]]:
    """(where, package) of every direct dependency; tools are those that no extra names, too."""
    extras = project["project"]["optional-dependencies"]
    named = {"core": project["project"]["dependencies"], **extras}
    for where, requirements in named.items():
        yield from ((where, canonical(each)) for each in requirements)
    known = {canonical(each) for requirements in named.values() for each in requirements}
    for where, requirements in project["dependency-groups"].items():
        for each in requirements:
            if isinstance(each, str) and canonical(each) not in known:
                yield where, canonical(each)
    for line in papers.splitlines():
        if line and not line.startswith("#"):
            yield "papers", canonical(line)


def explained(page: str) -> Iterator[tuple[str, str]]:
    """(where, package) of every row of the tables, whole rows alone."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([^`]+)`", cells[1]) if len(cells) == DEPENDENCY_COLUMNS else []
        if all(cells):
            yield from ((cells[0].strip("`"), canonical(name)) for name in names)


def dependencies(project: Mapping[str, Any], papers: str, page: str) -> list[str]:
    wanted, told = set(asked_for(project, papers)), set(explained(page))
    return [
        f"{DEPENDENCIES}: no whole row for {package} of {where}"
        for where, package in sorted(wanted - told)
    ] + [
        f"{DEPENDENCIES}: {package} of {where} is no dependency"
        for where, package in sorted(told - wanted)
    ]


def locked(wanted: Iterator[tuple[str, str]], locks: Mapping[str, str]) -> list[str]:
    """Every direct dependency must be in the lock that it is installed from."""
    found = {
        name: {canonical(each) for each in re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)}
        for name, text in locks.items()
    }
    # torch has a lock of its own; extras are installed for development alone.
    sources = {"core": ("install", "torch"), "build": ("install",)}
    sources |= {each: (each,) for each in ("papers", "site")}
    return [
        f"{LOCKS}: {package} of {where} is not locked: run make lock"
        for where, package in sorted(wanted)
        if not any(package in found[name] for name in sources.get(where, ("dev",)))
    ]


def supply() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    papers = (ROOT / LOCKS / "papers.in").read_text(encoding="utf-8")
    locks = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / LOCKS).glob("*.txt")}
    page = (ROOT / DEPENDENCIES).read_text(encoding="utf-8")
    return dependencies(project, papers, page) + locked(asked_for(project, papers), locks)


def main() -> int:
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    problems = [
        problem
        for page, text in texts.items()
        for check in (links, words, commands, tests)
        for problem in check(page, text)
    ]
    for source in SOURCES:
        problems += words(source, source.read_text(encoding="utf-8"))
    problems += mentions("\n".join(texts.values())) + supply()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(PAGES)} pages, {len(SOURCES)} sources, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
