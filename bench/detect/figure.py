"""One picture of it all: recall at 1 % false positives, recipes down, detectors across (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from bench.detect.result import Cell
from bench.detect.summary import groups

METRIC = "tpr_at_fpr_01"
LEFT, TOP, WIDE, HIGH = 520, 190, 46, 24
"""Room for the names, and the size of a field, in pixels."""


def figure(cells: Sequence[Cell]) -> str:
    """A table of shaded fields, each with its number: mean over the seeds, darker is more."""
    rows = [group for group in groups(cells) if group.detectors]
    names = list(dict.fromkeys(name for group in rows for name in group.detectors))
    width, height = LEFT + WIDE * len(names) + 40, TOP + HIGH * len(rows) + 16
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "font-family": "system-ui, sans-serif",
            "font-size": "12",
        },
    )
    title = "Recall where 1 % of the clean examples are flagged, mean over the seeds"
    ElementTree.SubElement(svg, "title").text = title
    _rectangle(svg, (0, 0), (width, height), "#ffffff")
    _text(svg, 12, 22, title, weight="bold")
    for column, name in enumerate(names):
        x, y = LEFT + WIDE * column + WIDE // 2, TOP - 8
        _text(svg, x, y, name).set("transform", f"rotate(-60 {x} {y})")
    for row, group in enumerate(rows):
        y = TOP + HIGH * row
        _text(svg, LEFT - 10, y + 16, group.title, anchor="end")
        for column, name in enumerate(names):
            spread = group.spread(name, METRIC)
            if spread is None:
                continue
            x = LEFT + WIDE * column
            _rectangle(svg, (x, y), (WIDE - 2, HIGH - 2), _shade(spread.mean))
            ink = "#ffffff" if spread.mean > 0.55 else "#222222"
            _text(svg, x + WIDE // 2 - 1, y + 16, f"{spread.mean:.2f}", anchor="middle", ink=ink)
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _shade(share: float) -> str:
    """From nearly white at 0 to dark blue at 1."""
    light, dark = (242, 244, 248), (16, 58, 120)
    mixed = (round(a + (b - a) * share) for a, b in zip(light, dark, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _rectangle(
    parent: ElementTree.Element, corner: tuple[int, int], size: tuple[int, int], fill: str
) -> None:
    names = ("x", "y", "width", "height")
    place = dict(zip(names, map(str, (*corner, *size)), strict=True))
    ElementTree.SubElement(parent, "rect", place, fill=fill)


def _text(
    parent: ElementTree.Element,
    x: int,
    y: int,
    words: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    ink: str = "#222222",
) -> ElementTree.Element:
    place = {"x": str(x), "y": str(y), "text-anchor": anchor, "font-weight": weight, "fill": ink}
    element = ElementTree.SubElement(parent, "text", place)
    element.text = words
    return element
