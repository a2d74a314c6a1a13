from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from suspect_asked import pixels
from suspect_helpers import by_the_book, network, refusal
from suspect_service import Service, serving

from radiotracer.errors import NotFiniteError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.service import service_suspect
from radiotracer.provenance.models.transport import Patience

IMAGES = pixels(6)


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def service(running: Service) -> Service:
    for seen in (running.requests, running.images, running.headers):
        seen.clear()
    running.failures = 0
    return running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def patience(waits: list[float]) -> Patience:
    """Waits are noted, not waited."""
    return Patience(timeout=20, retries=2, sleep=waits.append)


def ask(service: Service, way: str, patience: Patience, **settings: object) -> Answering:
    settings = {"classes": 5, "patience": patience} | settings
    return service_suspect(f"{service.url}/{way}", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["probabilities", "logits"])
def test_scores(service: Service, patience: Patience, way: str) -> None:
    suspect = ask(service, way, patience, batch=4)
    assert service.requests == []  # nothing is sent before it is asked
    expected = by_the_book(network(), IMAGES)
    np.testing.assert_allclose(suspect.scores(IMAGES), expected, rtol=0, atol=1e-5)
    assert service.requests == [f"/{way}"] * 2
    np.testing.assert_array_equal(np.stack(service.images), IMAGES)
    np.testing.assert_array_equal(suspect.labels(IMAGES), expected.argmax(axis=1))
    assert suspect.access == {"scores", "labels"}
    assert suspect.identity == {
        "kind": "http",
        "url": f"{service.url}/{way}",
        "outputs": "scores",
    }
    assert suspect.name == f"127.0.0.1/{way}"


def test_labels_only(service: Service, patience: Patience) -> None:
    suspect = ask(service, "labels", patience, labels_only=True)
    expected = by_the_book(network(), IMAGES).argmax(axis=1)
    np.testing.assert_array_equal(suspect.labels(IMAGES), expected)
    assert suspect.access == {"labels"}
    assert suspect.identity["outputs"] == "labels"


@pytest.mark.parametrize("way", ["tensorflow", "tensorflow-logits", "hugging-face"])
def test_forms_that_others_have(service: Service, patience: Patience, way: str) -> None:
    suspect = ask(service, way, patience, names="abcde")
    np.testing.assert_allclose(suspect.scores(IMAGES), by_the_book(network(), IMAGES), atol=1e-5)


@pytest.mark.parametrize("named", [1, 2])
def test_what_is_not_named_shares_what_is_left(
    service: Service, patience: Patience, named: int
) -> None:
    expected = np.exp(by_the_book(network(), IMAGES))
    for row in expected:
        rest = np.argsort(row)[:-named]
        row[rest] = row[rest].mean()
    found = ask(service, f"top-{named}", patience, names="abcde").scores(IMAGES)
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-5)


@pytest.mark.parametrize("way", ["names", "hugging-face"])
def test_names_of_classes(service: Service, patience: Patience, way: str) -> None:
    suspect = ask(service, way, patience, labels_only=True, names="abcde")
    expected = by_the_book(network(), IMAGES).argmax(axis=1)
    np.testing.assert_array_equal(suspect.labels(IMAGES), expected)


def test_names_that_nobody_knows(service: Service, patience: Patience) -> None:
    suspect = ask(service, "unknown-names", patience, labels_only=True, names="abcde")
    assert refusal(lambda: suspect.labels(IMAGES)).startswith(
        "expected one of the classes a, b, c, d, e from 127.0.0.1/unknown-names; got 'z'; "
    )
    assert "every class once at most" in refusal(
        lambda: ask(service, "twice", patience, names="abcde").scores(IMAGES)
    )


def test_grey_images_arrive_as_they_are(service: Service, patience: Patience) -> None:
    grey = pixels(3, channels=1)
    ask(service, "probabilities", patience).scores(grey)
    np.testing.assert_array_equal(np.stack(service.images), grey[..., 0])


