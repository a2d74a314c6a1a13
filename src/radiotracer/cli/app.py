"""The commands, each imported only when it runs."""

from __future__ import annotations

from cyclopts import App

from radiotracer.cli.help import EPILOGUE, GROUPS, ROOT, all_commands


def _version() -> str:
    from importlib.metadata import version

    return version("radiotracer")


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
_groups = {name: App(name=name, help=text) for name, text in GROUPS.items()}
for _command in all_commands():
    _group, _, _name = _command.name.rpartition(" ")
    (_groups[_group] if _group else app).command(_command.place, name=_name, help=_command.help)
for _commands in _groups.values():
    app.command(_commands)
