"""A review of texts: tiles of text, the panel, and the cleaned data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from review_server import Server

from radiotracer import open_data, write_scan
from radiotracer.legible import visible_lines
from text_scan import HOSTILE, TextScan, made

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> TextScan:
    return made(tmp_path_factory.mktemp("texts"))


@pytest.fixture
def place(texts: TextScan, tmp_path: Path) -> Path:
    write_scan(texts.found, tmp_path / "scan")
    return tmp_path / "scan"


def test_what_the_page_is_told(serve: Serve, place: Path, texts: TextScan) -> None:
    with serve(place).client() as client:
        told = client.get("/api/scan").json()
        assert (told["noun"], told["texts"]) == ("text", True)
        assert told["image"] is None and told["tile"] is None
        few = client.get("/api/texts?rows=0,1,2").json()
        of = dict(zip(texts.data.ids.tolist(), texts.data.content, strict=True))
        for row, text in enumerate(few):
            whole = visible_lines(of[told["ids"][row]])
            assert whole.startswith(text.rstrip("…")) and len(text) <= 400
        panel = client.get("/api/example/0").json()["text"]
        assert panel[:100] == visible_lines(of[told["ids"][0]])[:100]
        refused = client.get("/api/thumbs?rows=0")
        assert refused.status_code == 400 and "has a picture" in refused.json()["error"]
        assert client.get("/api/picture/0").status_code == 400
        assert client.get("/api/texts?rows=60").status_code == 400
        assert client.get("/api/texts?rows=" + ",".join(["0"] * 257)).status_code == 400


def test_pictures_have_no_texts(serve: Serve, folder: Path) -> None:
    with serve(folder).client() as client:
        told = client.get("/api/scan").json()
        assert (told["noun"], told["texts"], told["image"]) == ("image", False, [10, 10])
        assert client.get("/api/example/0").json()["text"] is None
        assert client.get("/api/texts?rows=0,1").json() == [None, None]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [400, 1280])
def test_in_a_real_browser(
    serve: Serve, browser: Any, place: Path, texts: TextScan, tmp_path: Path, width: int
) -> None:
    server = serve(place)
    page = browser.new_page(viewport={"width": width, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server.url)
    page.wait_for_selector(".cell[aria-selected=true]")
    page.wait_for_function("() => document.querySelector('.cell .words').textContent.length > 20")
    page.wait_for_function("() => document.querySelector('.whole').textContent.length > 20")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("keep", "relabel", "drop", "unsure"):
        box = page.locator(f".do-{name}").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 800
    flagged = [str(each) for each in texts.found.identity.ids[texts.found.decision.is_flagged]]
    for at in range(len(flagged)):
        page.wait_for_function(
            "(at) => document.querySelector('.cell[aria-selected=true]').ariaPosInSet === `${at}`"
            " && document.querySelector('.whole').textContent",
            arg=at + 1,
        )
        page.keyboard.press("f" if at else "d")
        page.wait_for_function(
            "(n) => document.querySelector('#figures .value').textContent === `${n}`",
            arg=at + 1,
        )
    page.keyboard.press("Home")
    page.keyboard.press("i")
    page.wait_for_selector(".partners .excerpt")
    assert page.locator("img").count() == 0 and page.locator("canvas").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    shown = page.evaluate(
        "[...document.querySelectorAll('.words')].map((each) => each.textContent)"
    )
    assert any(visible_lines(HOSTILE[0]) in each for each in shown)
    assert page.title() != "obeyed" and said == []
    page.locator("#open-export").click()
    page.wait_for_selector("#export[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#export code")
    cleaned = open_data(page.inner_text("#export code"))
    assert cleaned.modality.name == "texts" and len(cleaned) == len(texts.data) - 1
    page.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_cards_of_texts_say_texts(texts: TextScan, place: Path) -> None:
    from radiotracer.integrations.cards import card
    from radiotracer.integrations.croissant import croissant
    from radiotracer.integrations.spotlight import spotlight_columns

    folder = Path(texts.data.source)
    said = card(folder)
    assert "60 texts in 2 classes." in said and "text-classification" in said
    assert "image" not in said
    told = croissant(folder)
    assert "60 texts" in told["description"] and "image" not in json.dumps(told["distribution"])
    names = {each["name"] for each in told["distribution"]}
    assert names == {"data.json", "texts.parquet", "ids.npy", "examples.npz"}
    assert "image" not in card(place)
    table, types = spotlight_columns(place, examples=texts.data)
    assert types["text"] == "str" and "image" not in types
    assert table["text"].to_pylist()[0].startswith(visible_lines(HOSTILE[0]))
