"""How the code is built: lines, import circles, files that one thing takes, seconds of --help.

    python -m bench house [--only lines circles files help] [--rounds 5] [--out FILE]

- lines: of Python in the wheel
- circles: packages whose children import each other, by any way round
- files: of every kind of thing that can be added (a detector, a recipe, …), in how many files of
  the product a built-in one is named in code, docstrings aside: the fewest, the median, the most. A
  kind of which one is named in its own file alone takes one file and no other change. Branches are
  comparisons with such a name outside of the folder that holds the kind
- help: processor seconds, user and system, of each command's --help in a process of its own (the
  median of the rounds), and whether it imported torch; an empty interpreter is the first row

Another tree is measured by ``PYTHONPATH=its/src``.
"""

from __future__ import annotations

import ast
import importlib.util
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal, get_args

from bench.keeping import write_json
from bench.tables import table
from radiotracer.registry import Registry

Part = Literal["lines", "circles", "files", "help"]

REGISTRIES = {
    "detector": "radiotracer.detectors:DETECTORS",
    "recipe": "radiotracer.recipes:RECIPES",
    "format": "radiotracer.data.format:FORMATS",
    "modality": "radiotracer.data.modality:MODALITIES",
    "design": "radiotracer.provenance.designs:DESIGNS",
    "network": "radiotracer.training.network:NETWORKS",
    "suspect": "radiotracer.provenance.models.kind:KINDS",
}

HELP = """
import sys
from radiotracer.cli import run
status = run(sys.argv[1:])
print("torch" in sys.modules, file=sys.stderr)
raise SystemExit(status)
"""


def main(
    *, only: tuple[Part, ...] = get_args(Part), rounds: int = 5, out: Path | None = None
) -> None:
    """Print what is asked for.

    Args:
        only: Parts.
        rounds: Processes for each page of help.
        out: A JSON file for the numbers.
    """
    parts: dict[Part, Callable[[], object]] = {
        "lines": lines,
        "circles": circles,
        "files": files,
        "help": lambda: help_seconds(rounds),
    }
    write_json(out, {part: parts[part]() for part in only})


def lines() -> int:
    count = sum(path.read_bytes().count(b"\n") for path in sources())
    print(f"lines of Python in the wheel: {count:,}")
    return count


def circles() -> list[str]:
    import grimp

    graph = grimp.build_graph("radiotracer", cache_dir=None)
    packages = sorted(each for each in graph.modules if graph.find_children(each))
    found = [each for each in packages if graph.nominate_cycle_breakers(each)]
    print(f"packages with an import circle: {len(found)} {' '.join(found)}".rstrip())
    return found


def files() -> dict[str, dict[str, Any]]:
    """By kind."""
    told: dict[str, dict[str, Any]] = {}
    for kind, place in REGISTRIES.items():
        registry: Registry[object] = resolve_name(place)
        names = {name for name in registry if _is_built_in(registry[name])}
        home = Path(*registry.home.split(".")[1:])
        counts = {name: len(named_in(name)) for name in sorted(names)}
        most = max(counts, key=lambda name: counts[name])
        told[kind] = {
            "built in": len(counts),
            "fewest": min(counts.values()),
            "median": statistics.median(counts.values()),
            "most": f"{counts[most]} ({most})",
            "branches": [f"{path}:{line}" for path, line in sorted(set(branches(names, home)))],
        }
    titles = ("built in", "fewest", "median", "most", "branches")
    rows = ([kind, *list(each.values())[:-1], len(each["branches"])] for kind, each in told.items())
    print("\n" + table(["", *titles], rows))
    return told


def help_seconds(rounds: int) -> dict[str, dict[str, Any]]:
    """By command."""
    from radiotracer.cli.help import all_commands

    commands = ("", *(each.name for each in all_commands()))
    told: dict[str, dict[str, Any]] = {"python -c pass": _measured(["pass"], rounds)}
    for name in commands:
        told[f"radiotracer {name} --help"] = _measured([HELP, *name.split(), "--help"], rounds)
    rows = ((name, f"{each['seconds']:.2f}", each["torch"]) for name, each in told.items())
    print("\n" + table(["command", "processor seconds", "torch imported"], rows))
    return told


def _measured(program: list[str], rounds: int) -> dict[str, Any]:
    """Processor seconds of a process, the median over the rounds, and what it said of torch."""
    found, said = [], ""
    for _ in range(rounds):
        command = [sys.executable, "-c", *program]
        before = _processor_seconds()
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        found.append(_processor_seconds() - before)
    return {"seconds": statistics.median(found), "torch": said.rstrip().endswith("True")}


@cache
def root() -> Path:
    """The folder of the package that is measured."""
    spec = importlib.util.find_spec("radiotracer")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def sources() -> Iterator[Path]:
    """Every Python file of the product."""
    return root().rglob("*.py")


@cache
def trees() -> Mapping[Path, ast.Module]:
    """What each file says, without docstrings."""
    found = {}
    for path in sources():
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):  # lambdas have an expression
                node.body = [each for each in body if not _is_text(each)]  # type: ignore[attr-defined]
        found[path.relative_to(root())] = tree
    return found


def named_in(name: str) -> set[Path]:
    """Files whose code has this text, whole."""
    return {path for path, tree in trees().items() if name in _texts(tree)}


def branches(names: set[str], home: Path) -> Iterator[tuple[Path, int]]:
    """Comparisons with one of these names, and match cases of one, outside of a folder."""
    for path, tree in trees().items():
        if path.is_relative_to(home):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare | ast.MatchValue) and names & _texts(node):
                line = node.lineno
                yield path, line


def _texts(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_built_in(thing: object) -> bool:
    module = str(getattr(thing, "__module__", type(thing).__module__))
    return module.partition(".")[0] == "radiotracer"


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
