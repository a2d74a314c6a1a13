"""The page in a real browser: what a reviewer does, and what hostile names cannot do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from review_server import Server

from radiotracer.data import IMAGES, Dataset, open_data, save_examples
from tiny_world import World

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

Serve = Callable[..., Server]

SELECTED = "document.querySelector('.cell[aria-selected=true]')?.getAttribute('aria-label')"
SHOWN = "Number(document.querySelector('.cell:not([hidden])')?.getAttribute('aria-setsize') ?? 0)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """opened(server, ...): the page, and the console must have stayed silent in the end."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_page(server: Server, *, context: Any = None, **options: Any) -> Any:
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
            contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: said.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: said.append(f"pageerror: {error}"))
        page.on("request", lambda r: None if r.url.startswith(server.base) else said.append(r.url))
        page.goto(server.url)
        page.wait_for_selector(".cell[aria-selected=true]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    # What the server refuses is an error to the console, and shown by the page itself.
    assert [each for each in said if not re.search(r"status of 4(00|09)", each)] == []


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def saved(page: Any, text: str) -> None:
    page.wait_for_function(
        "(text) => document.getElementById('said').textContent.includes(text)", arg=text
    )


def figure(page: Any, number: int) -> str:
    return str(page.locator("#figures dd").nth(number).inner_text())


def test_decide_by_keyboard_reload_undo(serve: Serve, folder: Path, opened: Any) -> None:
    page = opened(serve(folder))
    ids = [page.evaluate(SELECTED).split(",")[0]]
    press(page, "j")
    ids.append(page.evaluate(SELECTED).split(",")[0])
    press(page, "k")
    assert page.evaluate(SELECTED).startswith(ids[0])
    press(page, "f")
    saved(page, f"Keep: {ids[0]}")
    assert page.evaluate(SELECTED).startswith(ids[1])
    press(page, "d")
    saved(page, f"Drop: {ids[1]}")
    press(page, "u")
    saved(page, "Unsure")
    press(page, "r")
    page.wait_for_selector("#relabel[open]")
    press(page, "Enter")
    saved(page, "Relabel")
    assert figure(page, 0).startswith("4")
    assert "at=" in page.url and "token" not in page.url
    page.reload()
    page.wait_for_selector(".cell.is-keep")
    marks = "[...document.querySelectorAll('.cell .mark')].slice(0, 5).map((m) => m.textContent)"
    assert page.evaluate(marks) == ["✓", "✕", "?", "→", ""]
    press(page, "z")
    saved(page, "Undone")
    press(page, "z")
    page.wait_for_selector(".cell.is-unsure", state="detached")
    assert figure(page, 0).startswith("2")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".decided.is-drop")
    page.keyboard.press("Shift+K")
    saved(page, f"Keep: {ids[1]}")
    assert page.locator(".cell.is-keep").count() == 2


def test_relabel_by_digit_and_by_name(serve: Serve, folder: Path, opened: Any) -> None:
    page = opened(serve(folder))
    given = page.evaluate(SELECTED).split("label ")[1].split(",")[0]
    other = next(name for name in ("low", "mid", "top") if name != given)
    press(page, "r", str(["low", "mid", "top"].index(other)))
    saved(page, "Relabel")
    assert f"relabel as {other}" in page.locator(".cell").first.get_attribute("aria-label")
    press(page, "Home", "r")
    last = next(name for name in ("top", "mid", "low") if name not in (given, other))
    page.keyboard.type(last[:2])
    press(page, "Enter")
    page.wait_for_function(
        "(name) => document.querySelector('.cell').ariaLabel.includes(`relabel as ${name}`)",
        arg=last,
    )
    press(page, "Home", "r", "Escape")
    page.wait_for_selector("#relabel[open]", state="detached")
    assert f"relabel as {last}" in page.evaluate(SELECTED)


