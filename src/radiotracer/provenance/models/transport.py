"""One POST request: bounded in time and size, tried again only where that can help."""

from __future__ import annotations

import functools
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from radiotracer.errors import InputError
from radiotracer.named import said
from radiotracer.provenance.models.deadline import within

_TOO_MANY = 429
_LONGEST_WAIT = 60.0
"""Seconds that a service may make us wait before one request, whatever it asks for."""

_PARTS = 4
"""Connecting, sending, waiting and reading may each take as long as `Patience` says."""


@dataclass(frozen=True)
class Patience:
    """How much time, space and trouble one answer is worth.

    Args:
        timeout: Seconds without a sign of life, and for the whole body of one answer.
        retries: How often a request is sent again.
        wait: Seconds before it is sent again, doubled each time. A service may ask for more by a
            ``Retry-After`` header, up to a minute.
        most_bytes: The longest answer that is read.
        sleep: Waits.
    """

    timeout: float = 60.0
    retries: int = 4
    wait: float = 1.0
    most_bytes: int = 16 * 2**20
    sleep: Callable[[float], None] = time.sleep


def post(
    url: str, body: dict[str, object], headers: Mapping[str, str], patience: Patience
) -> bytes:
    """Send `body` as JSON and give back the bytes of the answer.

    A request is sent again after a broken connection, status 429 and status 500 to 599; after
    anything else, a time-out included, it is not. Redirects are not followed and proxies of the
    environment not used: examples and headers go to `url` and nowhere else.

    Raises:
        InputError: There is no good answer. No message holds a header or a part of an answer.
    """
    httpx = client_library()
    # Reading the certificates takes a while; without TLS they are of no use.
    verify = not url.lower().startswith("http:") and httpx.create_ssl_context()
    # What is compressed cannot be measured before it is unpacked.
    headers = {**headers, "Accept": "application/json", "Accept-Encoding": "identity"}
    came = ""
    for attempt in range(patience.retries + 1):
        wait = patience.wait * 2**attempt
        client = httpx.Client(
            timeout=patience.timeout, trust_env=False, verify=verify, headers=headers
        )
        try:
            # The library's own time-outs begin again with every byte that a service sends.
            answer = within(
                _PARTS * patience.timeout, functools.partial(_asked, client, url, body, patience)
            )
            if isinstance(answer, bytes):
                return answer
            came, wait = answer.came, max(wait, answer.wait)
        except TimeoutError as error:
            raise _too_slow(url, patience) from error
        except httpx.TimeoutException as error:
            # Only a connection that never was can be tried again without asking twice.
            if not isinstance(error, httpx.ConnectTimeout):
                raise _too_slow(url, patience) from error
            came = "no connection in time"
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            came = said(error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise InputError(
                expected=f"an answer from {url}",
                came=type(error).__name__,
                do="check the address, and that it answers POST requests",
            ) from error
        finally:
            client.close()
        if attempt < patience.retries:
            patience.sleep(min(wait, _LONGEST_WAIT))
    raise InputError(
        expected=f"an answer from {url}",
        came=f"{came}, {patience.retries + 1} times",
        do="try again later",
    )


def client_library() -> Any:
    """The module httpx.

    Raises:
        InputError: It is not installed.
    """
    try:
        return importlib.import_module("httpx")
    except ImportError as error:
        raise InputError(
            expected="httpx, to ask a model over a network",
            came="none",
            do='pip install "radiotracer[http]"',
        ) from error


@dataclass(frozen=True)
class _Refused:
    """What came instead of an answer, and how long to wait before the next try, in seconds."""

    came: str
    wait: float


def _asked(client: Any, url: str, body: dict[str, object], patience: Patience) -> bytes | _Refused:
    with client.stream("POST", url, json=body) as response:
        if response.status_code == 200:
            return _read(response, url, patience)
        return _Refused(_refusal(response, url), _asked_to_wait(response))


def _read(response: Any, url: str, patience: Patience) -> bytes:
    """The body, chunk by chunk: many small ones in time each may still be late together."""
    end = time.monotonic() + patience.timeout
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > patience.most_bytes:
            raise InputError(
                expected=f"an answer of at most {patience.most_bytes} bytes from {url}",
                came="a longer one",
                do="ask about fewer examples at a time",
            )
        if time.monotonic() > end:
            raise _too_slow(url, patience)
    return bytes(content)


def _refusal(response: Any, url: str) -> str:
    """What came instead of an answer, where it is worth another try; an error where it is not."""
    status = response.status_code
    if status == _TOO_MANY or status >= 500:
        return f"status {status}"
    if 300 <= status < 400:
        raise InputError(
            expected=f"an answer from {url}",
            came=f"status {status}, a redirect to {response.headers.get('Location', '?')[:200]}",
            do="pass the address that answers by itself; redirects are not followed",
        )
    raise InputError(
        expected=f"an answer from {url}",
        came=f"status {status}",
        do="check the address and the headers that it asks for",
    )


def _asked_to_wait(response: Any) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _too_slow(url: str, patience: Patience) -> InputError:
    return InputError(
        expected=f"an answer from {url} within {patience.timeout:g} seconds",
        came="none in time",
        do="allow more time, or ask about fewer examples at a time",
    )
