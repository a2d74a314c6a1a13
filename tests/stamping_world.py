"""A time-stamp authority on this machine: what it signs, OpenSSL signs."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authorities import Authority

_SETTINGS = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Stamper:
    """Who answers requests, with a certificate that its root gave it."""

    def __init__(
        self,
        folder: Path,
        authority: Authority,
        *,
        begins: datetime | None = None,
        days: int = 365,
        stamps: bool = True,
    ) -> None:
        self.folder, self.authority = folder, authority
        folder.mkdir()
        key = rsa.generate_private_key(65537, 2048)
        begins = begins or datetime.now(UTC) - timedelta(days=1)
        self.certificate = authority.certificate(
            key.public_key(), "stamps.example", begins, begins + timedelta(days=days), stamps=stamps
        )
        (folder / "key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (folder / "certificate.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / "root.pem").write_bytes(authority.root.public_bytes(Encoding.PEM))
        (folder / "settings").write_text(_SETTINGS.format(folder=folder))
        (folder / "serial").write_text("01\n")

    def answer(self, request: bytes) -> bytes:
        """A TimeStampResp."""
        query, reply = self.folder / "query", self.folder / "reply"
        query.write_bytes(request)
        arguments = ["-section", "this", "-config", "settings", "-signer", "certificate.pem"]
        files = ["-inkey", "key.pem", "-queryfile", "query", "-out", "reply"]
        subprocess.run(
            ["openssl", "ts", "-reply", *arguments, *files],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        return reply.read_bytes()


@contextmanager
def serving(answer: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on this machine."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def time_stamp_authority(stamper: Stamper) -> Iterator[str]:
    """The address of one (RFC 3161, section 3.4)."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            content = stamper.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Answer) as address:
        yield address
