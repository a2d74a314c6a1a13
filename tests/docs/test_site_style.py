"""The site's own style against its theme's, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

STYLE = Path(__file__).parents[2] / "docs" / "_static" / "site.css"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
THEMES = {"light": ".highlight", "dark": 'body[data-theme="dark"] .highlight'}
"""How the theme writes its rules for the colours of code."""

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


@pytest.mark.parametrize("theme", THEMES)
def test_commands_without_a_prompt_are_as_dark_as_text(browser: Any, theme: str) -> None:
    formatter = HtmlFormatter(cssclass="highlight")
    code = highlight("radiotracer demo --quick", get_lexer_by_name("console"), formatter)
    assert '<span class="go">' in code
    rules = f"{THEMES[theme]} .go {{ color: #888 }} body {{ color: rgb(1, 2, 3) }}"
    tab = browser.new_page()
    tab.set_content(
        f"<style>{rules}</style><style>{STYLE.read_text('utf-8')}</style>"
        f'<body data-theme="{theme}"><div class="highlight-console">{code}</div>'
    )
    colour = "getComputedStyle(document.querySelector('.go')).color"
    assert tab.evaluate(colour) == "rgb(1, 2, 3)"
    tab.close()
