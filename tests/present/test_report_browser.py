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


@pytest.mark.parametrize(
    "width", [390, 1200, *(pytest.param(n, marks=pytest.mark.nightly) for n in (700, 1600))]
)
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


GROUNDS = (
    "Models that never saw an example name its label in 85% of all cases (guessing: 10%): "
    "efficientnet-lite0; a linear model (decay 0.01), 10 folds.",
    "Least known is a-class-with-a-name-longer-than-the-screen-of-a-telephone-is-wide (80%).",
)


@pytest.mark.parametrize("outcome", ["flags", "nothing", "inconclusive"])
@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (1280, 1), (640, 2)])
def test_a_check_says_what_its_models_know(
    browser: Any, full: Findings, tmp_path: Path, outcome: str, width: int, zoom: int
) -> None:
    """The sentences stand one below the other, with a mark each, and no page is too wide."""
    unknown = {"is_tampered": None, "original_label": None}
    examples = tuple(each.model_copy(update=unknown) for each in full.flagged)
    more: dict[str, Any] = {"tampered": None, "curves": (), "false_positives": ()}
    more |= {"flagged": examples, "distribution": None, "grounds": GROUNDS, "expected_wrong": 0.95}
    if outcome != "flags":
        why = "Models know too little." if outcome == "inconclusive" else None
        decided = full.decision.model_copy(update={"flagged": 0, "inconclusive": why})
        shown = {"flagged": (), "leading": examples[:6], "expected_wrong": None}
        more |= {"decision": decided, "label_flow": (), **shown}
    path = tmp_path / "report.html"
    path.write_text(render(full.model_copy(update=more)), encoding="utf-8")
    tab, said, _ = opened(
        browser, path, viewport={"width": width, "height": 900 // zoom}, device_scale_factor=zoom
    )
    assert said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    boxes = tab.evaluate(
        "[...document.querySelectorAll('.grounds li')].map((each) => "
        "[each.getBoundingClientRect(), getComputedStyle(each, '::before').width])"
        ".map(([box, mark]) => [box.top, box.bottom, box.right, mark])"
    )
    assert len(boxes) == len(GROUNDS) and boxes[0][1] <= boxes[1][0]
    assert all(right <= width and mark not in ("auto", "0px") for *_, right, mark in boxes)
    text = tab.inner_text("main")
    assert "tampered" not in text.lower()
    wanted = {
        "flags": "labels to check",
        "nothing": "No label is so unlikely that it has to be checked",
        "inconclusive": "How many of them are wrong cannot be said",
    }
    assert wanted[outcome] in text
    tab.close()


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE[1],
        HOSTILE[3],
        *(pytest.param(each, marks=pytest.mark.nightly) for each in (HOSTILE[0], *HOSTILE[4:])),
        pytest.param(HOSTILE[2], marks=pytest.mark.nightly),
    ],
)
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
