"""``--install-completion``: what Tab offers after ``radiotracer``, in bash, zsh and fish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.console import out as console
from radiotracer.errors import InputError
from radiotracer.files import storage_errors

Shell = Literal["bash", "zsh", "fish"]


def install_completion(
    *,
    shell: Annotated[
        Shell | None, Parameter(help="Which shell; by default the one that this is typed in.")
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(
            help="Write the script to this file alone (for zsh: _cyclopts_radiotracer, in a folder "
            "of fpath). By default it goes where the shell looks for it, and for bash and zsh the "
            "start-up file in the home folder loads it."
        ),
    ] = None,
) -> int:
    """Run the command; return its exit status."""
    from radiotracer.cli.app import app

    shell = shell or _this_shell()
    with storage_errors(out or Path.home()):
        written = app.install_completion(shell=shell, output=out, add_to_startup=out is None)
    console.print(f"completion for {shell}  {written}")
    if out is None:
        console.print(f"next: exec {shell}")
    return 0


def _this_shell() -> Shell:
    from cyclopts.completion import detect_shell
    from cyclopts.completion.detect import ShellDetectionError

    try:
        found = detect_shell()
    except ShellDetectionError:
        found = None
    if found in ("bash", "zsh", "fish"):
        return found
    raise InputError(
        expected="to be called from bash, zsh or fish",
        came=found or "no shell that is known",
        do="name one: --install-completion --shell bash",
    )
