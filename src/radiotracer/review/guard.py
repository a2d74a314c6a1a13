"""Who may talk to the server: the person who was given the address, in a page of the server's own.

Everything listens on the loopback address only. Other pages in the same browser and other users of
the machine can reach that, too: so every request must carry the token of this start, name this
server as its host (or else a foreign domain that points here could read the answers), and, where it
changes something, come from this server's own page.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every answer, whatever it is."""

SAFE = ("GET", "HEAD")


def new_token() -> str:
    """256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


class Guard:
    """Lets through what may pass, and puts `HEADERS` on every answer.

    Args:
        app: What is guarded.
        port: Where this server listens.
        token: What a request must carry: as ``token`` in the address of the page, which then gets
            a cookie, as that cookie, or in the header ``Authorization: Bearer``.
    """

    def __init__(self, app: ASGIApp, *, port: int, token: str) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        # Cookies do not know ports: two reviews on one machine need two names.
        self._cookie = f"radiotracer-review-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request, and pass it on or refuse it."""
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        problem = self._problem(scope, headers)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    answer[name] = value
                if problem is None and _given(scope) is not None:
                    answer["Set-Cookie"] = (
                        f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
                    )
                message["headers"] = answer.raw
            await send(message)

        app = self._app if problem is None else PlainTextResponse(problem, status_code=403)
        await app(scope, receive, with_headers)

    def _problem(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        if headers.get("host", "").lower() not in self._hosts:
            return "This server answers only to the address that it was started with.\n"
        origin = headers.get("origin")
        ours = origin is not None and origin.lower() in {f"http://{host}" for host in self._hosts}
        if not ours and (origin is not None or scope["method"] not in SAFE):
            return "Requests from other pages are refused.\n"
        if not any(
            each is not None and hmac.compare_digest(each.encode(), self._token.encode())
            for each in (_given(scope), _cookie(headers, self._cookie), _bearer(headers))
        ):
            return "Open the address that `radiotracer review` printed: it holds the key.\n"
        return None


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; of repeated ones nothing is left that could pass."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found


def _given(scope: Scope) -> str | None:
    """The token in the address of the page; nowhere else is it looked for."""
    if scope["path"] != "/":
        return None
    values = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return values[0] if len(values) == 1 else None


def _cookie(headers: Mapping[str, str], name: str) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    return value if kind.lower() == "bearer" else None
