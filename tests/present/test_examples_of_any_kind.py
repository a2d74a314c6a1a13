"""Examples of any kind on a page: what their modality shows, and never obeyed."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer import explain, write_explanation, write_scan
from radiotracer.data import MODALITIES, TEXTS, Dataset
from radiotracer.legible import beginning, visible_lines
from radiotracer.present.previews import Room, preview, seen
from text_scan import HOSTILE, TextScan, made

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> TextScan:
    return made(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def pages(texts: TextScan, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every page that shows examples."""
    out = tmp_path_factory.mktemp("pages")
    write_scan(texts.found, out / "scan")
    model = texts.found.source.tracing.objective.model
    explanation = explain(model, texts.run, texts.data, texts.data, rows=range(6), top_k=8)
    write_explanation(explanation, out / "explanation")
    return {
        "report": (out / "scan" / "report.html").read_text(),
        "explanation": (out / "explanation" / "explanation.html").read_text(),
        "scan in a notebook": texts.found._repr_html_(),
        "explanation in a notebook": explanation._repr_html_(),
    }


PAGES = ("report", "explanation", "scan in a notebook", "explanation in a notebook")


class Quotes(HTMLParser):
    """The texts of a page's examples, and every element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.names: list[str | None] = []
        self.elements: list[str] = []
        self.inside = False
        self.feed(re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "blockquote":
            self.inside = True
            self.texts.append("")
            self.names.append(dict(attrs).get("aria-label"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "blockquote":
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1] += data


@pytest.mark.parametrize("name", PAGES)
def test_a_text_stands_where_a_picture_would(
    texts: TextScan, pages: dict[str, str], name: str
) -> None:
    found = Quotes(pages[name])
    assert "img" not in found.elements and "tampered image" not in pages[name]
    beginnings = {visible_lines(each)[:20] for each in (*texts.data.content, *HOSTILE)}
    beginnings |= {visible_lines(each)[:20] for each in texts.validation.content}
    assert len(found.texts) >= 6
    assert all(each[:20] in beginnings for each in found.texts)
    assert all(found.names)


@pytest.mark.parametrize("name", PAGES)
def test_hostile_texts_are_shown_and_not_obeyed(pages: dict[str, str], name: str) -> None:
    page, shown = pages[name], "\n".join(Quotes(pages[name]).texts)
    for each in HOSTILE:
        assert visible_lines(each)[:60] in shown
    assert "document.title = 'obeyed'</script>" not in page
    assert not {"\u202e", "\u2028", "\x1b"} & set(page)
    assert "one line\nand another" in shown and "{{ 7*7 }}" in shown
    assert "w" * 700 not in page  # cut


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_in_a_real_browser(
    browser: Any, pages: dict[str, str], tmp_path: Path, name: str, width: int
) -> None:
    path = tmp_path / "page.html"
    whole = pages[name] if name in PAGES[:2] else f"<meta charset=utf-8>{pages[name]}"
    path.write_text(whole, encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(path.as_uri())
    assert said == [] and tab.title() != "obeyed"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    boxes = tab.evaluate(
        "[...document.querySelectorAll('blockquote')].filter((each) => each.checkVisibility())"
        ".map((each) => each.getBoundingClientRect()).map((box) => [box.width, box.height])"
    )
    assert boxes and all(w > 100 and 20 < h < 900 for w, h in boxes)
    assert tab.locator("img").count() == 0
    tab.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("short", "short"),
        ("ends\n\n", "ends"),
        ("a\r\nb", "a\nb"),
        ("a\nb\nc\nd", "a\nb\nc…"),
        ("x" * 11, "x" * 10 + "…"),
        ("word word word", "word word…"),
        ("", ""),
    ],
)
def test_the_beginning_of_a_text(text: str, kept: str) -> None:
    assert beginning(text, characters=10, lines=3) == kept


def test_data_of_ones_own_still_have_a_picture() -> None:
    images = torch.rand(2, 3, 5, 7), torch.zeros(2, dtype=torch.int64)
    picture = preview(images, 1).picture
    assert picture is not None and picture.shape == (5, 7, 3)
    numbers = torch.arange(6.0).reshape(2, 3), torch.zeros(2, dtype=torch.int64)
    flat = preview(numbers, 1).picture
    assert flat is not None and flat[0, :, 0].tolist() == [0, 128, 255]


def test_a_kind_may_show_both() -> None:
    both = dataclasses.replace(_dataset("quiet"), modality=_Captioned())
    assert seen(both, 0, Room(characters=3))["text"] == "qui…"
    assert str(seen(both, 0)["thumbnail"]).startswith("data:image/png")
    assert MODALITIES["texts"] is TEXTS


class _Captioned(type(TEXTS)):  # type: ignore[misc]
    """Texts with a picture beside them."""

    def show(self, content: tuple[str, ...], row: int) -> Any:
        shown = super().show(content, row)
        return dataclasses.replace(shown, picture=np.zeros((2, 2, 1), dtype=np.uint8))


def _dataset(text: str) -> Dataset:
    labels = np.array([0, 1])
    return Dataset(TEXTS, (text, "other"), labels, np.array(["a", "b"]), ("x", "y"), source="here")
