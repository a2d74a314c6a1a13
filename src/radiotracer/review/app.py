"""The review as a web application: its addresses, and what each of them answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, cast

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from radiotracer.errors import InputError, StorageError
from radiotracer.review.board import Board
from radiotracer.review.decisions import StaleError
from radiotracer.review.export import default_folder, export
from radiotracer.review.guard import Guard
from radiotracer.review.influence import Influence, Side, answer_json
from radiotracer.review.pictures import LARGEST_PICTURE, MOST_TILES, Pixels, few_words, sent, sheet

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

LARGEST_BODY = 65_536
"""Bytes of a request."""


def build(board: Board, influence: Influence, *, port: int, token: str) -> ASGIApp:
    """The application, behind its guard.

    Args:
        board: The review.
        influence: Answers what is asked about single examples.
        port: Where the server listens.
        token: What every request must carry.
    """
    routes = [
        Route("/", lambda _: _file("index.html")),
        Route("/static/{name}", lambda request: _file(request.path_params["name"])),
        *_looking(board),
        *_tracing(board, influence),
        *_deciding(board),
        *_exporting(board),
    ]
    app = Starlette(routes=routes, exception_handlers={InputError: _refusal})
    return Guard(app, port=port, token=token)


def _looking(board: Board) -> list[Route]:
    """What can be seen of the scan."""
    whole = board.scan_json()

    def scan(_: Request) -> Response:
        return Response(whole, media_type="application/json")

    def scores(request: Request) -> Response:
        body = board.scores_json(request.query_params.get("detector", ""))
        return Response(body, media_type="application/json")

    def changes(request: Request) -> Response:
        return JSONResponse(board.changes(_integer(request.query_params.get("since", "0"))))

    def thumbs(request: Request) -> Response:
        return _png(sheet([board.small(row) for row in _rows(request)]))

    def texts(request: Request) -> Response:
        return JSONResponse([few_words(board.preview(row)) for row in _rows(request)])

    def shown(request: Request) -> Response:
        return _picture(board.picture(request.path_params["row"], _side(request)))

    def example(request: Request) -> Response:
        return JSONResponse(board.example_json(request.path_params["row"]))

    return [
        Route("/api/scan", scan),
        Route("/api/scores", scores),
        Route("/api/changes", changes),
        Route("/api/thumbs", thumbs),
        Route("/api/texts", texts),
        Route("/api/picture/{row:int}", shown),
        Route("/api/example/{row:int}", example),
    ]


def _tracing(board: Board, influence: Influence) -> list[Route]:
    """Proponents and opponents."""
    places = np.empty_like(board.order)
    places[board.order] = np.arange(len(board.order))

    def validation(request: Request) -> Response:
        return _picture(influence.picture(request.path_params["row"], _side(request)))

    def partners(request: Request) -> Response:
        row, side = request.path_params["row"], request.path_params["side"]
        board.require_row(row)
        if side not in ("validation", "train"):
            raise InputError(
                expected="validation or train", came=repr(side), do="ask for one of them"
            )
        answer = answer_json(influence.ask(cast(Side, side), int(board.order[row])))
        if side == "train":
            for each in (*answer["proponents"], *answer["opponents"]):
                each["row"] = int(places[each["row"]])
        return JSONResponse(answer)

    return [
        Route("/api/validation/{row:int}", validation),
        Route("/api/influence/{side}/{row:int}", partners),
    ]


def _deciding(board: Board) -> list[Route]:
    """What changes something; what was decided elsewhere in the meantime is answered with 409."""

    def decide(body: dict[str, Any], since: int) -> Response:
        row, version = _integer(body.get("row")), _integer(body.get("version"))
        label = body.get("label")
        name = None if label is None else _class(board, label)
        try:
            board.decide(row, body.get("decision"), name, version)
        except StaleError as error:
            return _conflict(f"This example was {error}.", board, since)
        return JSONResponse(board.changes(since))

    def undo(body: dict[str, Any], since: int) -> Response:
        try:
            board.store.undo(_integer(body.get("target")))
        except StorageError:
            raise
        except InputError as error:
            return _conflict(str(error), board, since)
        return JSONResponse(board.changes(since))

    def draw(body: dict[str, Any], since: int) -> Response:
        board.draw(_integer(body.get("size")), _integer(body.get("seed")))
        return JSONResponse(board.changes(since))

    return [
        Route("/api/decide", _posted(decide), methods=["POST"]),
        Route("/api/undo", _posted(undo), methods=["POST"]),
        Route("/api/sample", _posted(draw), methods=["POST"]),
    ]


def _exporting(board: Board) -> list[Route]:
    """The cleaned data; a page never replaces a folder."""

    def where(_: Request) -> Response:
        return JSONResponse({"out": str(default_folder(board.scanned.folder))})

    def take_away(body: dict[str, Any], _: int) -> Response:
        out = body.get("out")
        if not isinstance(out, str) or not out.strip() or "\0" in out:
            raise InputError(expected="a folder to write", came=repr(out), do="name a new folder")
        done = export(board.scanned, board.examples, board.store, Path(out.strip()))
        return JSONResponse(done.as_json())

    return [
        Route("/api/export", where),
        Route("/api/export", _posted(take_away), methods=["POST"]),
    ]


def _conflict(words: str, board: Board, since: int) -> Response:
    return JSONResponse({"error": words, "changes": board.changes(since)}, status_code=409)


def _posted(work: Callable[[dict[str, Any], int], Response]) -> Callable[[Request], Any]:
    """An address that takes a small JSON object, and works in another thread."""

    async def answer(request: Request) -> Response:
        body = await _body(request)
        return await run_in_threadpool(lambda: work(body, _integer(body.get("since", 0))))

    return answer


async def _body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BODY:
            raise InputError(
                expected=f"at most {LARGEST_BODY} bytes", came="more", do="send a shorter request"
            )
    try:
        value = json.loads(content) if kind == "application/json" else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(expected="a JSON object", came=kind or "nothing", do="reload the page")
    return value


def _refusal(_: Request, error: Exception) -> Response:
    status = 507 if isinstance(error, StorageError) else 400
    return JSONResponse({"error": str(error)}, status_code=status)


@functools.cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Our own files by name, with their kinds; nothing else can be named."""
    folder = resources.files("radiotracer.review") / "static"
    kinds = {each: KINDS.get(Path(each.name).suffix) for each in folder.iterdir()}
    return {each.name: (each.read_bytes(), kind) for each, kind in kinds.items() if kind}


def _file(name: str) -> Response:
    if name not in _files():
        return Response("There is no such file.\n", status_code=404, media_type="text/plain")
    content, kind = _files()[name]
    return Response(content, media_type=kind)


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png")


def _picture(pixels: Pixels) -> Response:
    content, kind = sent(pixels)
    return Response(content, media_type=kind)


def _side(request: Request) -> int:
    """Pixels of the longer side that a picture is wanted with."""
    return max(1, min(LARGEST_PICTURE, _integer(request.query_params.get("side", LARGEST_PICTURE))))


def _integer(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    raise InputError(expected="a whole number from 0", came=repr(value)[:50], do="reload the page")


def _rows(request: Request) -> list[int]:
    """The rows that are asked for, few enough for one answer."""
    rows = [_integer(each) for each in request.query_params.get("rows", "").split(",")]
    if len(rows) > MOST_TILES:
        raise InputError(
            expected=f"at most {MOST_TILES} rows", came=str(len(rows)), do="ask for fewer"
        )
    return rows


def _class(board: Board, number: object) -> str:
    names = board.class_names
    index = _integer(number)
    if index >= len(names):
        raise InputError(
            expected=f"a class from 0 to {len(names) - 1}", came=str(index), do="reload the page"
        )
    return names[index]
