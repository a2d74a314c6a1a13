"""A beacon of our own on this machine: a chain whose key is ours, its rounds signed when due."""

from __future__ import annotations

import hashlib
import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import py_arkworks_bls12381 as curves

from radiotracer.provenance.drand import Chain
from stamping_world import serving

_SECRET = curves.Scalar.from_be_bytes_mod_order(bytes(range(32)))
_DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

CHAIN = Chain(
    name="ours",
    public_key=(curves.G2Point() * _SECRET).to_compressed_bytes().hex(),
    signatures=1,
    chained=False,
    genesis=1692803367,
    period=1,
    group="00" * 32,
)


def signed(number: int) -> bytes:
    """A round as a relay serves it."""
    message = hashlib.sha256(number.to_bytes(8, "big")).digest()
    point = curves.G1Point.hash_to_curve(message, _DOMAIN) * _SECRET
    return json.dumps({"round": number, "signature": point.to_compressed_bytes().hex()}).encode()


@contextmanager
def beacon(asked: list[int]) -> Iterator[str]:
    """The address of a relay that has the rounds that are due, and of others says 404."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.rpartition("/")[2])
            asked.append(number)
            due = CHAIN.time_of(number) <= datetime.now(UTC) and CHAIN.hash in self.path
            content = signed(number) if due else b"{}"
            self.send_response(200 if due else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with serving(Answer) as address:
        yield address
