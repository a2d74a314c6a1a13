"""A service that answers as a network, and in all the wrong ways: one path per way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from suspect_helpers import network


@dataclass
class Service:
    """The address, and what came in."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    failures: int = 0  # how many requests to /flaky fail before one is answered

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(x)))) for x in body["images"]]
        self.requests.append(request.url.path)
        self.headers.append(dict(request.headers))
        self.images += images
        stack = np.stack(images)
        if stack.ndim == 3:
            stack = np.repeat(stack[..., None], 3, axis=3)
        inputs = torch.from_numpy(stack.transpose(0, 3, 1, 2) / 255.0).float()
        with torch.no_grad():
            logits = network()(inputs).double()
        return await self.respond(request.url.path.removeprefix("/"), logits)

    async def respond(self, way: str, logits: torch.Tensor) -> Response:
        probabilities = torch.softmax(logits, dim=1).tolist()
        good = {"scores": probabilities, "kind": "probabilities", "model": "v2"}
        if way == "flaky":
            self.failures -= 1
            way = "503" if self.failures >= 0 else "probabilities"
        if way.isdigit():
            return Response("no", status_code=int(way), headers={"Retry-After": "7"})
        if way == "slow":
            await asyncio.sleep(1.5)
        if way == "drip":
            return StreamingResponse(drip(), media_type="application/json")
        if way == "endless":
            return StreamingResponse(endless(), media_type="application/json")
        if way == "elsewhere":
            return RedirectResponse("https://elsewhere.example/collect", status_code=307)
        text = json.dumps(
            {
                "logits": {"scores": logits.tolist(), "kind": "logits"},
                "labels": {"labels": logits.argmax(dim=1).tolist()},
                "nan": {**good, "scores": [[float("nan")] * 5 for _ in logits]},
                "few": {**good, "scores": [[0.5, 0.5] for _ in logits]},
                "ragged": {**good, "scores": [[0.2] * 5] * (len(logits) - 1) + [[0.5] * 2]},
                "rows": {**good, "scores": probabilities[:-1]},
                "mislabelled": {**good, "kind": "logits"},
                "unkind": {"scores": probabilities},
                "texts": {**good, "scores": [["0.2"] * 5 for _ in logits]},
                "nothing": {"answer": 42},
                "tensorflow": {"predictions": probabilities},
                "tensorflow-logits": {"predictions": logits.tolist()},
                "hugging-face": named(probabilities),
                "top-2": [row[:2] for row in named(probabilities)],
                "top-1": [row[:1] for row in named(probabilities)],
                "names": {"labels": ["abcde"[row.argmax()] for row in logits]},
                "unknown-names": {"labels": ["z" for _ in logits]},
                "twice": [[{"label": "a", "score": 0.5}] * 2 for _ in logits],
                "negative": {"labels": [-1 for _ in logits]},
                "list": probabilities,
            }.get(way, good)
        )
        return Response("<html>" if way == "garbage" else text, media_type="application/json")


def named(probabilities: list[list[float]]) -> list[list[dict[str, object]]]:
    """As Hugging Face's pipelines say it: the likeliest first."""
    return [
        sorted(
            ({"label": name, "score": p} for name, p in zip("abcde", row, strict=True)),
            key=lambda each: -each["score"],  # type: ignore[operator]
        )
        for row in probabilities
    ]


async def drip() -> AsyncIterator[bytes]:
    """Each byte in time, all together late."""
    for _ in range(40):
        yield b" "
        await asyncio.sleep(0.1)


async def endless() -> AsyncIterator[bytes]:
    for _ in range(2000):
        yield b" " * 2**16


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    """A real server on a port of this machine, in a thread."""
    service = Service()

    async def ready(_: Request) -> Response:
        return JSONResponse({})

    app = Starlette(
        routes=[
            Route("/ready", ready),
            Route("/{way}", service.answer, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, log_level="critical", lifespan="off", ws="none", http="h11", loop="asyncio"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    service.url = f"http://127.0.0.1:{port}"
    try:
        yield service
    finally:
        server.should_exit = True
        thread.join(timeout=20)
