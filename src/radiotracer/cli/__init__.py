"""The command line: parse, call, print."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from radiotracer.cli.help import root_help
from radiotracer.cli.text import visible
from radiotracer.errors import InputError, RadiotracerError

if TYPE_CHECKING:
    from cyclopts import CycloptsError


def main(arguments: Sequence[str] | None = None) -> None:
    """The ``radiotracer`` command: run it and exit with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status."""
    if list(arguments) in ([], ["--help"], ["-h"]):
        # The first thing that a newcomer types should not wait for the parser to be imported.
        sys.stdout.write(root_help())
        return 0
    return _run_command(arguments)


def _run_command(arguments: Sequence[str]) -> int:
    from cyclopts import CycloptsError

    from radiotracer.cli.app import app
    from radiotracer.cli.naming import in_options, options_of

    try:
        status = app(list(arguments))
        sys.stdout.flush()  # a reader that has gone is noticed here, not at the very end
    except CycloptsError as error:
        print(f"radiotracer: {_usage(error)}", file=sys.stderr)
        return 2
    except InputError as error:
        text = in_options(str(error), options_of(app, arguments))
        print(f"radiotracer: {text}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("radiotracer: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, say) has gone; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("RADIOTRACER_DEBUG") or isinstance(error, RadiotracerError):
            raise
        print(
            f"radiotracer: internal error: {type(error).__name__}: {_line(error)}; "
            "set RADIOTRACER_DEBUG=1 to see where, and please report it",
            file=sys.stderr,
        )
        return 3
    return status if isinstance(status, int) else 0


def _usage(error: CycloptsError) -> str:
    """A usage error in one line, with where to look."""
    from cyclopts import UnusedCliTokensError

    chain = [str(part) for part in error.command_chain or ()]
    text = _line(error)
    if not text.endswith("..."):  # where a list of commands is cut short
        text = text.rstrip(".")
    if isinstance(error, UnusedCliTokensError):
        text = f"Too many arguments: {visible(' '.join(error.unused_tokens or ()))}"
    return f"{text}; see `{' '.join(['radiotracer', *chain])} --help`"


def _line(error: Exception) -> str:
    return visible(" ".join(str(error).split()))