@pytest.mark.parametrize("failures", [1, 2])
def test_a_service_that_fails_and_then_answers(
    service: Service, patience: Patience, waits: list[float], failures: int
) -> None:
    service.failures = failures
    scores = ask(service, "flaky", patience).scores(IMAGES)
    np.testing.assert_allclose(scores, by_the_book(network(), IMAGES), atol=1e-5)
    assert len(service.requests) == failures + 1
    assert waits == [7.0] * failures  # as it asked for


def test_a_service_that_fails_too_often(
    service: Service, patience: Patience, waits: list[float]
) -> None:
    service.failures = 3
    suspect = ask(service, "flaky", patience)
    assert refusal(lambda: suspect.scores(IMAGES)) == (
        f"expected an answer from {service.url}/flaky; got status 503, 3 times; try again later"
    )
    assert len(waits) == 2


def test_a_wait_has_an_end(service: Service, waits: list[float]) -> None:
    patience = Patience(retries=4, wait=20, sleep=waits.append)
    refusal(lambda: ask(service, "503", patience).scores(IMAGES))
    assert waits == [20, 40, 60, 60]


@pytest.mark.parametrize("status", ["429", "500", "502"])
def test_what_is_tried_again(service: Service, patience: Patience, status: str) -> None:
    assert f"got status {status}, 3 times;" in refusal(
        lambda: ask(service, status, patience).scores(IMAGES)
    )
    assert len(service.requests) == 3


@pytest.mark.parametrize("status", ["400", "401", "404", "204", "201"])
def test_what_is_not_tried_again(service: Service, patience: Patience, status: str) -> None:
    assert refusal(lambda: ask(service, status, patience).scores(IMAGES)) == (
        f"expected an answer from {service.url}/{status}; got status {status}; "
        "check the address and the headers that it asks for"
    )
    assert len(service.requests) == 1


@pytest.mark.parametrize("way", ["slow", "drip"])
def test_a_slow_service(service: Service, way: str) -> None:
    suspect = ask(service, way, Patience(timeout=0.4, retries=3))
    assert refusal(lambda: suspect.scores(IMAGES)) == (
        f"expected an answer from {service.url}/{way} within 0.4 seconds; got none in time; "
        "allow more time, or ask about fewer examples at a time"
    )
    assert len(service.requests) == 1


def test_a_long_answer(service: Service) -> None:
    suspect = ask(service, "endless", Patience(most_bytes=100_000))
    assert refusal(lambda: suspect.scores(IMAGES)) == (
        f"expected an answer of at most 100000 bytes from {service.url}/endless; "
        "got a longer one; ask about fewer examples at a time"
    )


def test_a_redirect(service: Service, patience: Patience) -> None:
    assert refusal(lambda: ask(service, "elsewhere", patience).scores(IMAGES)) == (
        f"expected an answer from {service.url}/elsewhere; "
        "got status 307, a redirect to https://elsewhere.example/collect; "
        "pass the address that answers by itself; redirects are not followed"
    )
    assert len(service.requests) == 1


def test_scores_that_are_no_numbers(service: Service, patience: Patience) -> None:
    assert refusal(lambda: ask(service, "nan", patience).scores(IMAGES), NotFiniteError) == (
        "expected finite scores from 127.0.0.1/nan; got 30 NaN or infinite of 30; "
        "repair the model; its other answers cannot be relied on either"
    )


