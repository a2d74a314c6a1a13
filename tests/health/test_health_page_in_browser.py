"""The section in a real browser, on a telephone, on a desk, enlarged: nothing sticks out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from radiotracer.present import Dataset, Decision, Findings, picture_uri, render
from radiotracer.present.health_findings import (
    ClassPair,
    Health,
    NearCopies,
    NearCopy,
    Outlier,
)

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
LONG = "a folder/with a rather long name/" + "x" * 60
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = picture_uri(np.arange(768, dtype=np.uint8).reshape(16, 16, 3))
    copy = NearCopy(thumbnail=picture, part="validation", id=LONG, label=HOSTILE)
    found = Findings(
        title="Health",
        dataset=Dataset(name="drawn", examples=9, class_names=("a", "b"), nouns="images"),
        decision=Decision(detector="loss", rule="none", flagged=0),
        health=Health(
            near_copies=(NearCopies(copies=(copy,) * 4, similarity=0.9, more=3),) * 10,
            near_copies_count=12,
            outliers=(Outlier(text="two\nlines", id=LONG, label=HOSTILE, score=4.5),),
            outliers_count=1,
            overlaps=(ClassPair(first=LONG, second=HOSTILE, count=12.4, share=0.11),),
            overlaps_count=1,
            swaps=(ClassPair(first=LONG, second="b", count=3.6),),
            swaps_count=1,
            wrong=3.6,
            notes=("Something was not looked for.",),
        ),
    )
    path = tmp_path_factory.mktemp("health") / "report.html"
    path.write_text(render(found), encoding="utf-8")
    return path


def test_counts_are_rounded_and_names_are_escaped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "About 4 wrong labels are expected" in text
    assert "The first 10 of 12; all are in near-duplicates.csv" in text
    assert HOSTILE not in text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("width", "scale"), [(390, 1), (1280, 1), (640, 2)])
def test_nothing_sticks_out(page: Path, width: int, scale: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": width, "height": 900}, device_scale_factor=scale)
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(page.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator("#health table").count() == 4
        assert tab.locator("#health tbody tr").count() == 13
        assert said == []
        chromium.close()
