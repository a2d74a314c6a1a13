"""Findings as Vega-Lite charts, built and checked by Altair.

Every colour is a CSS variable of the page, and every chart is drawn as SVG: light mode, dark mode
and print need no second drawing. Groups differ in lightness, outline and dashes as well as in hue,
so nothing depends on telling colours apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from radiotracer.present.findings import Curve, DetectorRow, Distribution

Spec = dict[str, Any]
"""A Vega-Lite specification."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_SOLID = (1, 0)
_DASHES = (_SOLID, (7, 3), (2, 2), (8, 3, 2, 3))
_BASELINE_DASHES = ((4, 3), (1, 3), (9, 3), (9, 3, 2, 3), (3, 1))


@dataclass(frozen=True)
class Stroke:
    """How one detector's line looks, in every chart and legend of the page."""

    colour: str
    dash: tuple[int, ...]
    width: float

    @property
    def dash_array(self) -> str:
        """The dashes as SVG writes them."""
        return " ".join(map(str, self.dash))


def strokes(detectors: tuple[DetectorRow, ...]) -> dict[str, Stroke]:
    """The default detector strong, other detectors coloured, baselines thin, grey and dashed."""
    chosen: dict[str, Stroke] = {}
    dash: tuple[int, ...]
    others = baselines = 0
    for row in detectors:
        if row.is_default:
            chosen[row.name] = Stroke("var(--accent)", _SOLID, 3.0)
        elif row.is_baseline:
            dash = _BASELINE_DASHES[baselines % len(_BASELINE_DASHES)]
            chosen[row.name] = Stroke("var(--line-baseline)", dash, 1.4)
            baselines += 1
        else:
            dash = _DASHES[(others // 4) % len(_DASHES)]
            chosen[row.name] = Stroke(f"var(--line-{others % 4 + 1})", dash, 1.9)
            others += 1
    return chosen


checked_once = debug_mode(False)
"""A chart is checked when it is finished, and each of its parts not a second time before that."""


@checked_once
def score_chart(distribution: Distribution) -> Spec:
    """Layered histograms on a logarithmic count axis, with the threshold as a labelled line.

    The title of the score axis is the page's, in HTML: it may be long, and only HTML breaks lines.
    """
    rows = [
        {"low": low, "high": high, "count": count, "base": 0, "group": group.name}
        for group in distribution.groups
        for low, high, count in zip(
            distribution.edges, distribution.edges[1:], group.counts, strict=False
        )
        if count
    ]
    names = [group.name for group in distribution.groups]
    tallest = max((max(group.counts) for group in distribution.groups), default=0) or 1
    suspicious = [group.is_suspicious for group in distribution.groups]
    scale = alt.Scale(
        type=distribution.scale,
        domain=[distribution.edges[0], distribution.edges[-1]],
        nice=False,
        constant=(
            distribution.symlog_constant if distribution.scale == "symlog" else alt.Undefined
        ),
    )
    colours = ["var(--suspicious)" if flag else "var(--ordinary)" for flag in suspicious]
    x_axis = alt.Axis(grid=False, tickCount=6, format="~g", labelOverlap="greedy")
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(strokeWidth=0.8)
        .encode(
            x=alt.X("low:Q", scale=scale, title=None, axis=x_axis),
            x2="high:Q",
            y=alt.Y(
                "count:Q",
                scale=alt.Scale(type="symlog", nice=False, domain=[0, 4 * tallest]),
                title="examples per bin (log scale)",
                axis=alt.Axis(values=[0, *(10**power for power in range(9))], format=",d"),
            ),
            y2="base:Q",
            fill=alt.Fill(**_categories("group", names, colours)),
            stroke=alt.Stroke(**_categories("group", names, colours)),
            fillOpacity=alt.FillOpacity(
                "group:O",
                scale=alt.Scale(
                    type="ordinal",
                    domain=names,
                    range=[0.62 if flag else 0.28 for flag in suspicious],
                ),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("group:N", title="examples"),
                alt.Tooltip("count:Q", title="count", format=",d"),
                alt.Tooltip("low:Q", title="from", format=".4~g"),
                alt.Tooltip("high:Q", title="to", format=".4~g"),
            ],
        )
    )
    layers: list[Any] = [bars]
    threshold = distribution.threshold
    if threshold is not None and distribution.edges[0] <= threshold <= distribution.edges[-1]:
        layers += _threshold_layers(distribution, threshold, scale)
    return finish(alt.layer(*layers), height=260)


@checked_once
def precision_recall_chart(
    curves: tuple[Curve, ...], looks: dict[str, Stroke], *, lowest: float = 0.0
) -> Spec:
    """Precision against recall, one line per detector, where both are at least `lowest`."""
    ordered = sorted(curves, key=lambda curve: looks[curve.detector].width)
    rows = [
        {"recall": recall, "precision": precision, "detector": curve.detector, "step": step}
        for curve in ordered
        for step, (recall, precision) in enumerate(zip(curve.recall, curve.precision, strict=True))
    ]
    names = [curve.detector for curve in ordered]
    shown = [looks[name] for name in names]
    axis = alt.Axis(format="~g" if lowest else ".1f", tickCount=5)
    scale = alt.Scale(domain=[lowest, 1.0], nice=False, zero=False)
    lines = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(clip=True, strokeCap="butt")
        .encode(
            x=alt.X("recall:Q", scale=scale, axis=axis, title="recall"),
            y=alt.Y("precision:Q", scale=scale, axis=axis, title="precision"),
            order="step:Q",
            stroke=alt.Stroke(**_categories("detector", names, [look.colour for look in shown])),
            strokeDash=alt.StrokeDash(
                "detector:O",
                scale=alt.Scale(domain=names, range=[list(look.dash) for look in shown]),
                legend=None,
            ),
            strokeWidth=alt.StrokeWidth(
                "detector:O",
                scale=alt.Scale(type="ordinal", domain=names, range=[look.width for look in shown]),
                legend=None,
            ),
            detail="detector:N",
            tooltip=[alt.Tooltip("detector:N")],
        )
    )
    return finish(lines, height=300)


