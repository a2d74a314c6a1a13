"""Whom to believe about certificates, where nobody was named: whom this system believes."""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path

from cryptography import x509

from radiotracer.errors import InputError


def system_roots() -> list[x509.Certificate]:
    """The roots of this system's certificate store (``SSL_CERT_FILE`` names another).

    Raises:
        InputError: There are none.
    """
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not found:
        raise InputError(
            expected="roots in this system's certificate store",
            came="none",
            do="install ca-certificates, or set SSL_CERT_FILE",
        )
    with warnings.catch_warnings():
        # Some old roots have serial numbers that newer rules forbid.
        warnings.simplefilter("ignore")
        return [x509.load_der_x509_certificate(each) for each in found]


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a file, PEM, one or more, or DER.

    Raises:
        InputError: There are none.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"-----"):
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except (OSError, ValueError) as error:
        raise InputError(
            expected=f"certificates, PEM or DER, in {path}",
            came=f"{error}"[:200],
            do="pass the file that the authority publishes",
        ) from error
