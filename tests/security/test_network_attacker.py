"""Between an auditor and a service: who answers in its place needs a certificate that is good."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from radiotracer.errors import InputError
from radiotracer.provenance.models.service import service_suspect
from radiotracer.provenance.models.transport import Patience

IMAGES = np.zeros((1, 4, 4, 1), dtype=np.uint8)
ANSWER = b'{"scores": [[0.1, 0.9]], "kind": "probabilities"}'


class Impostor(http.server.BaseHTTPRequestHandler):
    """Answers well, and keeps what it was sent."""

    received: list[bytes]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.received.append(self.rfile.read(length) + str(self.headers).encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def self_signed(folder: Path) -> Path:
    """A key and a certificate for this machine that nobody else vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[str, list[bytes], Path]]:
    """Its address, what it received, and its certificate."""
    pem = self_signed(tmp_path)
    handler = type("Received", (Impostor,), {"received": []})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Server(http.server.ThreadingHTTPServer):
        def get_request(self) -> tuple[ssl.SSLSocket, object]:
            plain, address = self.socket.accept()
            return context.wrap_socket(plain, server_side=True), address

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/", handler.received, pem
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_nobody_vouches_for(
    impostor: tuple[str, list[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one image and no header is sent."""
    url, received, _ = impostor
    monkeypatch.setenv("HEADERS", "Authorization: Bearer sesame")
    suspect = service_suspect(url, headers_from="HEADERS", patience=Patience(retries=0))
    with pytest.raises(InputError, match="expected an answer from") as caught:
        suspect.scores(IMAGES)
    assert received == [] and "sesame" not in str(caught.value)


def test_a_certificate_that_somebody_vouches_for(
    impostor: tuple[str, list[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same server, trusted: so it is the certificate that was refused before."""
    url, received, pem = impostor
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    suspect = service_suspect(url, patience=Patience(retries=0))
    assert suspect.scores(IMAGES).argmax() == 1
    assert len(received) == 1
