"""What ``radiotracer --help`` prints; it imports no command."""

from __future__ import annotations

import functools
import textwrap

from radiotracer.cli.commands import Command, commands

ROOT = """\
Find tampered training examples, and tell whether a model was trained on your data.

Example: radiotracer demo --quick"""

GROUPS = {
    "key": (
        "Make the secret key of your marks or a signing key, show one, or check marked data.\n\n"
        "Example: radiotracer key new my.key"
    ),
    "data": (
        "List the built-in data sets, bring one into the cache, or store large data.\n\n"
        "Example: radiotracer data list"
    ),
    "reproduce": (
        "Repeat a published experiment.\n\nExample: radiotracer reproduce tracein --scale quick"
    ),
}
"""Commands that only hold other commands."""

EPILOGUE = (
    "Exit status: 0 ran, nothing found; 1 found (examples flagged, a mark detected); 2 bad input "
    "or usage; 3 internal error; 4 inconclusive, neither found nor clean. With "
    "--json, one object goes to standard output; progress always goes to standard error."
)

ORDER = (
    "demo",
    "check",
    "tamper",
    "train",
    "scan",
    "trace",
    "review",
    "explain",
    "key",
    "mark",
    "power",
    "audit",
    "verify",
    "sign",
    "verify-signature",
    "card",
    "data",
    "reproduce",
)
"""In which order the commands are shown, as they are used; others follow."""


@functools.cache
def all_commands() -> tuple[Command, ...]:
    """Every command, in the order in which they are shown."""
    place = {name: number for number, name in enumerate(ORDER)}
    return tuple(
        sorted(commands(), key=lambda each: place.get(each.name.partition(" ")[0], len(place)))
    )


def root_help(width: int = 80) -> str:
    """What ``radiotracer --help`` prints."""
    rows = [(each.name, each.help.partition("\n")[0]) for each in all_commands()]
    column = max(len(name) for name, _ in rows) + 4
    listed = [
        textwrap.fill(
            text, width, initial_indent=f"  {name:<{column - 2}}", subsequent_indent=" " * column
        )
        for name, text in rows
    ]
    return "\n".join(
        [
            "Usage: radiotracer COMMAND",
            "",
            *(textwrap.fill(paragraph, width) + "\n" for paragraph in ROOT.split("\n\n")),
            "Commands:",
            *listed,
            "",
            "Each command has --help with an example; --version prints the version,",
            "--install-completion makes Tab complete commands and options.",
            "",
            textwrap.fill(EPILOGUE, width),
            "",
        ]
    )
