"""Asking whoever stamps, over the network: the only part of time stamps that needs one."""

from __future__ import annotations

from radiotracer.errors import InputError
from radiotracer.provenance.models.transport import client_library

_SECONDS = 30.0
_MOST_BYTES = 1 << 16

_CALENDARS = "application/vnd.opentimestamps.v1"


def ask(address: str, content: bytes | None, kind: str = _CALENDARS) -> bytes:
    """What comes back from an address, status 200 alone; redirects are not followed.

    Args:
        address: ``https://...``, or ``http://...``: what comes is checked, whoever sent it.
        content: What to send; None: nothing.
        kind: Its type.

    Raises:
        InputError: httpx is missing, or nothing that can be used comes in time.
    """
    httpx = client_library()
    headers = {"Content-Type": kind} if content is not None else {"Accept": kind}
    method = "GET" if content is None else "POST"
    try:
        with (
            httpx.Client(timeout=_SECONDS, trust_env=False) as client,
            client.stream(method, address, content=content, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise _no_answer(address, f"status {response.status_code}")
            found = bytearray()
            for chunk in response.iter_raw():
                found += chunk
                if len(found) > _MOST_BYTES:
                    raise _no_answer(address, f"more than {_MOST_BYTES:,} bytes")
            return bytes(found)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _no_answer(address, f"{type(error).__name__}: {error}"[:200]) from error


def _no_answer(address: str, came: str) -> InputError:
    return InputError(
        expected=f"an answer from {address}", came=came, do="check the address, or try again later"
    )
