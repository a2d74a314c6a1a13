"""What notebooks show: small, self-contained, and names stay text, in a real browser too."""

from __future__ import annotations

import dataclasses
import html
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from report_hostile import HOSTILE, poisoned

import radiotracer
from audit_world import KEY, sample_evidence, sample_finding, small_release
from radiotracer import Explanation, Scan, legible, scan
from radiotracer.present import Findings, notebook
from radiotracer.provenance.release import Release
from tiny_world import World

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MOST = 150_000
"""Characters: a notebook keeps all that it showed."""


@pytest.fixture(scope="module")
def found(tiny: World) -> Scan:
    return scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, manifest=tiny.manifest)


@pytest.fixture(scope="module")
def explanation(tiny: World) -> Explanation:
    return radiotracer.explain(
        tiny.model, tiny.run, tiny.tampered, tiny.queries, manifest=tiny.manifest
    )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return small_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def results(found: Scan, explanation: Explanation, release: Release, tiny: World) -> dict[str, Any]:
    return {
        "scan": found,
        "explanation": explanation,
        "finding": sample_finding(),
        "failed": sample_finding(passed=False),
        "evidence": sample_evidence(),
        "inconclusive": sample_evidence("inconclusive"),
        "run": tiny.run,
        "release": release,
    }


NAMES = (
    "scan",
    "explanation",
    "finding",
    "failed",
    "evidence",
    "inconclusive",
    "run",
    "release",
)


class Strict(HTMLParser):
    """Every element that is opened is closed, in order; every image has words."""

    VOID = ("img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Strict:
    parser = Strict()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def words(page: str) -> str:
    """What a reader sees where the style is taken away."""
    without = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())


@pytest.mark.parametrize("name", NAMES)
def test_small_and_whole_and_without_scripts(results: dict[str, Any], name: str) -> None:
    page = results[name]._repr_html_()
    seen = read(page)
    assert len(page) < MOST
    assert not {"script", "link", "iframe", "h1", "h2", "h3"} & set(seen.tags)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert page.count("<style>") == 1 and "section" in seen.tags
    for image in seen.images:
        assert str(image["src"]).startswith("data:image/png;base64,") and image["alt"]
    assert results[name]._repr_html_() == page


def test_a_scan(found: Scan) -> None:
    text, flagged = words(found._repr_html_()), int(found.decision.is_flagged.sum())
    assert flagged
    assert f"{flagged} of 96 training examples are flagged" in text
    quality = found.quality(found.detector)
    assert quality is not None and f"{quality[0].auprc:.3f}" in text
    first = found.identity.ids[np.argmin(found.decision.ranks)]
    assert str(first) in text
    assert "False-positive rate" in text and "baseline" in text
    without = words(dataclasses.replace(found, manifest=None)._repr_html_())
    assert "nobody knows which of them really are tampered" in without
    assert "Recall" not in without


def test_a_scan_that_found_nothing_or_failed(found: Scan) -> None:
    nothing = dataclasses.replace(found.decision, is_flagged=np.zeros(96, dtype=bool))
    text = words(dataclasses.replace(found, decision=nothing)._repr_html_())
    assert "None of 96" in text and "does not prove that the data are clean" in text
    failed = dataclasses.replace(nothing, inconclusive="the reference is too small")
    text = words(dataclasses.replace(found, decision=failed)._repr_html_())
    assert "Inconclusive" in text and "The reference is too small" in text
    assert "None of 96" not in text


def test_a_suspects_second_label_is_what_the_network_sees(found: Scan) -> None:
    """Under a changed image with a right label, "the label that would fit" would be untrue."""
    assert "the class that they look like to the network" in words(found._repr_html_())


def test_an_explanation(explanation: Explanation) -> None:
    text = words(explanation._repr_html_())
    assert "36 predictions explained, of which the first 3 are shown" in text
    assert str(explanation.query_ids[2]) in text and str(explanation.query_ids[3]) not in text
    few = dataclasses.replace(explanation, rows=explanation.rows[:2])
    assert "2 predictions explained Proponents" in words(few._repr_html_())


def test_a_finding_gives_no_verdict() -> None:
    text = words(sample_finding()._repr_html_())
    assert "p at most 10 −7.1" in text and "2 of 2" in text
    assert "the level that was committed to and on all audits" in text
    assert "trained" not in text
    failed = words(sample_finding(passed=False)._repr_html_())
    assert "Inconclusive: 1 of 2 controls failed" in failed and "references" in failed


def test_evidence_says_what_the_page_says() -> None:
    for verdict in ("trained-on-marked-data", "no-evidence", "inconclusive"):
        evidence = sample_evidence(verdict)  # type: ignore[arg-type]
        text = words(evidence._repr_html_())
        assert evidence.claim.split("10^")[0].strip() in text
        assert evidence.alternatives[0] in text
    assert "FAILED" in text


