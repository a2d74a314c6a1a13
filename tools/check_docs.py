"""Check the documentation: links, commands and names that it must and may mention.

Every relative link resolves; every command line in a console block parses; every command and every
public Python name is mentioned; nothing mentions a file of ours that does not exist.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from cyclopts import CycloptsError

import radiotracer
from radiotracer.cli.app import app
from radiotracer.cli.help import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
NAMED_ELSEWHERE = {"Recording", "Scan"}  # results of documented functions


def links(page: Path, text: str) -> list[str]:
    problems = []
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not (page.parent / target).exists():
            problems.append(f"{page.relative_to(ROOT)}: link to {target}, which is not there")
    return problems


def files(page: Path, text: str) -> list[str]:
    problems = []
    for target in re.findall(r"`((?:docs|src|tests|benchmarks|tools)/[\w./-]+)`", text):
        if not (ROOT / target).exists():
            problems.append(f"{page.relative_to(ROOT)}: names {target}, which is not there")
    return problems


def command_lines(text: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("radiotracer ")]


def commands(page: Path, text: str) -> list[str]:
    problems = []
    for line in command_lines(text):
        # A comment begins after a space; the # of DATA#ROW does not.
        tokens = shlex.split(re.sub(r"\s#.*", "", line.partition(" && ")[0]))[1:]
        if "--help" in tokens or "--version" in tokens:
            continue
        try:
            app.parse_args(tokens, print_error=False, exit_on_error=False)
        except CycloptsError as error:
            problems.append(f"{page.relative_to(ROOT)}: `{line}`: {error}")
    return problems


def mentions(whole: str) -> list[str]:
    problems = []
    for command in COMMANDS:
        if f"radiotracer {command}" not in whole:
            problems.append(f"`radiotracer {command}` is not documented")
    for name in set(radiotracer.__all__) - NAMED_ELSEWHERE:
        if not re.search(rf"\b{re.escape(name)}\b", whole):
            problems.append(f"radiotracer.{name} is not documented")
    return problems


def main() -> int:
    texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
    problems = [
        problem
        for page, text in texts.items()
        for check in (links, files, commands)
        for problem in check(page, text)
    ]
    problems += mentions("\n".join(texts.values()))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(PAGES)} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
