"""The command line: parse, call, print. Commands are imported only when they run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from radiotracer.errors import InputError, RadiotracerError

_EXIT = """
Exit status: 0 ran, nothing found; 1 found (suspects flagged); 2 bad input or usage;
3 internal error. Every command takes --json (one object on standard output; progress goes to
standard error) and --help (with an example).
"""

app = App(
    name="radiotracer",
    help="Find tampered training examples by gradient tracing.",
    help_epilogue=_EXIT,
    help_format="plaintext",
    version="radiotracer.cli:_version",
    print_error=False,
    exit_on_error=False,
    result_action="return_value",
)

_COMMANDS = {
    "demo": "See the whole of it on MNIST: tamper, train, scan, report.",
    "tamper": "Tamper with a data set by a recipe, and write down what was done.",
    "train": "Train a reference network and record the training.",
    "scan": "Rank a recorded run's training examples by suspicion and report the suspects.",
}
for _name, _help in _COMMANDS.items():
    app.command(f"radiotracer.cli.{_name}:{_name}", name=_name, help=_help)

_data = App(name="data", help="List built-in data sets, or bring one into the cache.")
_data.command("radiotracer.cli.data:list_sets", name="list", help="List the built-in data sets.")
_data.command("radiotracer.cli.data:get_set", name="get", help="Bring a built-in data set in.")
app.command(_data)


def main(arguments: Sequence[str] | None = None) -> None:
    """The ``radiotracer`` command: run it and exit with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status."""
    try:
        status = app(list(arguments))
    except CycloptsError as error:
        print(f"radiotracer: {_usage(error)}", file=sys.stderr)
        return 2
    except InputError as error:
        print(f"radiotracer: {error}", file=sys.stderr)
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
            f"radiotracer: internal error: {type(error).__name__}: {' '.join(str(error).split())}; "
            "set RADIOTRACER_DEBUG=1 to see where, and please report it",
            file=sys.stderr,
        )
        return 3
    return status if isinstance(status, int) else 0


def _usage(error: CycloptsError) -> str:
    """A usage error in one line, with where to look."""
    chain = [str(part) for part in error.command_chain or ()]
    text = " ".join(str(error).split())
    return f"{text.rstrip('.')}; see `{' '.join(['radiotracer', *chain])} --help`"


def _version() -> str:
    from importlib.metadata import version

    return version("radiotracer")
