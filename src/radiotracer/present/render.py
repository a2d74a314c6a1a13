"""Findings become one HTML file that needs no network, no server and no trust in its labels.

Equal findings give equal bytes: there is no clock and no chance in here.
"""

from __future__ import annotations

import functools
from typing import Any

import jinja2

from radiotracer import legible
from radiotracer.present import assets, charts, wording
from radiotracer.present.findings import Curve, Findings
from radiotracer.present.flows import flow_view
from radiotracer.present.thumbnails import picture_size

RECALLS = (0.5, 0.8, 0.9, 0.95, 0.99)
"""The data table of the precision-recall chart gives the precision at these recalls."""

PIXELATED_BELOW = 65
"""Pixels. Thumbnails whose longer side is smaller are enlarged with hard pixel edges."""


def render(findings: Findings) -> str:
    """The whole report as one HTML page.

    Scripts and styles are inlined and pinned by a content security policy; charts are drawn from
    the page's own data; every chart's numbers also stand in a table.
    """
    looks = charts.strokes(findings.detectors)
    curves = tuple(curve for curve in findings.curves if curve.detector in looks and curve.recall)
    specs: dict[str, charts.Spec] = {}
    if findings.distribution is not None:
        specs["scores"] = charts.score_chart(findings.distribution)
    lowest = charts.corner(curves, findings.decision.detector)
    if curves:
        specs["curves"] = charts.precision_recall_chart(curves, looks)
        if lowest is not None:
            specs["corner"] = charts.precision_recall_chart(curves, looks, lowest=lowest)
    style = assets.text("report.css")
    scripts = tuple(assets.script(name) for name in assets.SCRIPTS) if specs else ()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            f=findings,
            specs=specs,
            chart_data=assets.data_block(specs),
            corner_from=lowest,
            curves=curves,
            curve_table=_precision_at(curves),
            looks=looks,
            recalls=RECALLS,
            best=wording.best_metrics(findings.detectors),
            flow=flow_view(findings.label_flow),
            headline=wording.headline(findings),
            figures=wording.key_figures(findings),
            score_summary=wording.score_summary(findings.distribution),
            policy=assets.policy((style,), scripts),
            style=style,
            scripts=scripts,
            licences=assets.text("LICENSES.txt"),
        )
    )


def _precision_at(curves: tuple[Curve, ...]) -> list[tuple[str, list[float | None]]]:
    """Per detector, the best precision that is reached with at least each of `RECALLS`."""
    return [
        (
            curve.detector,
            [
                max(
                    (p for r, p in zip(curve.recall, curve.precision, strict=True) if r >= recall),
                    default=None,
                )
                for recall in RECALLS
            ],
        )
        for curve in curves
    ]


def _image(uri: str) -> dict[str, Any]:
    width, height = picture_size(uri)
    return {"width": width, "height": height, "pixelated": max(width, height) < PIXELATED_BELOW}


@functools.cache
def environment() -> jinja2.Environment:
    """Templates that escape every text, with the filters that all pages use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("radiotracer.present"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=legible.count,
        effect=legible.effect,
        exponent=legible.exponent,
        image=_image,
        inline=assets.inline,
        percent=legible.percent,
        score=legible.score,
        seconds=legible.seconds,
        share=legible.share,
        signed=legible.signed,
        signed_percent=legible.signed_percent,
    )
    return environment
