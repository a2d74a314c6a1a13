"""The page of an audit: every verdict, safe with hostile names, drawn in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from report_hostile import HOSTILE
from test_report_browser import CHROMIUM, opened
from test_report_page import Page

from audit_world import CONTROLS, sample_evidence
from radiotracer.present import Audited, render_audit
from radiotracer.present.audit_page import powers
from radiotracer.present.key_chart import key_bins
from radiotracer.present.views.evidence import describe
from radiotracer.provenance.wording import HEADLINES, Verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "audit_page.html"


def audited(verdict: Verdict = "trained-on-marked-data", text: str = "") -> Audited:
    return describe(sample_evidence(verdict, text), command=f"radiotracer audit {text}suspect")


def body(html: str) -> str:
    return html.partition("<body>")[2].partition('<script type="application/json"')[0]


@pytest.mark.parametrize("verdict", HEADLINES)
def test_structure(verdict: Verdict) -> None:
    html = render_audit(audited(verdict))
    page = Page(html)
    assert page.texts["h1"] == [HEADLINES[verdict]]
    assert f'class="banner {verdict}"' in html
    assert page.tags().count("img") == 0, "pictures would be of the sealed half"
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for name in ("src", "href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), f"<{tag} {target}>"
            assert not (target or "").startswith("#") or str(target)[1:] in ids
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert ("FAILED" in body(html)) == (verdict == "inconclusive")
    assert ("proof in law" in html) == (verdict == "trained-on-marked-data")
    assert body(html).count("this audit</span>") == 1
    assert "radiotracer verify AUDIT --key KEY --marked MARKED" in html
    assert "10^" not in body(html), "powers of ten are raised"


def test_the_page_word_by_word() -> None:
    """REGOLD=1 rewrites it."""
    html = body(render_audit(audited()))
    if os.environ.get("REGOLD"):
        GOLDEN.write_text(html.partition("<footer>")[0])
    assert html.partition("<footer>")[0] == GOLDEN.read_text()


def test_equal_audits_give_equal_bytes() -> None:
    assert render_audit(audited()) == render_audit(audited())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_add_no_element_and_no_attribute(text: str) -> None:
    tame, html = Page(render_audit(audited(text="tame"))), render_audit(audited(text=text))
    wild = Page(html)
    assert [(t, sorted(a)) for t, a in wild.elements] == [(t, sorted(a)) for t, a in tame.elements]
    if set(text) & set('<>&"\u2028'):
        assert text not in body(html)
    assert "\u2028" not in html and "\u202e" not in html


def test_without_fresh_keys_there_is_no_chart() -> None:
    html = render_audit(audited().model_copy(update={"control_log10_p": ()}))
    assert "This test was not repeated under other keys." in html
    assert "script" not in Page(html).tags()


def test_bins_hold_every_key_once() -> None:
    for given in (CONTROLS, (0.0,), (-300.0, -0.25, 0.0), ()):
        bins = key_bins(given)
        assert sum(each.count for each in bins) == len(given)
        assert bins[-1].high == 0.0 and all(a.high == b.low for a, b in pairwise(bins))
    assert sum(each.expected for each in key_bins(CONTROLS)) == pytest.approx(1000, abs=1)


def test_powers_of_ten_in_a_text() -> None:
    assert powers("none") == [("none", "")]
    assert powers("at most 10^-7.1 (10^-6 after).") == [
        ("at most ", "-7.1"), (" (", "-6"), (" after).", ""),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_drawn(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_audit(audited()), encoding="utf-8")
    viewport = {"width": width, "height": 900}
    tab, said, asked = opened(browser, path, color_scheme=scheme, viewport=viewport)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.querySelectorAll('[data-drawn=yes] svg').length") == 1
    texts = tab.evaluate(
        "[...document.querySelectorAll('[data-chart=keys] text')].map((text) => text.textContent)"
    )
    assert "this key: 10^-7.1" in texts and "level 0.01" in texts
    tab.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE[1:3],
        *(pytest.param(t, marks=pytest.mark.nightly) for t in (HOSTILE[0], *HOSTILE[3:])),
    ],
)
def test_hostile_texts_do_nothing(browser: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_audit(audited(text=text)), encoding="utf-8")
    tab, said, asked = opened(browser, path)
    assert said == [] and [u for u in asked if not u.startswith("data:")] == [path.as_uri()]
    tab.close()