def test_filters_stay_in_the_address(serve: Serve, folder: Path, tiny: World, opened: Any) -> None:
    page = opened(serve(folder))
    assert page.evaluate(SHOWN) == 96
    page.select_option("[name=label]", "mid")
    n = int((tiny.tampered.labels == 1).sum())
    page.wait_for_function(f"() => {SHOWN} === {n}")
    press(page, "Tab")
    page.focus("#gallery")
    press(page, "d")
    saved(page, "Drop")
    page.select_option("[name=decision]", "open")
    page.wait_for_function(f"() => {SHOWN} === {n - 1}")
    page.select_option("[name=order]", "loss")
    page.wait_for_function("() => location.hash.includes('order=loss')")
    page.reload()
    page.wait_for_function(f"() => {SHOWN} === {n - 1}")
    assert page.input_value("[name=order]") == "loss"
    page.click("#filters-clear")
    page.wait_for_function(f"() => {SHOWN} === 96")
    some = str(tiny.tampered.ids[17])
    press(page, "/")
    page.keyboard.type(some)
    page.wait_for_function(f"() => {SHOWN} === 1")
    assert page.evaluate(SELECTED).startswith(some)
    page.keyboard.type("nothing")
    page.wait_for_selector("#empty:not([hidden])")
    press(page, "Escape", "d")  # nothing is selected: nothing happens
    page.fill("[name=id]", "")
    page.fill("[name=q]", "0.0000001")
    page.wait_for_function(f"() => {SHOWN} < 96")


def test_the_random_sample(serve: Serve, folder: Path, opened: Any) -> None:
    server = serve(folder)
    page = opened(server)
    assert "a random sample would tell" in figure(page, 3)
    page.click("#open-sample")
    page.fill("#sample input[type=number] >> nth=0", "80")
    page.fill("#sample input[type=number] >> nth=1", "3")
    press(page, "Enter")
    page.wait_for_function(f"() => {SHOWN} === 80")
    with server.client() as client:
        known = client.get("/api/changes").json()
        ids = client.get("/api/scan").json()["ids"]
    assert (len(known["sample"]), known["seed"]) == (80, 3)
    assert page.evaluate(SELECTED).startswith(ids[known["sample"][0]])
    press(page, "f")
    page.wait_for_function(
        "() => document.getElementById('figures').innerText.includes('not enough')"
    )
    for _ in range(79):
        press(page, "f")
    page.wait_for_function("() => document.getElementById('figures').innerText.includes('80 / 80')")
    assert "95 %: " in figure(page, 3)
    page.reload()
    page.wait_for_function(f"() => {SHOWN} === 80")


def test_two_tabs(serve: Serve, folder: Path, opened: Any) -> None:
    server = serve(folder)
    first = opened(server)
    second = opened(server, context=first.context)
    press(first, "d")
    saved(first, "Drop")
    press(second, "f")
    second.wait_for_selector("#alarm:not([hidden])")
    text = second.inner_text("#alarm")
    assert "decided elsewhere" in text and "It is now: drop" in text
    second.wait_for_selector(".cell.is-drop")
    press(second, "Home", "f")
    second.wait_for_selector(".cell.is-keep")
    first.wait_for_selector(".cell.is-keep", timeout=15_000)


def test_a_server_that_is_gone(serve: Serve, folder: Path, browser: Any) -> None:
    server = serve(folder)
    page = browser.new_page()
    page.goto(server.url)
    page.wait_for_selector(".cell[aria-selected=true]")
    server.kill()
    press(page, "d")
    page.wait_for_selector("#alarm:not([hidden])")
    assert "Not saved" in page.inner_text("#alarm")
    assert page.locator(".cell.is-drop").count() == 0
    page.close()


def test_influence_in_the_panel(serve: Serve, folder: Path, opened: Any) -> None:
    page = opened(serve(folder))
    press(page, "i")
    page.wait_for_selector(".partners img")
    assert "/api/validation/" in page.locator(".partners img").first.get_attribute("src")
    page.click("text=Training examples")
    page.wait_for_selector(".partners button")
    words = page.locator(".partners li").first.get_attribute("title")
    page.locator(".partners button").first.click()
    page.wait_for_function(
        "(id) => document.querySelector('.cell[aria-selected=true]').ariaLabel.startsWith(id)",
        arg=words.split(",")[0],
    )


