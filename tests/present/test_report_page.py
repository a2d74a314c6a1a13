"""The page: safe with hostile labels, the same bytes every time, honest when empty."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import altair as alt
import pytest
from altair.utils.schemapi import SchemaValidationError
from report_hostile import HOSTILE, poisoned
from report_sample import drawn_digits, findings

from radiotracer.present import Dataset, Decision, Findings, Validation, assets, render
from radiotracer.present.charts import checked_once, finish


class Page(HTMLParser):
    """Collects elements, their attributes and the texts of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "h1": [], "h2": []}
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.texts:
            self._inside = tag
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside][-1] += data

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_add_no_element_and_no_attribute(full: Findings, text: str) -> None:
    tame, wild = Page(render(poisoned(full, "tame"))), Page(render(poisoned(full, text)))
    assert [(t, sorted(a)) for t, a in wild.elements] == [(t, sorted(a)) for t, a in tame.elements]
    assert wild.texts["script"][1:] == tame.texts["script"][1:]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_never_appear_as_they_are(full: Findings, text: str) -> None:
    html = render(poisoned(full, text))
    without_own_scripts = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    if set(text) & set('<>&"\u2028'):
        assert text not in without_own_scripts
    assert "\u2028" not in html
    assert "\u202e" not in html


def test_data_block_cannot_end_its_element() -> None:
    block = str(assets.data_block({"k": "</script><!-- & \u2028"}))
    assert not set(block) & set("<>&\u2028")
    assert json.loads(block) == {"k": "</script><!-- & \u2028"}


def test_same_findings_give_same_bytes(full: Findings, page: str) -> None:
    assert render(Findings.model_validate_json(full.to_json())) == page
    assert render(findings(*drawn_digits(2000))) == page


def test_nothing_is_loaded(page: str) -> None:
    for tag, attributes in Page(page).elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            target = attributes.get(name)
            if target is not None:
                assert target.startswith(("data:", "#")), f"<{tag} {name}={target}>"
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    style = Page(page).texts["style"][0]
    assert "@import" not in style
    assert "url(" not in style


def test_policy_pins_every_script_and_style(page: str) -> None:
    parsed = Page(page)
    policy = next(
        a["content"] for t, a in parsed.elements
        if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for body in [*parsed.texts["style"], *parsed.texts["script"][1:]]:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(parsed.texts["style"]) + len(assets.SCRIPTS)


def test_vendored_files_are_the_pinned_ones() -> None:
    lines = assets.text("SHA256SUMS").splitlines()
    assert len(lines) == 4
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256(assets.text(name).encode()).hexdigest() == digest, name
    pinned = {line.split()[1] for line in lines}
    assert set(assets.SCRIPTS) - {"report.js"} <= pinned


def test_structure(page: str) -> None:
    parsed = Page(page)
    assert parsed.tags().count("h1") == 1
    assert parsed.texts["h2"] == [
        "Flagged examples",
        "Which labels were swapped",
        "How the scores are spread",
        "Detectors side by side",
        "Precision and recall at every threshold",
        "Flagged, but not tampered with by the recipe: look for real label errors",
        "Notes",
        "How to read this",
        "How this was made",
    ]
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for t, a in parsed.elements if t == "a"]
    assert {str(link)[1:] for link in links} <= set(ids)
    drawn = [a["data-chart"] for _, a in parsed.elements if "data-chart" in a]
    assert drawn == ["scores", "curves", "corner"]
    assert set(json.loads(parsed.texts["script"][0])) == set(drawn)
    assert parsed.tags().count("table") == parsed.tags().count("caption") == 5
    assert all(a.get("alt") for t, a in parsed.elements if t == "img")


def test_headline_counts(full: Findings, page: str) -> None:
    flagged = full.decision.flagged
    assert Page(page).texts["h1"] == [f"{flagged} of 2,000 training examples are flagged"]


@pytest.mark.parametrize(
    ("flagged", "reason", "headline"),
    [
        (0, None, "None of 60,000 training examples is flagged"),
        (1, None, "1 of 60,000 training examples is flagged"),
        (6012, None, "6,012 of 60,000 training examples are flagged"),
        (0, "The detector failed.", "Inconclusive: no answer can be given"),
    ],
)
def test_headlines(flagged: int, reason: str | None, headline: str) -> None:
    html = render(
        Findings(
            title="t",
            dataset=Dataset(name="d", examples=60_000, class_names=("a",)),
            decision=Decision(detector="x", rule="r", flagged=flagged, inconclusive=reason),
        )
    )
    assert Page(html).texts["h1"] == [headline]
    assert ("does not prove that the data are clean" in html) == (headline.startswith("None"))
    assert ("this report shows none of them" in html) == (flagged > 0)
    assert (reason or "") in html


def test_empty_findings_say_what_is_missing() -> None:
    html = render(
        Findings(
            title="t",
            dataset=Dataset(name="d", examples=0, class_names=()),
            decision=Decision(detector="x", rule="r", flagged=0),
        )
    )
    for sentence in ("does not prove that the data are clean", "There is no manifest",
                     "No detector gave a result", "Nothing was recorded"):  # fmt: skip
        assert sentence in html
    assert "<script" not in html


def test_without_manifest_there_are_no_metrics() -> None:
    html = render(findings(*drawn_digits(600), manifest=False))
    assert "There is no manifest for these data" in html
    for word in ("AUROC", "False-positive rate", 'badge-clean"', "was <bdi>"):
        assert word not in html
    assert Page(html).texts["script"][0].count('"corner"') == 0


def test_a_folder_is_named_briefly_in_the_tile_and_in_full_below(full: Findings) -> None:
    queries = Validation(count=12, source="/home/me/photos/held-out")
    html = render(full.model_copy(update={"validation": queries}))
    assert '<span class="context"><bdi>held-out</bdi></span>' in html
    assert "12 from <bdi>/home/me/photos/held-out</bdi>" in html


def test_a_second_label_claims_no_more_than_is_known(page: str) -> None:
    """Where the image was changed, the label given is right: no other fits better."""
    assert "the class that they look like to the network" in page
    assert "fits them better" not in page


def test_without_queries_there_are_no_opponents() -> None:
    html = render(findings(*drawn_digits(600), queries=False))
    assert "No validation examples were given, so no opponents are shown." in html
    assert '<div class="opponents">' not in html


def test_a_chart_is_checked_when_it_is_finished() -> None:
    @checked_once
    def wrong() -> object:
        axis = alt.Axis(labelAngle="steep")
        chart = alt.Chart(alt.InlineData(values=[{"a": 1}])).mark_bar()
        return finish(chart.encode(x=alt.X("a:Q", axis=axis)), height=10)

    with pytest.raises(SchemaValidationError, match="'steep' is an invalid value"):
        wrong()
