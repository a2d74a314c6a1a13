"""The page of an explanation: safe with hostile labels, drawn in a browser, and it adds up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_hostile import HOSTILE
from test_report_browser import CHROMIUM
from test_report_page import Page

from radiotracer.present import Push, bars, render_reasons
from reasons_sample import reason, reasons

NAMES = tuple("0123456789")


def hostile(text: str) -> tuple[str, ...]:
    return tuple(text + name for name in NAMES)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_add_no_element_and_no_attribute(text: str) -> None:
    tame = Page(render_reasons(reasons(hostile("tame tame"))))
    html = render_reasons(reasons(hostile(text)))
    wild = Page(html)
    assert [(t, sorted(a)) for t, a in wild.elements] == [(t, sorted(a)) for t, a in tame.elements]
    if set(text) & set('<>&"\u2028'):
        assert text not in html
    assert "\u2028" not in html and "\u202e" not in html


@pytest.mark.parametrize("queries", [1, 2])
@pytest.mark.parametrize("manifest", [True, False])
def test_structure(queries: int, manifest: bool) -> None:
    html = render_reasons(reasons(queries=queries, manifest=manifest))
    parsed = Page(html)
    assert parsed.tags().count("h1") == 1 and "script" not in parsed.tags()
    assert parsed.tags().count("img") == queries * (1 + 4 + 3)
    assert all(a.get("alt") for t, a in parsed.elements if t == "img")
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for t, a in parsed.elements if t == "a"]
    assert {str(link)[1:] for link in links} <= set(ids)
    assert ("badge-tampered" in html.partition("</style>\n</head>")[2]) == manifest
    assert ("Tampered proponents" in html) == manifest
    for tag, attributes in parsed.elements:
        for name in ("src", "href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), f"<{tag} {target}>"
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    headline = "Why does the model predict 9?" if queries == 1 else "2 queries, and the training"
    assert parsed.texts["h1"][0].startswith(headline)


def test_a_label_that_is_not_the_predicted_one() -> None:
    sample = reasons(queries=1)
    other = sample.queries[0].model_copy(update={"explained_label": "3"})
    page = Page(render_reasons(sample.model_copy(update={"queries": (other,), "label": "given"})))
    assert page.texts["h1"] == ["What pushed the model towards 3?"]


def test_nobody_pushed() -> None:
    sample = reasons(queries=1)
    other = sample.queries[0].model_copy(update={"proponents": (), "opponents": ()})
    html = render_reasons(sample.model_copy(update={"queries": (other,)}))
    assert "No training example is a proponent." in html
    assert "No training example is an opponent." in html


def test_many_classes_are_summed_up() -> None:
    pushes = tuple(
        Push(
            label=f"c{number}", examples=1, influence=float(20 - number), share=(20 - number) / 400
        )
        for number in range(40)
    )
    asked = reason(1, NAMES, manifest=False).model_copy(update={"classes": pushes})
    drawn = bars(asked).classes
    assert len(drawn) == 13 and drawn[-1].is_rest and drawn[-1].push.label == "28 other labels"
    assert sum(bar.push.influence for bar in drawn) == sum(push.influence for push in pushes)
    assert sum(bar.push.examples for bar in drawn) == 40
    for bar in drawn:
        assert bar.start >= 0 and bar.start + bar.width <= 200
        assert bar.start >= 100 if bar.push.share >= 0 else bar.start + bar.width == 100


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def opened(browser: Any, path: Path, **context: Any) -> tuple[Any, list[str]]:
    """The page, and what the console said and which other addresses were asked for."""
    tab = browser.new_page(**context)
    said: list[str] = []
    tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: said.append(f"pageerror: {error}"))
    tab.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(("data:", path.as_uri())) else said.append(asked.url)
        ),
    )
    tab.goto(path.as_uri())
    return tab, said


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [390, 900, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_drawn(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    path = tmp_path / "explanation.html"
    path.write_text(render_reasons(reasons()), encoding="utf-8")
    viewport = {"width": width, "height": 900}
    tab, said = opened(browser, path, color_scheme=scheme, viewport=viewport)
    assert said == []
    assert tab.evaluate(
        "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    colours = {"light": "rgb(11, 107, 102)", "dark": "rgb(84, 201, 191)"}
    fill = "getComputedStyle(document.querySelector('.bar .towards')).fill"
    assert tab.evaluate(fill) == colours[scheme]
    widths = tab.evaluate(
        "[...document.querySelectorAll('#query-1 .bar rect')]"
        ".map((bar) => bar.getBoundingClientRect().width)"
    )
    assert len(widths) == 11 and widths[0] > 40 and widths[0] == max(widths)
    assert widths[0] == pytest.approx(2 * widths[3], rel=0.05)
    tab.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_nothing(browser: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "explanation.html"
    path.write_text(render_reasons(reasons(hostile(text))), encoding="utf-8")
    tab, said = opened(browser, path)
    assert said == [] and tab.evaluate("document.scripts.length") == 0
    tab.close()