def test_export_from_the_page(
    serve: Serve, folder: Path, tmp_path: Path, tiny: World, opened: Any
) -> None:
    page = opened(serve(folder))
    press(page, "d", "d")
    page.wait_for_function("() => document.querySelectorAll('.cell.is-drop').length === 2")
    page.click("#open-export")
    page.wait_for_selector("#export[open]")
    assert page.input_value("#export input") == str(folder.with_name("scan-cleaned"))
    press(page, "Enter")
    page.wait_for_selector("#export code")
    assert len(open_data(page.inner_text("#export code"))) == len(tiny.tampered) - 2
    press(page, "Enter")
    page.wait_for_selector("#export .wrong")
    assert "already holds CHANGES.md" in page.inner_text("#export .wrong")


HOSTILE = [
    '"><img src=x onerror=alert(1)>',
    "<script>alert(1)</script>",
    "javascript:alert(1)//'",
    "a\u202eb\u2028&amp;",
    "{{7*7}}",
    "../../etc/passwd",
]


def test_hostile_names(
    serve: Serve, scanned_as: Callable[[str], Any], tmp_path: Path, opened: Any
) -> None:
    n = len(HOSTILE)
    images = np.random.default_rng(0).integers(0, 255, (n, 8, 8, 3), dtype=np.uint8)
    names = tuple(f"{each} class" for each in HOSTILE)
    examples = Dataset(IMAGES, images, np.arange(n), np.array(HOSTILE), names, source="memory")
    (tmp_path / "data").mkdir()
    save_examples(examples, tmp_path / "data")
    folder, _ = scanned_as(str(tmp_path / "data"))
    page = opened(serve(folder))
    for each in HOSTILE:
        if "\u202e" not in each:
            page.locator(".card-id", has_text=each).wait_for()
        press(page, "r", "Enter")
        saved(page, "Relabel")
    press(page, "Home")
    page.wait_for_selector(".history li")
    page.click("#open-export")
    page.wait_for_selector("#export[open]")
    press(page, "Enter")
    page.wait_for_selector("#export code")
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    assert page.locator("bdi", has_text=HOSTILE[0]).count() > 0


@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits(serve: Serve, folder: Path, opened: Any, width: int) -> None:
    page = opened(serve(folder), viewport={"width": width, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".cell").first.bounding_box()["y"] < 400
        for name in ("keep", "relabel", "drop", "unsure"):
            box = page.locator(f".do-{name}").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= 800
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 20, 19)"
        assert dark == (scheme == "dark")


def test_focus_can_be_seen_and_everything_has_a_name(
    serve: Serve, folder: Path, opened: Any
) -> None:
    page = opened(serve(folder))
    nameless = """[...document.querySelectorAll('button, select, input, img, canvas, [role]')]
        .filter((e) => e.checkVisibility() && e.tagName !== 'CANVAS')
        .filter((e) => !(e.ariaLabel || e.alt || e.textContent.trim() || e.labels?.length
            || e.getAttribute('role') === 'presentation' || e.getAttribute('role') === 'status'))
        .map((e) => e.outerHTML)"""
    assert page.evaluate(nameless) == []
    outlines = set()
    for _ in range(16):
        press(page, "Tab")
        style = "getComputedStyle(document.activeElement).outlineStyle"
        if page.evaluate("document.activeElement !== document.body"):
            outlines.add(page.evaluate(style))
    assert outlines == {"solid"}
    page.focus("#gallery")
    press(page, "?")
    page.wait_for_selector("#help[open]")
    assert "undo the newest decision" in page.inner_text("#help")


def test_few_cells_for_many_examples(serve: Serve, folder: Path, opened: Any) -> None:
    page = opened(serve(folder), viewport={"width": 1280, "height": 500})
    page.evaluate("document.getElementById('gallery').scrollTop = 1e9")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.cell:not([hidden])')]"
        ".some((cell) => cell.ariaPosInSet === '96')"
    )
    assert page.locator(".cell:not([hidden])").count() < 80
    press(page, "Home", "End")
    assert page.evaluate("document.querySelector('.cell[aria-selected=true]').ariaPosInSet") == "96"
