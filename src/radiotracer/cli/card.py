"""``radiotracer card``: what a card of a model or a data set may say of a result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit
from radiotracer.cli.options import DEFAULT_READING, Json, ReadingOptions


@command("card")
def card(
    folder: Annotated[
        Path,
        Parameter(
            help="The --out of a scan, an audit, a mark, an export of a review, or stored data."
        ),
    ],
    /,
    *,
    croissant: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Print Croissant metadata (JSON-LD) of data instead.",
        ),
    ] = False,
    reading: ReadingOptions = DEFAULT_READING,
    json: Json = False,
) -> int:
    """Write what the card of a model or a data set may say of a result.

    Markdown on standard output. Of a scan or an audit it is a section: what was scanned and how,
    error rates or why there are none; what the p-value supports, and no more. Of marked, cleaned or
    stored data it is a card with the front matter of Hugging Face: that they are marked, the digest
    of the commitment, how to ask. With --croissant it is Croissant 1.0 metadata with the SHA-256 of
    every file. Nothing sealed is read.

    Example: radiotracer card audit >> README.md

    Example: radiotracer card marked --croissant > marked/release/croissant.json
    """
    from radiotracer.integrations.cards import card as card_of
    from radiotracer.integrations.croissant import croissant as croissant_of

    if croissant:
        emit(croissant_of(folder, **reading.given()))  # one JSON object, with or without --json
        return 0
    text = card_of(folder, **reading.given())
    if json:
        emit({"folder": str(folder), "card": text})
    else:
        sys.stdout.write(text)
    return 0
