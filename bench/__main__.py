"""Run a benchmark: ``python -m bench NAME [options]``; without a name, list them.

A benchmark is a module of this package, or a package in it, with a function `main`: the first line
of its docstring is shown in the list, and the function's keyword arguments are its options. Nothing
is imported but the one that runs. Each runs in one thread, so that figures are the same on any
number of cores; ``OMP_NUM_THREADS=2 python -m bench speed`` gives it two.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cyclopts import App, CycloptsError, Parameter
from pydantic import ValidationError

from radiotracer.cli.naming import in_options, options_of
from radiotracer.errors import InputError

HERE = Path(__file__).parent
WIDTH = 80


def benchmarks() -> Mapping[str, str]:
    """What each is for, in a line, by name."""
    found = {}
    for path in sorted([*HERE.glob("*.py"), *HERE.glob("*/__init__.py")]):
        tree = ast.parse(path.read_bytes())
        name = path.parent.name if path.name == "__init__.py" else path.stem
        if not name.startswith("_") and any(map(_is_main, tree.body)):
            found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return dict(sorted(found.items()))


def run(arguments: Sequence[str]) -> int:
    """Run what the arguments name; return the exit status.

    2 for a name, an option or data that will not do, in one line on standard error; otherwise what
    the benchmark returns.
    """
    known = benchmarks()
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(listed(known))
        return 0
    name, *rest = arguments
    if name not in known:
        return _refused(f"expected a benchmark ({', '.join(known)}); got {name!r}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch and numpy are imported
    module = importlib.import_module(f"bench.{name}")
    app = parser(name, module.main, module.__doc__ or "")
    try:
        status = app(rest)
    except CycloptsError as error:
        return _refused(_usage(error))
    except InputError as error:
        return _refused(in_options(str(error), options_of(app, rest)))
    return status if isinstance(status, int) else 0


def parser(name: str, main: Callable[..., object], text: str) -> App:
    """The command line of one benchmark: an option for each keyword argument of `main`."""
    app = App(
        name=f"python -m bench {name}",
        help=text,
        help_format="plaintext",
        version_flags=[],
        default_parameter=Parameter(consume_multiple=True, negative_iterable=""),
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    app.default(main)
    return app


def listed(known: Mapping[str, str]) -> str:
    """The names, each with its line."""
    column = max(map(len, known)) + 4
    rows = [
        textwrap.fill(
            text, WIDTH, initial_indent=f"  {name:<{column - 2}}", subsequent_indent=" " * column
        )
        for name, text in known.items()
    ]
    return "\n".join(["Usage: python -m bench NAME [options]; --help after a name.", "", *rows])


def _is_main(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return any((alias.asname or alias.name) == "main" for alias in statement.names)
    return isinstance(statement, ast.FunctionDef) and statement.name == "main"


def _usage(error: CycloptsError) -> str:
    """A usage error; of settings that refuse a value, which and why."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return " ".join(str(error).split())
    first = cause.errors()[0]
    option = "--" + "-".join(str(part) for part in first["loc"][:1]).replace("_", "-")
    wanted = first["msg"].removeprefix("Input should be ")
    return f"expected {option} {wanted}; got {first['input']!r}; choose another value"


def _refused(text: str) -> int:
    print(f"bench: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
