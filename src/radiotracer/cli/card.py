"""``radiotracer card``: what a card of a model or a data set may say of a result."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit
from radiotracer.cli.options import ImageSize, Json
from radiotracer.integrations.cards import card as card_of
from radiotracer.integrations.croissant import croissant as croissant_of


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
    image_size: ImageSize = None,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    if croissant:
        emit(croissant_of(folder, image_size=image_size))  # one JSON object, with or without --json
        return 0
    text = card_of(folder, image_size=image_size)
    if json:
        emit({"folder": str(folder), "card": text})
    else:
        sys.stdout.write(text)
    return 0
