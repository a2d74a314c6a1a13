"""Services that answer to do harm: each is what a server sends once it has read a question."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

NEVER = 30.0
"""Seconds; whoever waits for a server of these waits too long."""


@dataclass(frozen=True)
class Service:
    """One way to answer.

    Args:
        name: For people.
        says: A part of the line that it leaves.
        send: The pieces of what it sends, each a tenth of a second after the other if `slowly`.
        slowly: See `send`.
    """

    name: str
    says: str
    send: Callable[[], Iterable[bytes]]
    slowly: bool = False


def raw(*pieces: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: pieces


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Callable[[], Iterable[bytes]]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return raw("\r\n".join(lines).encode("latin-1") + body)


def scores(text: str) -> Callable[[], Iterable[bytes]]:
    """One row of three scores, of which one is `text`."""
    return answer(f'{{"scores": [[0.0, 1.0, {text}]], "kind": "logits"}}'.encode())


def redirect(to: str) -> Callable[[], Iterable[bytes]]:
    return answer(b"", f"Location: {to}", status="307 Temporary Redirect")


def dripping(head: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: itertools.chain([head], itertools.repeat(b"a"))


def endless(head: bytes, piece: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: itertools.chain([head], itertools.repeat(piece))


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b" " * 20_000_000)
PAGE = b"<html><script>alert(1)</script>"
MORE_ROWS = b'{"scores": [[0, 1, 2], [0, 1, 2]], "kind": "logits"}'
TWICE = b'{"scores": [[9, 1, 2]], "kind": "logits", "scores": [[0, 1, 2]]}'
LATE, NONE = "within", "expected an answer from"

CORPUS = [
    Service("says nothing", LATE, lambda: itertools.repeat(b""), slowly=True),
    Service("drips what is no HTTP", LATE, dripping(b""), slowly=True),
    Service("drips its headers", LATE, dripping(OK + b"X-Long: "), slowly=True),
    Service("drips its body", LATE, dripping(OK + b"\r\n"), slowly=True),
    Service("hints for ever", LATE, endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    Service("sends for ever", "at most", endless(OK + b"\r\n", b" " * 65536)),
    Service(
        "sends chunks for ever", "at most", endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n")
    ),
    Service("has a header without end", NONE, endless(OK + b"X-Long: ", b"a" * 65536)),
    Service("has a chunk of 2**64", NONE, raw(CHUNKED + b"F" * 17 + b"\r\na")),
    Service("has a length of -1", NONE, raw(OK + b"Content-Length: -1\r\n\r\n{}")),
    Service("has two lengths", NONE, raw(OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}")),
    Service("claims 10**18 bytes", NONE, raw(OK + b"Content-Length: %d\r\n\r\n{}" % 10**18)),
    Service("redirects to a file", "a redirect to", redirect("file:///etc/passwd")),
    Service("redirects to another host", "a redirect to", redirect("http://169.254.169.254/")),
    Service("redirects to itself", "a redirect to", redirect("/")),
    Service("redirects to <script>", "a redirect to", redirect("<script>alert(1)</script>")),
    Service("redirects to escapes", "expected an answer", redirect("/\x9b2J\x1b]0;owned\x07")),
    Service("speaks no HTTP", NONE, raw(b"\x1b[2JSSH-2.0-OpenSSH\r\n" * 3)),
    Service("has a status of escapes", NONE, answer(b"", status="403 \x1b[2J")),
    Service("switches protocols", NONE, raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")),
    Service("gives a web page", "JSON", answer(PAGE, "Content-Type: text/html")),
    Service("packs 20 MB into 20 KB", "JSON", answer(BOMB, "Content-Encoding: gzip")),
    Service("says nothing well", "JSON", answer(b"")),
    Service("nests a million lists", "JSON", answer(b"[" * 900_000)),
    Service("names a class of escapes", "JSON", answer(json.dumps({"scores": "\x1b[2J"}).encode())),
    Service("gives a number of 5,000 digits", "", scores("1" + "0" * 5000)),
    Service("gives 1e999", "", scores("1e999")),
    Service("gives NaN", "finite scores", scores("NaN")),
    Service("gives infinity", "finite scores", scores("-Infinity")),
    Service("gives truth values", "JSON", scores("true")),
    Service("gives a label of 2**70", "JSON", answer(b'{"labels": [%d]}' % 2**70)),
    Service("gives more rows than asked", "rows of scores", answer(MORE_ROWS)),
    Service("gives scores twice", "twice", answer(TWICE)),
]


@contextlib.contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address of a server that answers so, on this machine."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        thread = threading.Thread(target=_serve, args=(listening, service, done), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/ask"
        finally:
            done.set()
            thread.join()


def _serve(listening: socket.socket, service: Service, done: threading.Event) -> None:
    while not done.is_set():
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            asked = b""
            while not asked.endswith(b"]}"):  # what is left unread would break the connection
                asked += connection.recv(2**20)
            end = time.monotonic() + NEVER
            for piece in service.send():
                if done.is_set() or time.monotonic() > end:
                    break
                connection.sendall(piece)
                if service.slowly:
                    done.wait(0.1)
