"""An explanation as files: explanation.json and explanation.html."""

from __future__ import annotations

import os
from pathlib import Path

from radiotracer.explaining import Explanation
from radiotracer.files import atomic_folder, write_text
from radiotracer.present.reasons import Reasons
from radiotracer.present.reasons_page import render_reasons
from radiotracer.present.views.explanation import describe

JSON_FILE = "explanation.json"
PAGE_FILE = "explanation.html"


def write_explanation(
    explanation: Explanation,
    out: str | os.PathLike[str],
    *,
    command: str = "",
    overwrite: bool = False,
) -> Reasons:
    """Write ``explanation.json`` and ``explanation.html`` into a new folder, whole or not at all.

    Args:
        explanation: The explanation.
        out: A new folder.
        command: What the user typed, for the page; nothing is said of it where it is empty.
        overwrite: Replace an earlier explanation in `out`.

    Returns:
        What both files say.
    """
    with atomic_folder(Path(out), marker=JSON_FILE, overwrite=overwrite) as folder:
        reasons = describe(explanation, command=command)
        write_text(folder / PAGE_FILE, render_reasons(reasons))
        write_text(folder / JSON_FILE, reasons.to_json() + "\n")
    return reasons
