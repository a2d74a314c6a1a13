"""Draw docs/img/radioactive-toy.svg: how a mark turns a classifier, in two dimensions.

    python tools/toy_picture.py

Two classes of points, logistic regression fitted to them by Newton's method, once as they are and
once with half of one class moved along a carrier. Everything drawn is computed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

POINTS, SHARE, SHIFT = 150, 0.5, 1.8
SIZE, SCALE = 300, 38
START = np.array([-2.9, -2.6])
TARGET = Path(__file__).parent.parent / "docs" / "img" / "radioactive-toy.svg"


def main() -> None:
    """Write the picture and print the angles."""
    generator = np.random.default_rng(3)
    blue = generator.normal((-1.3, 0.0), 0.9, (POINTS, 2))
    red = generator.normal((1.3, 0.0), 0.9, (POINTS, 2))
    carrier = np.array([np.cos(np.deg2rad(75)), np.sin(np.deg2rad(75))])
    marked = np.zeros(POINTS, dtype=bool)
    marked[generator.choice(POINTS, round(SHARE * POINTS), replace=False)] = True
    moved = red + SHIFT * marked[:, None] * carrier
    panels = []
    for title, points, shown in (
        ("as they are", red, None),
        ("half of the red marked", moved, marked),
    ):
        normal, offset = fitted(blue, points)
        cosine = float(normal @ carrier / np.linalg.norm(normal))
        print(f"{title}: cosine of the classifier with the carrier {cosine:.2f}")
        panels.append(panel(title, cosine, blue, points, shown, normal, offset, carrier))
    body = "".join(
        f'<g transform="translate({i * (SIZE + 20)} 0)">{each}</g>' for i, each in enumerate(panels)
    )
    width = 2 * SIZE + 20
    TARGET.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {SIZE + 50}" '
        f'width="{width}" height="{SIZE + 50}" font-family="sans-serif" font-size="13" role="img" '
        f'aria-label="A classifier before and after its data were marked">'
        f'<rect width="{width}" height="{SIZE + 50}" fill="#ffffff"/>'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="6" '
        'markerHeight="6" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" '
        f'fill="context-stroke"/></marker></defs>{body}</svg>\n',
        encoding="utf-8",
    )


def fitted(blue: Reals, red: Reals) -> tuple[Reals, float]:
    """Weights and constant of a logistic regression, red being 1, with a small ridge."""
    x = np.column_stack([np.vstack([blue, red]), np.ones(2 * POINTS)])
    y = np.repeat([0.0, 1.0], POINTS)
    weights, ridge = np.zeros(3), 1e-2 * np.diag([1.0, 1.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge
        weights -= np.linalg.solve(hessian, x.T @ (p - y) + ridge @ weights)
    return weights[:2], float(weights[2])


def panel(  # noqa: PLR0917 - one picture
    title: str,
    cosine: float,
    blue: Reals,
    red: Reals,
    marked: NDArray[np.bool_] | None,
    normal: Reals,
    offset: float,
    carrier: Reals,
) -> str:
    """One half of the picture."""
    clip = f"c{len(title)}"
    parts = [
        f'<text x="{SIZE / 2}" y="16" text-anchor="middle">{title}</text>',
        f'<clipPath id="{clip}"><rect y="24" width="{SIZE}" height="{SIZE}"/></clipPath>',
        f'<rect y="24" width="{SIZE}" height="{SIZE}" fill="#fafafa" stroke="#d0d0d0"/>',
        f'<g clip-path="url(#{clip})">',
    ]
    for x, y in map(at, blue):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#4c78a8" opacity="0.6"/>')
    for i, (x, y) in enumerate(map(at, red)):
        on = marked is not None and marked[i]
        look = 'stroke="#111111" stroke-width="1.2"' if on else 'opacity="0.6"'
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="#e45756" {look}/>')
    unit = normal / np.linalg.norm(normal)
    foot = -offset * normal / (normal @ normal)
    along = np.array([-unit[1], unit[0]])
    parts += [
        line(foot - 9 * along, foot + 9 * along, "#333333", dash="5 4"),
        line(foot, foot + 1.5 * unit, "#333333", tip=True),
        line(START, START + 1.5 * carrier, "#0a7d3b", tip=True),
        "</g>",
        f'<text x="{at(START)[0] + 8:.0f}" y="{at(START)[1]:.0f}" fill="#0a7d3b">carrier</text>',
        f'<text x="{SIZE / 2}" y="{SIZE + 42}" text-anchor="middle">'
        f"cosine of classifier and carrier {cosine:.2f}</text>",
    ]
    return "".join(parts)


def at(point: Reals | tuple[float, float]) -> tuple[float, float]:
    """Where a point is drawn."""
    return SIZE / 2 + SCALE * point[0], 24 + SIZE / 2 - SCALE * point[1]


def line(start: Reals, end: Reals, colour: str, *, dash: str = "", tip: bool = False) -> str:
    """A line, or an arrow."""
    (x1, y1), (x2, y2) = at(start), at(end)
    more = (f' stroke-dasharray="{dash}"' if dash else "") + (
        ' marker-end="url(#tip)"' if tip else ""
    )
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="2"{more}/>'
    )


if __name__ == "__main__":
    main()
