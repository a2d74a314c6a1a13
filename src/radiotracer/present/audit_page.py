"""An audit becomes one HTML file, safe and offline as the scan's report is, without pictures.

It may be passed on: nothing of the sealed half is in it.
"""

from __future__ import annotations

import re

import altair as alt

from radiotracer.legible import count, exponent
from radiotracer.present import assets
from radiotracer.present.audited import Audited
from radiotracer.present.key_chart import key_bins, key_chart
from radiotracer.present.render import environment


def render_audit(audited: Audited) -> str:
    """The whole page; equal audits give equal bytes where one release of altair draws the chart."""
    specs = {"keys": key_chart(audited)} if audited.control_log10_p else {}
    styles = (assets.text("report.css"), assets.text("audit.css"))
    scripts = tuple(assets.script(name) for name in assets.SCRIPTS) if specs else ()
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            f=audited,
            generator=f"altair {alt.__version__}",
            bins=key_bins(audited.control_log10_p),
            chart_data=assets.data_block(specs),
            chart_summary=chart_summary(audited),
            claim=powers(audited.claim),
            failed=sum(not each.passed for each in audited.controls),
            policy=assets.policy(styles, scripts),
            styles=styles,
            scripts=scripts,
            licences=assets.text("LICENSES.txt"),
        )
    )


def chart_summary(audited: Audited) -> str:
    """What the chart shows, in words, for those who do not see it."""
    given = audited.control_log10_p
    if not given:
        return ""
    stronger = sum(each <= audited.log10_p for each in given)
    return (
        f"Histogram of log10 p under {count(len(given))} fresh keys, the smallest "
        f"{exponent(min(given))}. Under the audited key log10 p is {exponent(audited.log10_p)}; "
        f"{count(stronger)} fresh keys gave as little."
    )


def powers(text: str) -> list[tuple[str, str]]:
    """A text in pieces, each with the exponent of the power of ten that it ends with, or none."""
    parts = re.split(r"10\^(-[0-9.]*[0-9])", text)
    return list(zip(parts[::2], [*parts[1::2], ""], strict=True))