def corner(curves: tuple[Curve, ...], default: str) -> float | None:
    """Where the informative corner of the default detector's curve starts, or None if nowhere.

    The corner is twice as wide as the distance from (1, 1) of the point that balances precision
    and recall best.
    """
    for curve in curves:
        if curve.detector == default and curve.recall:
            balanced = max(map(min, curve.recall, curve.precision))
            wanted = 1.0 - 2.0 * (1.0 - balanced)
            return next((low for low in (0.99, 0.95, 0.9, 0.8, 0.6) if low <= wanted), None)
    return None


def _threshold_layers(distribution: Distribution, threshold: float, scale: Any) -> list[Any]:
    """A dashed line and its label, which stands on the side that has more room."""
    edges = distribution.edges
    right = threshold <= edges[len(edges) // 2]
    data = alt.InlineData(values=[{"at": threshold, "label": f"flagged from {threshold:.4g}"}])
    base = alt.Chart(data).encode(x=alt.X("at:Q", scale=scale))
    return [
        base.mark_rule(stroke="var(--ink)", strokeWidth=1.4, strokeDash=[5, 3]),
        base.mark_text(
            align="left" if right else "right",
            baseline="top",
            dx=7 if right else -7,
            fill="var(--ink)",
            fontSize=11,
            fontWeight=600,
        ).encode(y=alt.value(2), text="label:N"),
    ]


def _categories(field: str, names: list[str], colours: list[str]) -> dict[str, Any]:
    """The same scale for fill and stroke; the legend is the page's, in HTML."""
    return {
        "shorthand": f"{field}:O",
        "scale": alt.Scale(domain=names, range=colours),
        "legend": None,
    }


def finish(chart: Any, *, height: int) -> Spec:
    """The page's look: transparent, quiet axes, the page's own font, as wide as its container."""
    axis = {
        "domainColor": "var(--rule-strong)",
        "gridColor": "var(--rule)",
        "labelColor": "var(--muted)",
        "labelFontSize": 11,
        "tickColor": "var(--rule-strong)",
        "tickSize": 4,
        "titleColor": "var(--muted)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    }
    spec: Spec = (
        chart.properties(
            width="container",
            height=height,
            background="transparent",
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        )
        .configure(font=_FONT, axis=axis, view={"stroke": None}, aria=False)
        .to_dict()
    )
    spec.pop("$schema")
    return spec
