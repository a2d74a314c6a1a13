"""Who may ask, and what every answer carries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from radiotracer.review.board import Board
from radiotracer.review.influence import Evidence, Influence

pytest.importorskip("starlette")

PORT = 4321
BASE = f"http://127.0.0.1:{PORT}"
TOKEN = "a-token-of-this-start"
KEY = {"Authorization": f"Bearer {TOKEN}", "Origin": BASE}

ADDRESSES = [
    "/",
    "/static/main.js",
    "/api/scan",
    "/api/scores?detector=loss",
    "/api/changes",
    "/api/thumbs?rows=0",
    "/api/picture/0",
    "/api/query/0",
    "/api/example/0",
    "/api/influence/queries/0",
    "/api/export",
    "/nothing",
]
POSTS = ["/api/decide", "/api/undo", "/api/sample", "/api/export"]


@pytest.fixture
def ask(board: Board) -> Iterator[Any]:
    """ask("GET", "/", headers=...): the answer of the application itself."""
    import anyio

    from radiotracer.review.app import build

    def never() -> Evidence:
        raise AssertionError("nobody asked for influence")

    influence = Influence(never)
    app = build(board, influence, port=PORT, token=TOKEN)

    def call(method: str, path: str, **options: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **options)

        return anyio.run(answer)

    yield call
    influence.close()


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Cookie": f"radiotracer-review-1={TOKEN}"},
        {"Cookie": f"radiotracer-review-{PORT}=wrong"},
        {**KEY, "Host": "evil.example"},
        {**KEY, "Host": f"127.0.0.1.evil.example:{PORT}"},
        {**KEY, "Host": "127.0.0.1:80"},
        {**KEY, "Origin": "http://evil.example"},
        {**KEY, "Origin": "null"},
        {**KEY, "Origin": f"https://127.0.0.1:{PORT}"},
    ],
)
def test_get_refused(ask: Any, path: str, headers: dict[str, str]) -> None:
    answer = ask("GET", path, headers=headers)
    assert answer.status_code == 403
    assert TOKEN not in answer.text and "set-cookie" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", POSTS)
def test_posts_need_an_origin(ask: Any, path: str, board: Board) -> None:
    body = {
        "row": 0,
        "decision": "drop",
        "version": 0,
        "since": 0,
        "size": 5,
        "seed": 0,
        "out": "x",
    }
    for headers in ({"Authorization": KEY["Authorization"]}, {**KEY, "Origin": "http://a.b"}):
        assert ask("POST", path, headers=headers, json=body).status_code == 403
    plain = {**KEY, "Content-Type": "text/plain"}
    assert ask("POST", path, headers=plain, content=b"{}").status_code == 400
    assert board.store.last == 0 and not board.store.sample


def test_the_token_in_the_address_becomes_a_cookie(ask: Any) -> None:
    answer = ask("GET", f"/?token={TOKEN}")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie == f"radiotracer-review-{PORT}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    carried = {"Cookie": cookie.partition(";")[0]}
    assert ask("GET", "/api/changes", headers=carried).status_code == 200
    assert ask("GET", f"/api/changes?token={TOKEN}").status_code == 403
    assert ask("GET", f"/?token={TOKEN}&token=x").status_code == 403
    assert ask("GET", "/?token=").status_code == 403


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_is_sealed(ask: Any, path: str) -> None:
    if path == "/api/influence/queries/0":
        return
    headers = ask("GET", path, headers=KEY).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and "form-action 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path", ["/static/..%2fapp.py", "/static/../app.py", "/static/%2e%2e/app.py", "/app.py"]
)
def test_no_other_file(ask: Any, path: str) -> None:
    assert ask("GET", path, headers=KEY).status_code in (403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/api/thumbs?rows=-1",
        "/api/thumbs?rows=99",
        "/api/thumbs?rows=x",
        "/api/thumbs?rows=" + ",".join(["0"] * 300),
        "/api/scores?detector=<script>",
        "/api/picture/96",
        "/api/example/96",
        "/api/changes?since=x",
        "/api/influence/test/0",
    ],
)
def test_nonsense_is_one_line(ask: Any, path: str) -> None:
    answer = ask("GET", path, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("expected ")


@pytest.mark.parametrize(
    "body",
    [
        {"row": 96, "decision": "keep", "version": 0},
        {"row": 0, "decision": "keep"},
        {"row": 0.5, "decision": "keep", "version": 0},
        {"row": True, "decision": "keep", "version": 0},
        {"row": 0, "decision": "remove", "version": 0},
        {"row": 0, "decision": "relabel", "version": 0},
        {"row": 0, "decision": "relabel", "label": 7, "version": 0},
        {"row": 0, "decision": "keep", "label": 1, "version": 0},
        [1],
    ],
)
def test_decisions_that_make_no_sense(ask: Any, board: Board, body: object) -> None:
    assert ask("POST", "/api/decide", headers=KEY, json=body).status_code == 400
    assert board.store.last == 0


def test_a_body_too_large(ask: Any) -> None:
    content = b'{"x": "' + b"x" * 100_000 + b'"}'
    headers = {**KEY, "Content-Type": "application/json"}
    assert ask("POST", "/api/decide", headers=headers, content=content).status_code == 400


def test_two_who_decide_about_one(ask: Any) -> None:
    body = {"row": 3, "decision": "keep", "version": 0, "since": 0}
    first = ask("POST", "/api/decide", headers=KEY, json=body).json()
    assert first["events"][0]["decision"] == "keep" and first["figures"]["decided"] == 1
    answer = ask("POST", "/api/decide", headers=KEY, json={**body, "decision": "drop"})
    assert answer.status_code == 409
    assert answer.json()["changes"]["events"][0]["decision"] == "keep"
    assert ask("POST", "/api/undo", headers=KEY, json={"target": 9}).status_code == 409
    undone = ask("POST", "/api/undo", headers=KEY, json={"target": 1, "since": 1}).json()
    assert undone["undo"] is None and undone["figures"]["decided"] == 0


def test_a_disk_that_refuses(ask: Any, board: Board) -> None:
    board.store._database.execute("PRAGMA query_only = ON")
    body = {"row": 3, "decision": "keep", "version": 0, "since": 0}
    answer = ask("POST", "/api/decide", headers=KEY, json=body)
    assert answer.status_code == 507 and "nothing was saved" in answer.json()["error"]
    board.store._database.execute("PRAGMA query_only = OFF")
    assert ask("POST", "/api/decide", headers=KEY, json=body).status_code == 200


def test_a_sheet_is_made_of_the_images(ask: Any, board: Board) -> None:
    content = ask("GET", "/api/thumbs?rows=5,0,9", headers=KEY).content
    with Image.open(io.BytesIO(content)) as strip:
        pixels = np.asarray(strip)
    images = board.examples.content[board.order[[5, 0, 9]]][..., 0]
    assert (pixels == np.concatenate(list(images), axis=1)).all()
