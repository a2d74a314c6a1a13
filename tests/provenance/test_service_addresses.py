"""Addresses of services and what goes with a request: secrets are kept."""

from __future__ import annotations

import sys

import pytest
from suspect_helpers import refusal

from audit_world import sample_audit, sample_evidence
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.models.query_lines import Header
from radiotracer.provenance.models.service import service_suspect
from radiotracer.views import page_of


@pytest.mark.parametrize(
    "text",
    ["hunter2", "Authorization:", "Auth orization: hunter2", "A: b\x07c", "A: b\nhunter2", "A: é"],
)
def test_headers_that_are_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MODEL_HEADERS", text)
    assert refusal(lambda: service_suspect("https://x.example/", headers_from="MODEL_HEADERS")) == (
        "expected one header per line, Name: value, in the environment variable MODEL_HEADERS; "
        "got other text, which is not shown; "
        "set it, e.g. MODEL_HEADERS='Authorization: Bearer ...'"
    )


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_HEADERS", raising=False)
    assert "MODEL_HEADERS; got nothing; set it" in refusal(
        lambda: service_suspect("https://x.example/", headers_from="MODEL_HEADERS")
    )


def test_headers_do_not_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_HEADERS", "Authorization: Bearer hunter2")
    url = "http://x.example/ask"
    assert refusal(lambda: service_suspect(url, headers_from="MODEL_HEADERS")) == (
        f"expected an https address, since headers are sent; got {url}; "
        "ask the service for one, or send no headers"
    )
    service_suspect("https://x.example/ask", headers_from="MODEL_HEADERS")
    service_suspect(url)


@pytest.mark.parametrize(
    "url", ["http://", "ftp://x.example/", "https://x.example:port/", "x", "http://\x00"]
)
def test_addresses_that_are_none(url: str) -> None:
    text = refusal(lambda: service_suspect(url))
    assert text.startswith(
        "expected an address such as https://host/path, without user name, password or query; got "
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@x.example/", "https://...@x.example/"),
        ("https://hunter2@x.example/?key=hunter2#hunter2", "https://...@x.example/?..."),
        ("https://x.example/ask?key=hunter2", "https://x.example/ask?..."),
        ("https://x.example/ask#hunter2", "https://x.example/ask#..."),
    ],
)
def test_secrets_in_an_address_are_refused_and_not_repeated(url: str, shown: str) -> None:
    assert refusal(lambda: service_suspect(url)) == (
        "expected an address such as https://host/path, without user name, password or query; "
        f"got {shown}; put keys and tokens into an environment variable with headers "
        "(headers_from=)"
    )


def test_old_evidence_shows_no_secrets() -> None:
    """What was written before such addresses were refused, or by somebody else."""
    url = "https://me:hunter2@x.example/ask?key=hunter2"
    audit = sample_audit(url=url)
    evidence = sample_evidence().model_dump(mode="json")
    evidence["suspect"]["identity"]["url"] = url
    evidence["audits"] = [audit.model_dump(mode="json") | {"suspect": {"url": url}}]
    shown = Evidence.model_validate(evidence)
    header = Header(time="", name="it", suspect={"url": url})
    for each in (shown.model_dump_json(), page_of(shown), audit.model_dump_json(), header.text):
        assert "hunter2" not in str(each)
        assert "https://...@x.example/ask?..." in str(each)


def test_without_the_client_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert refusal(lambda: service_suspect("https://x.example/")) == (
        'expected httpx, to ask a model over a network; got none; pip install "radiotracer[http]"'
    )
