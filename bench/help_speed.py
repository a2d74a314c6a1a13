"""How long a command's help takes, in processor seconds, and whether torch was imported for it.

    python -m bench help_speed [--rounds N]

Every page is printed by a fresh process; the median of the rounds counts, user and system time
together. An empty interpreter is the first row.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from bench.tables import table
from radiotracer.cli.help import all_commands

SHOWN = (
    "import sys; from radiotracer.cli import run; run(sys.argv[1:]); "
    "sys.exit('torch' in sys.modules)"
)


def main(*, rounds: int = 5) -> None:
    """Print a table of commands.

    Args:
        rounds: Processes for each.
    """
    commands = ["--help", *(f"{each.name} --help" for each in all_commands())]
    rows = [("python -c pass", f"{median([sys.executable, '-c', 'pass'], rounds)[0]:.2f}", "no")]
    for command in commands:
        seconds, status = median([sys.executable, "-c", SHOWN, *command.split()], rounds)
        rows.append((f"radiotracer {command}", f"{seconds:.2f}", "yes" if status else "no"))
    print(table(("command", "CPU seconds", "torch"), rows))


def median(command: list[str], rounds: int) -> tuple[float, int]:
    """Processor seconds of a process, the median over rounds, and its exit status."""
    found, status = [], 0
    for _ in range(rounds):
        before = os.times()
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        after, status = os.times(), done.returncode
        user = after.children_user - before.children_user
        found.append(user + after.children_system - before.children_system)
    return statistics.median(found), status
