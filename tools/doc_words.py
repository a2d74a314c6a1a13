"""What a text may name in code spans: files, modules, commands, benchmarks, targets, their options.

A word is held against what is there: a path against the tree, ``radiotracer.x.y`` against what can
be imported, ``radiotracer x --y`` against the command line, ``python -m bench x --y`` against the
benchmarks, ``make x`` against the Makefile.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for `bench`, which is not installed

from bench import __main__ as bench  # noqa: E402
from radiotracer.cli.app import app  # noqa: E402
from radiotracer.cli.help import GROUPS, all_commands  # noqa: E402

PACKAGE = ROOT / "src" / "radiotracer"
FOLDERS = (".ci", "bench", "docs", "src", "tests", "tools")
PAST = ("auditing", "benchmarks", "lab", "marking", "report")
"""Folders that were moved: what a text says about them is no longer so."""

OWN = {"benchmarks.py", "net.py", "train.py"}
"""Files of a reader's own that pages name."""

PIP = ("--only-binary", "--require-hashes")

SPAN = re.compile(r"(?<!`)(?:``([^`]+)``|`([^`]+)`)(?!`)")
FENCED = re.compile(r"^ *(```|:::|~~~).*?^ *\1", flags=re.DOTALL | re.MULTILINE)
PATH = re.compile(r"\.?[\w*-][\w.*-]*(?:/[\w.*-]*)*")
OPTION = re.compile(r"(?:^| )(--[a-z][a-z-]*)")


def spans(text: str) -> Iterator[str]:
    """The code spans of a text, each in one line; fenced blocks are another check's."""
    for found in SPAN.finditer(FENCED.sub("", text)):
        yield " ".join((found[1] or found[2]).split())


def problems(span: str, *, page: bool) -> Iterator[str]:
    """What a span names that is not there.

    Args:
        span: One line.
        page: Whether it stands in a page of documentation: sources name files of users, too.
    """
    first, _, rest = span.partition(" ")
    if first == "radiotracer" and rest:
        yield from _command(rest.split())
    elif page and first in _commands() and rest.startswith("--"):
        yield from _command(span.split())
    elif span.startswith("python -m bench "):
        yield from _benchmark(span.split()[3:])
    elif page and OPTION.match(span):
        yield from (
            f"`{span}`: nothing has the option {option}"
            for option in OPTION.findall(span)
            if option not in _every_option()
        )
    elif first == "make" and re.fullmatch(r"[a-z][a-z-]*", rest.partition(" ")[0]):
        if f"\n{rest.partition(' ')[0]}:" not in (ROOT / "Makefile").read_text("utf-8"):
            yield f"`{span}`, which the Makefile does not know"
    elif re.fullmatch(r"(radiotracer|bench)(\.\w+)+", span):
        if not _is_name(span):
            yield f"{span}, which cannot be imported"
    elif PATH.fullmatch(span) and _is_ours(span, page=page) and not _is_there(span):
        yield f"{span}, which is not there"


def _is_ours(path: str, *, page: bool) -> bool:
    """Whether a path is one of this project: others are a user's."""
    top, slash, _ = path.partition("/")
    if path.endswith(".py"):
        return path not in OWN
    if not slash:
        return False
    return top in FOLDERS or (page and (top in PAST or (PACKAGE / top).is_dir()))


def _is_there(path: str) -> bool:
    """Whether the tree has it: from the root, or as the end of a path where no top folder is."""
    if path.partition("/")[0] in FOLDERS:
        return any(ROOT.glob(path))
    wanted = re.compile(f"(.*/)?{re.escape(path.rstrip('/'))}".replace(r"\*", "[^/]*"))
    return any(map(wanted.fullmatch, _tree()))


@functools.cache
def _tree() -> tuple[str, ...]:
    tops = [ROOT / each for each in FOLDERS]
    found = (path for top in tops for path in top.rglob("*") if "__pycache__" not in path.parts)
    return tuple(str(path.relative_to(ROOT)) for path in found)


@functools.cache
def _entry_points() -> frozenset[str]:
    """Groups of entry points: they look like modules."""
    sources = (path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    found = (re.findall(r'group="(radiotracer\.\w+)"', text) for text in sources)
    return frozenset(name for names in found for name in names)


@functools.cache
def _is_name(dotted: str) -> bool:
    if dotted in _entry_points():
        return True
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError):
        # A field or a method that only instances have, of a class that is there, will do.
        owner, _, last = dotted.rpartition(".")
        try:
            return last in getattr(pkgutil.resolve_name(owner), "__annotations__", {})
        except (ImportError, AttributeError):
            return False
    return True


@functools.cache
def _commands() -> frozenset[str]:
    return frozenset(each.name for each in all_commands())


def _command(words: list[str]) -> Iterator[str]:
    """A command line without its program."""
    if not re.fullmatch(r"[a-z][a-z|-]*", words[0]):
        return  # options of all commands, and places where any command may stand
    names = [words[0]] if words[0] in _commands() else [" ".join(words[:2])]
    if "|" in " ".join(words[:2]):
        last = words[1].split("|") if words[0] in GROUPS else words[0].split("|")
        names = [f"{words[0]} {each}" if words[0] in GROUPS else each for each in last]
    if words == [words[0]] and words[0] in GROUPS:
        return
    for name in names:
        if name not in _commands():
            yield f"`radiotracer {' '.join(words)}`, which is no command"
            continue
        known = _options(name)
        for option in OPTION.findall(" ".join(words)):
            if option not in known:
                yield f"`radiotracer {' '.join(words)}`: {name} has no option {option}"


@functools.cache
def _options(command: str) -> frozenset[str]:
    here = app
    for name in command.split():
        here = here[name]
    arguments = here.assemble_argument_collection()
    return frozenset(name for each in arguments for name in each.names) | {"--help"}


@functools.cache
def _every_option() -> frozenset[str]:
    """Of all commands and benchmarks, and others that pages speak of."""
    others = frozenset({"--install-completion", "--version", *PIP})
    found = [_options(each) for each in _commands()]
    return others.union(*found, *map(_settings, bench.benchmarks()))


def _benchmark(words: list[str]) -> Iterator[str]:
    name = words[0]
    if name in {"NAME", "name"}:
        return
    if name not in bench.benchmarks():
        yield f"`python -m bench {' '.join(words)}`, which is no benchmark"
        return
    known = _settings(name)
    for option in OPTION.findall(" ".join(words)):
        if option not in known:
            yield f"`python -m bench {' '.join(words)}`: {name} has no option {option}"


@functools.cache
def _settings(name: str) -> frozenset[str]:
    main = importlib.import_module(f"bench.{name}").main
    arguments = bench.parser(name, main, "").assemble_argument_collection()
    return frozenset(each for argument in arguments for each in argument.names) | {"--help"}