@pytest.mark.parametrize(
    ("log10_p", "words"),
    [
        (0.0, "1"),
        (-0.003, "1"),
        (-0.2, "0.63"),
        (np.log10(0.0104), "0.0104"),
        (-2.999, "0.001"),
        (-3.0, "10^-3.00"),
        (-12.34, "10^-12.3"),
    ],
)
def test_p_values_read_as_decimals_until_they_are_small(log10_p: float, words: str) -> None:
    assert legible.chance(log10_p) == words


def test_an_audit_that_found_nothing_says_its_p_value_once() -> None:
    text = words(sample_evidence("no-evidence")._repr_html_())
    assert "probability at most 0.4 (1 after Holm" in text and "p-value 0.4 at most" in text
    assert "10 −0" not in text


def test_effects_have_two_digits() -> None:
    assert [legible.effect(value) for value in (-0.02544, 0.5, 1.234, 123.4, 0.0)] == [
        "−0.025", "0.5", "1.2", "120", "0",
    ]  # fmt: skip


def test_a_run_that_did_not_end(tiny: World) -> None:
    assert "2 checkpoints of a training that ended" in words(tiny.run._repr_html_())
    info = tiny.run.info.model_copy(update={"status": "interrupted"})
    text = words(dataclasses.replace(tiny.run, info=info)._repr_html_())
    assert "a training that did not end" in text


def test_nothing_sealed_is_shown_of_a_release(release: Release) -> None:
    page = release._repr_html_()
    assert release.commitment.digest in page and "80 are marked" in words(page)
    assert not any(name in page for name in release.ids)
    assert KEY.fingerprint not in page and "<img" not in page


def test_looking_draws_nothing_and_changes_nothing(tiny: World) -> None:
    class Augmented(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 96

        def __getitem__(self, row: int) -> Any:
            torch.rand(3)
            image = torch.from_numpy(tiny.tampered.content[row] / 255.0).float().permute(2, 0, 1)
            return image, int(tiny.tampered.labels[row])

    shown = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    shown = dataclasses.replace(shown, train=Augmented())
    before = torch.get_rng_state()
    assert "<img" in shown._repr_html_()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(full: Findings, text: str) -> None:
    page = notebook.render(notebook.of_findings(poisoned(full, text)))
    seen = read(page)
    assert "script" not in seen.tags
    assert text not in page or not set(text) & set('<"\u202e')
    clean = read(notebook.render(notebook.of_findings(full)))
    assert seen.tags == clean.tags
    evidence = read(sample_evidence(text=text)._repr_html_())
    assert evidence.tags == read(sample_evidence()._repr_html_()).tags


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_in_a_browser(
    results: dict[str, Any], full: Findings, browser: Any, tmp_path: Path
) -> None:
    """Light and dark as the notebook says, readable, narrow, and no script of a name runs."""
    hostile = [
        notebook.render(notebook.of_findings(poisoned(full, text.replace("alert", "ran"))))
        for text in HOSTILE
    ]
    pages = [*(results[name]._repr_html_() for name in NAMES), *hostile]
    path = tmp_path / "notebook.html"
    grounds = {}
    for scheme in ("true", "false"):
        path.write_text(
            "<!doctype html><meta charset=utf-8><script>window.ran = () => { window.bad = 1 }"
            f"</script><body data-jp-theme-light={scheme}>{''.join(pages)}",
            encoding="utf-8",
        )
        tab = browser.new_page(viewport={"width": 420, "height": 900})
        asked: list[str] = []
        tab.on("request", lambda request, asked=asked: asked.append(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_timeout(200)
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert tab.evaluate("window.bad") is None
        assert tab.evaluate("document.documentElement.scrollWidth") <= 420
        colours = (
            "[...document.querySelectorAll('.radiotracer')].map((box) => "
            "[getComputedStyle(box).backgroundColor, getComputedStyle(box).color].join())"
        )
        (grounds[scheme],) = set(tab.evaluate(colours))
        images = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
        assert tab.evaluate(images)
        tab.close()
    assert grounds == {
        "true": "rgb(255, 255, 255),rgb(20, 32, 30)",
        "false": "rgb(22, 30, 28),rgb(231, 237, 235)",
    }


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_themes_indent_nothing_and_phones_leave_no_gap(found: Scan, browser: Any) -> None:
    theme = "dl[class]:not(.simple):not(.option-list):not(.glossary) dd { margin-left: 2rem }"
    tab = browser.new_page(viewport={"width": 380, "height": 800})
    tab.set_content(f"<style>{theme}</style><article>{found._repr_html_()}</article>")
    left = "(what) => document.querySelector(what).getBoundingClientRect().left"
    assert tab.evaluate(left, ".rt-figures dd") == tab.evaluate(left, ".rt-figures dt")
    tops = "[...document.querySelectorAll('.rt-card')].map((c) => c.getBoundingClientRect().top)"
    first = tab.evaluate(tops)
    assert first.count(first[0]) == min(3, len(first))
    tab.close()
