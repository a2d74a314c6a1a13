"""From hostile names in data and evidence to the pages that people open: no script of them runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_world import sample_evidence
from radiotracer.cli import run
from radiotracer.present import render_audit
from radiotracer.present.views.evidence import describe
from tiny_world import tiny_archive

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NAMES = (
    "<script>document.title = 'ran'</script>",
    '"><img src=x onerror="document.title = \'ran\'">',
    "</script><script>document.title = 'ran'</script>\u202e",
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A scan's report, made by the commands, and an audit's."""
    folder = tmp_path_factory.mktemp("hostile")
    with np.load(tiny_archive(folder / "tiny.npz")) as kept:
        arrays = dict(kept)
    arrays["class_names"] = np.array(NAMES)
    np.savez(folder / "data.npz", **arrays)
    network = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "16"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["train", "data.npz", *network, "--out", "run"]) == 0
        assert run(["scan", "run", "--top-k", "5", "--out", "scan"]) == 1
    evidence = sample_evidence(text="".join(NAMES))
    audit = folder / "audit.html"
    audit.write_text(render_audit(describe(evidence, command=NAMES[0])), encoding="utf-8")
    return {"scan": folder / "scan" / "report.html", "audit": audit}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize("name", ["scan", "audit"])
def test_nothing_of_a_name_is_markup(pages: dict[str, Path], name: str) -> None:
    html = pages[name].read_text(encoding="utf-8")
    assert "document.title" in html, "the names are shown"
    assert not any(each in html for each in NAMES)
    assert "<img src=x" not in html


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("name", ["scan", "audit"])
def test_no_script_of_a_name_runs(pages: dict[str, Path], browser: Any, name: str) -> None:
    tab = browser.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(pages[name].as_uri())
    tab.wait_for_timeout(300)
    assert tab.title() not in ("", "ran")
    assert [each for each in asked if not each.startswith("data:")] == [pages[name].as_uri()]
    tab.close()
