"""A scan as a JUnit report, which build servers show: one test case per class."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from radiotracer.cli.text import visible
from radiotracer.files import write_text
from radiotracer.scanning import Scan


def write_junit(scan: Scan, path: Path, *, passed: bool) -> None:
    """Write a scan as a JUnit XML file, replacing what is there.

    A class with suspects fails, and names them, most suspicious first; all classes are skipped
    where the scan was inconclusive. XML has no control characters: they are shown escaped.

    Args:
        scan: The scan.
        path: The file.
        passed: Whether the suspects are within what the pipeline allows: they are named, but no
            class fails.

    Raises:
        StorageError: The disk refused.
    """
    order = np.argsort(scan.decision.ranks)
    suspects = order[scan.decision.is_flagged[order]]
    labels = scan.identity.labels
    suite = ET.Element(
        "testsuite",
        name=f"radiotracer scan: {scan.detector}, {visible(scan.decision.words)}",
        tests=str(len(scan.class_names)),
        failures="0" if passed else str(len(np.unique(labels[suspects]))),
        errors="0",
        skipped="0" if scan.decision.inconclusive is None else str(len(scan.class_names)),
    )
    for label, name in enumerate(scan.class_names):
        case = ET.SubElement(suite, "testcase", classname="radiotracer.scan", name=visible(name))
        own = suspects[labels[suspects] == label]
        if scan.decision.inconclusive is not None:
            ET.SubElement(case, "skipped", message=visible(scan.decision.inconclusive))
        elif len(own):
            found = f"{len(own)} of {int((labels == label).sum())} examples are flagged"
            named = "\n".join(
                f"{visible(str(scan.identity.ids[row]))} (score {scan.scores[row]:.4g}, suggested "
                f"{visible(str(suggested))})"
                for row, suggested in zip(own, scan.suggested_of(own), strict=True)
            )
            if passed:
                ET.SubElement(case, "system-out").text = f"{found}, which is allowed\n{named}"
            else:
                ET.SubElement(case, "failure", message=found, type="suspects").text = named
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode")
    write_text(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
