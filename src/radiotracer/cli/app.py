"""The commands, each imported only when it runs."""

from __future__ import annotations

from cyclopts import App

from radiotracer.cli.help import COMMANDS, EPILOGUE, GROUPS, ROOT


def _version() -> str:
    from importlib.metadata import version

    return version("radiotracer")


def _python(name: str) -> str:
    """What a command is called in Python."""
    return "list_" if name == "list" else name.replace("-", "_")  # list is a built-in


app = App(
    name="radiotracer",
    help=ROOT,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=_version,
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(
    "radiotracer.cli.completion:install_completion",
    name="--install-completion",
    help="Let Tab complete commands, options and choices, in bash, zsh or fish.\n\n"
    "Run it again after an update.\n\nExample: radiotracer --install-completion",
    group="Options",
)
app["--help"].group = app["--version"].group = "Options"
_FILES = {"bench audit": "bench_audit", "reproduce radioactive": "bench_audit"}
_groups = {name: App(name=name, help=text) for name, text in GROUPS.items()}
for _group in _groups.values():
    app.command(_group)
for _command, _help in COMMANDS.items():
    _home, _, _name = _command.rpartition(" ")
    (_groups[_home] if _home else app).command(
        f"radiotracer.cli.{_FILES.get(_command, _home or _python(_name))}:{_python(_name)}",
        name=_name,
        help=_help,
    )
