"""The chart of an audit: its p-value beside those of keys that marked nothing."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np

from radiotracer.legible import exponent
from radiotracer.present.audited import Audited
from radiotracer.present.charts import Spec, checked_once, finish

NEAR = 4.0
"""To here bins are 0.25 wide, farther ones are a share of their distance: the axis is a symlog."""


@dataclass(frozen=True)
class Bin:
    """How many fresh keys gave log10 p in [low, high), and how many of as many fair ones do."""

    low: float
    high: float
    count: int
    expected: float


def key_bins(log10_p: tuple[float, ...]) -> tuple[Bin, ...]:
    """Histogram of control p-values, from the smallest to p = 1."""
    least = min(log10_p, default=0.0)
    edges = [0.0]
    while edges[-1] > least or len(edges) < 2:
        edges.append(edges[-1] - (0.25 if edges[-1] > -NEAR else -0.2 * edges[-1]))
    ascending = np.array(edges[::-1])
    counts, _ = np.histogram(log10_p, ascending)
    share = np.diff(10.0**ascending)
    return tuple(
        Bin(float(low), float(high), int(n), float(len(log10_p) * part))
        for low, high, n, part in zip(ascending, ascending[1:], counts, share, strict=False)
    )


@checked_once
def key_chart(audited: Audited) -> Spec:
    """Bars for fresh keys, ticks for what fair ones give, lines for the level and for this key.

    The axis runs to the left: the farther left, the stronger the evidence. It is a symlog, on
    which p-values of 0.1 and of 1e-300 can both be seen.
    """
    bins = key_bins(audited.control_log10_p)
    least = min(bins[0].low, audited.log10_p, np.log10(audited.alpha)) * 1.15
    scale = alt.Scale(type="symlog", constant=1, domain=[float(least), 0.0], nice=False)
    ticks = [x for x in (0, -1, -2, -3, -5, -10, -20, -50, -100, -300, -1000) if x >= least]
    tallest = max((max(each.count, each.expected) for each in bins), default=1.0) or 1.0
    rows = [
        {"low": b.low, "high": b.high, "count": b.count, "expected": round(b.expected, 2)}
        for b in bins
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "low:Q",
            scale=scale,
            title=None,
            axis=alt.Axis(grid=False, values=ticks, format="~g", labelOverlap="greedy"),
        ),
        x2="high:Q",
        tooltip=[
            alt.Tooltip("low:Q", title="log10 p from", format=".3~g"),
            alt.Tooltip("high:Q", title="to", format=".3~g"),
            alt.Tooltip("count:Q", title="fresh keys", format=",d"),
            alt.Tooltip("expected:Q", title="expected", format=".3~g"),
        ],
    )
    height = alt.Scale(type="symlog", nice=False, domain=[0, 3 * tallest])
    axis = alt.Axis(values=[0, *(10**power for power in range(7))], format=",d")
    bars = base.transform_calculate(base="0").mark_rect(
        strokeWidth=0.8, fill="var(--ordinary)", stroke="var(--ordinary)", fillOpacity=0.28
    )
    bars = bars.encode(
        y=alt.Y("count:Q", scale=height, title="fresh keys per bin (log scale)", axis=axis),
        y2=alt.datum(0),
    )
    fair = base.mark_rule(stroke="var(--ink)", strokeWidth=1.6).encode(
        y=alt.Y("expected:Q", scale=height)
    )
    level = float(np.log10(audited.alpha))
    lines = [
        *_line(level, f"level {audited.alpha:g}", scale, "var(--muted)", [2, 3], 20, least),
        *_line(
            audited.log10_p,
            f"this key: 10^{exponent(audited.log10_p)}",
            scale,
            "var(--accent)",
            [1, 0],
            2,
            least,
        ),
    ]
    return finish(alt.layer(bars, fair, *lines), height=260)


def _line(  # noqa: PLR0917 - the two calls above
    at: float, label: str, scale: alt.Scale, colour: str, dash: list[int], top: int, least: float
) -> list[alt.Chart]:
    """A line and its label, which stands on the side that has more room."""
    right = np.log1p(-at) > np.log1p(-least) / 2
    base = alt.Chart(alt.InlineData(values=[{"at": at, "label": label}])).encode(
        x=alt.X("at:Q", scale=scale)
    )
    return [
        base.mark_rule(stroke=colour, strokeWidth=2, strokeDash=dash),
        base.mark_text(
            align="left" if right else "right",
            baseline="top",
            dx=7 if right else -7,
            fill=colour,
            fontSize=12,
            fontWeight=600,
        ).encode(y=alt.value(top), text="label:N"),
    ]
