"""The pulse that counts, from a relay on this machine: the first after the stamp, and no other."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pulses_kept import QUICKNET, QUICKNET_123, json_of

from radiotracer.errors import DataError, InputError
from radiotracer.provenance import drand
from radiotracer.provenance.pulses import read_pulse
from radiotracer.provenance.relay import first_pulse_after, is_relay
from stamping_world import serving

NUMBER = QUICKNET["round"]
DUE = drand.QUICKNET.time_of(NUMBER)
PATH = f"/{drand.QUICKNET.hash}/public/{NUMBER}"


@contextmanager
def relay(served: dict[str, bytes]) -> Iterator[str]:
    """Serves these paths, and 404 elsewhere, as drand's relays do."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path, b"{}")
            self.send_response(200 if self.path in served else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with serving(Handler) as address:
        yield address


@pytest.mark.parametrize("seconds", [0.0, 1.5, 2.999])
def test_the_first_after_the_stamp(seconds: float) -> None:
    """Strictly after it: a pulse of the same second may have been known."""
    stamped = DUE - timedelta(seconds=3) + timedelta(seconds=seconds)
    with relay({PATH: json_of(QUICKNET)}) as address:
        found = first_pulse_after(address, stamped)
    assert found == json_of(QUICKNET)
    assert read_pulse(found).verified().time == DUE > stamped


def test_what_a_relay_does_not_have_or_gives_in_its_place() -> None:
    stamped = DUE - timedelta(seconds=1)
    with relay({}) as address, pytest.raises(InputError, match="status 404"):
        first_pulse_after(address, stamped)
    with (
        relay({PATH: json_of(QUICKNET_123)}) as address,
        pytest.raises(InputError, match=r"expected round 657,413 .* got round 123;"),
    ):
        first_pulse_after(address, stamped)
    with relay({PATH: b"<html>"}) as address, pytest.raises(DataError, match="a pulse of drand"):
        first_pulse_after(address, stamped)


def test_a_stamp_of_tomorrow() -> None:
    with pytest.raises(InputError, match="not in the future"):
        first_pulse_after("http://127.0.0.1:9", datetime.now(UTC) + timedelta(days=1))


def test_addresses_and_files() -> None:
    assert is_relay("https://api.drand.sh") and is_relay("http://127.0.0.1:1")
    assert not is_relay("pulse.json") and not is_relay("https.json")
