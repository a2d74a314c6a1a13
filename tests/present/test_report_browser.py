"""The page in a real browser: nothing is refused, everything is drawn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_hostile import HOSTILE, poisoned

from radiotracer.present import Findings, render

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def opened(browser: Any, path: Path, **context: Any) -> tuple[Any, list[str], list[str]]:
    """The page, what the console said, and every address that was asked for."""
    tab = browser.new_page(**context)
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda error: said.append(f"pageerror: {error}"))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_function(
        "[...document.querySelectorAll('[data-chart]')].every((box) => box.dataset.drawn)"
    )
    return tab, said, asked


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_drawn(
    browser: Any, page: str, tmp_path: Path, scheme: str, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    tab, said, asked = opened(
        browser, path, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    sizes = tab.evaluate(
        "[...document.querySelectorAll('[data-chart] svg')]"
        ".map((svg) => svg.getBoundingClientRect()).map((box) => [box.width, box.height])"
    )
    assert len(sizes) == 3
    assert all(w > 200 and h > 200 for w, h in sizes)
    marks = "document.querySelectorAll('[data-chart=scores] .mark-rect path').length"
    assert tab.evaluate(marks) > 20
    lines = "document.querySelectorAll('[data-chart=curves] .mark-line path').length"
    assert tab.evaluate(lines) == 7
    images = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    assert tab.evaluate(images)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


@pytest.mark.parametrize("width", [390, 700, 1200, 1600])
def test_the_numbers_of_a_row_stay_in_line(
    browser: Any, page: str, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page.replace(">Recall<", ">Recall with a long name that wraps<"), "utf-8")
    tab, _, _ = opened(browser, path, viewport={"width": width, "height": 900})
    rows: dict[float, set[float]] = {}
    for tile, name, value in tab.evaluate(
        "[...document.querySelectorAll('.figures > div')].map((tile) => "
        "[tile, tile.querySelector('dt'), tile.querySelector('.value')]"
        ".map((each) => each.getBoundingClientRect()).map((box) => [box.top, box.bottom]))"
    ):
        rows.setdefault(tile[0], set()).add(value[0])
        assert tile[0] < name[0] and name[1] <= value[0] + 1 and value[1] < tile[1]
    assert all(len(tops) == 1 for tops in rows.values())
    tab.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_do_nothing(browser: Any, full: Findings, tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(poisoned(full, text)), encoding="utf-8")
    tab, said, asked = opened(browser, path)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert tab.evaluate("document.querySelectorAll('[data-drawn=yes]').length") == 3
    assert tab.evaluate("document.scripts.length") == 5
    tab.close()


def test_chart_colours_follow_the_scheme(browser: Any, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    seen = []
    for scheme in ("light", "dark"):
        tab, _, _ = opened(browser, path, color_scheme=scheme)
        fill = (
            "getComputedStyle(document.querySelector('[data-chart=scores] .mark-rect path')).fill"
        )
        seen.append(tab.evaluate(fill))
        tab.close()
    assert seen == ["rgb(74, 106, 150)", "rgb(143, 176, 223)"]


def test_a_bar_says_what_it_is(browser: Any, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    tab, said, _ = opened(browser, path)
    tab.locator("[data-chart=scores] .mark-rect path").nth(20).hover(force=True)
    tab.wait_for_selector(".tip:not([hidden])")
    assert "count: " in tab.inner_text(".tip")
    assert said == []
    tab.close()
