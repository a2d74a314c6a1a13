"""Whether an audit's page still says what its evidence says."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from radiotracer.provenance.checked import Told
from radiotracer.provenance.evidence import Evidence
from radiotracer.views import page_of

REPORT_FILE = "report.html"

_MOST_BYTES = 64 << 20
_DRAWN_BY = re.compile(r'<meta name="generator" content="([^"<>]{1,100})">')


def page_line(folder: Path, evidence: Evidence) -> Told:
    """Draw the page again from the evidence, and compare.

    Other releases, of ours or of the library that draws charts, draw other pages: theirs are not
    compared, and that is said.

    Args:
        folder: Of the audit.
        evidence: What is in it.
    """
    file = folder / REPORT_FILE
    if not file.is_file():
        return Told(None, f"no {REPORT_FILE} there")
    with file.open("rb") as stream:
        there = stream.read(_MOST_BYTES)
    again = page_of(evidence)
    if there == again.encode():
        return Told(True, f"{REPORT_FILE} says what the evidence says")
    theirs, ours = _DRAWN_BY.search(there.decode(errors="replace")), _DRAWN_BY.search(again)
    if evidence.version != version("radiotracer"):
        other = f"radiotracer {evidence.version}"
    elif theirs is not None and ours is not None and theirs[1] != ours[1]:
        other = theirs[1]
    else:
        return Told(False, f"{REPORT_FILE} was changed: rely on evidence.json alone")
    return Told(None, f"not checked: made by another version, {other}")