JSON = 'expected JSON with "scores" and "kind", or "labels", from 127.0.0.1/'


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (
            "few",
            "expected scores of at least 5 classes from 127.0.0.1/few; got 2; "
            "pass the model that was trained for these classes",
        ),
        (
            "rows",
            "expected 6 rows of scores from 127.0.0.1/rows; got float64 of shape (5, 5); "
            "make it give one row per image and one column per class",
        ),
        (
            "ragged",
            "expected rows of one length from 127.0.0.1/ragged; got rows of 2 and of 5; "
            "repair the service",
        ),
        (
            "mislabelled",
            "expected logits or log-probabilities from 127.0.0.1/mislabelled; "
            "got rows in [0, 1] that sum to 1; "
            'these are probabilities: say so with outputs="probabilities"',
        ),
        (
            "unkind",
            "expected the kind of its scores from 127.0.0.1/unkind; got none; "
            'make the service say "kind": "logits" or "kind": "probabilities"',
        ),
        (
            "labels",
            "expected scores from 127.0.0.1/labels; got labels only; "
            'open it with outputs="labels" if it gives labels',
        ),
        (
            "nothing",
            "expected scores from 127.0.0.1/nothing; got none; "
            'open it with outputs="labels" if it gives labels',
        ),
        (
            "garbage",
            f"{JSON}garbage; got Invalid JSON: expected value at line 1 column 1; "
            "repair the service, or ask it through python:module:function",
        ),
        (
            "texts",
            f"{JSON}texts; got scores.0.0: Input should be a valid number; "
            "repair the service, or ask it through python:module:function",
        ),
        (
            "list",
            f"{JSON}list; got 0.0: Input should be an object; "
            "repair the service, or ask it through python:module:function",
        ),
    ],
)
def test_answers_that_cannot_be_used(
    service: Service, patience: Patience, way: str, text: str
) -> None:
    assert refusal(lambda: ask(service, way, patience).scores(IMAGES)) == text
    assert len(service.requests) == 1


def test_labels_that_cannot_be_used(service: Service, patience: Patience) -> None:
    named = ask(service, "logits", patience, labels_only=True)
    assert refusal(lambda: named.labels(IMAGES)) == (
        "expected labels from 127.0.0.1/logits; got none; make the service give them"
    )
    named = ask(service, "negative", patience, labels_only=True)
    assert refusal(lambda: named.labels(IMAGES)).startswith(
        f"{JSON}negative; got labels.list[constrained-int].0: Input should be greater than or "
    )


# --- connections


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_nobody_there(patience: Patience, waits: list[float]) -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    assert refusal(lambda: service_suspect(url, patience=patience).scores(IMAGES)) == (
        f"expected an answer from {url}; got ConnectError: [Errno 111] Connection refused, "
        "3 times; try again later"
    )
    assert waits == [1.0, 2.0]


def test_connections_that_break() -> None:
    """Accepted and closed again: tried again, then given up."""
    accepted: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drop() -> None:
            for _ in range(3):
                connection, _ = server.accept()
                accepted.append(1)
                connection.recv(10)
                connection.close()

        thread = threading.Thread(target=drop, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        suspect = service_suspect(url, patience=Patience(retries=2, wait=0, timeout=10))
        text = refusal(lambda: suspect.scores(IMAGES))
        thread.join(timeout=10)
    assert text.startswith(f"expected an answer from {url}; got ")
    assert text.endswith(", 3 times; try again later")
    assert len(accepted) == 3


def test_the_environments_proxy_is_not_used(
    service: Service, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert ask(service, "probabilities", patience).scores(IMAGES).shape == (6, 5)


# --- addresses and headers


def test_headers_from_the_environment(
    service: Service, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hunter2-token"
    monkeypatch.setenv("MODEL_HEADERS", f"Authorization: Bearer {secret}\nX-Team: audit\n")
    suspect = ask(service, "probabilities", patience, headers_from="MODEL_HEADERS")
    suspect.scores(IMAGES)
    assert service.headers[0]["authorization"] == f"Bearer {secret}"
    assert service.headers[0]["x-team"] == "audit"
    assert service.headers[0]["accept-encoding"] == "identity"
    assert secret not in repr(suspect) + str(suspect.identity) + suspect.name
    for way in ("401", "elsewhere", "garbage"):
        refused = ask(service, way, patience, headers_from="MODEL_HEADERS")
        assert secret not in refusal(lambda refused=refused: refused.scores(IMAGES))
