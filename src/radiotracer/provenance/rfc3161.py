"""Time stamps of RFC 3161: an authority signs a digest together with its clock's time.

What is stamped is the commitment's digest itself (SHA-256), so that others check a token without
us: ``openssl ts -verify -digest DIGEST -in commitment.HOST.tsr -CAfile roots.pem``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.roots import system_roots

CALLED = "RFC 3161"
SUFFIX = ".tsr"
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
"""Types of what is sent and of what comes, section 3.4."""

# TimeStampReq, section 2.4.1, in DER: version 1, SHA-256 and the digest, a nonce, certReq.
_BEGIN = bytes.fromhex("3043020101 3031300d060960864801650304020105000420")
_NONCE, _END = bytes.fromhex("0208"), bytes.fromhex("0101ff")


def request(digest: str) -> bytes:
    """A request to stamp a SHA-256, with a nonce, and for the authority's certificate."""
    nonce = bytes([secrets.randbelow(0x7F) + 1]) + secrets.token_bytes(7)
    return _BEGIN + bytes.fromhex(digest) + _NONCE + nonce + _END


def stamped(token: bytes, digest: str, roots: Sequence[x509.Certificate] | None = None) -> datetime:
    """When an authority saw the digest, UTC, once its signature has been checked. No network.

    Args:
        token: A TimeStampResp, as the authority sent it.
        digest: SHA-256, 64 hexadecimal digits.
        roots: Whose authorities to believe; None: the roots of this system. The authority's own
            certificate has to be for time stamping, and valid at the time that the stamp says.

    Raises:
        DataError: It is cut short or no token, of another digest, or signed by nobody believed.
        InputError: The library is missing, or this system knows no roots.
    """
    client = library()
    try:
        response = client.decode_timestamp_response(token)
        imprint = bytes(response.tst_info.message_imprint.message).hex()
    except ValueError as error:
        raise _unlike("a whole time stamp", "something else, or only a part of one") from error
    if imprint != digest:
        raise _unlike(f"a time stamp of {digest[:12]}", f"one of {imprint[:12]}")
    believed = system_roots() if roots is None else list(roots)
    try:
        verifier = client.VerifierBuilder(roots=believed).build()
        verifier.verify(response, bytes.fromhex(digest))
    except (client.VerificationError, ValueError) as error:
        raise _unlike(
            "a time stamp by an authority that a root vouches for, with a certificate for time "
            "stamps that was valid then",
            " ".join(str(error).partition(": ErrorStack")[0].split())[:200],
            "pass the root's certificate, as the authority publishes it: --tsa-certificate FILE",
        ) from error
    time: datetime = response.tst_info.gen_time
    return time.astimezone(UTC)


def library() -> Any:
    """The module rfc3161_client.

    Raises:
        InputError: It is not installed.
    """
    try:
        import rfc3161_client
    except ImportError as error:
        raise InputError(
            expected="the package rfc3161-client, which checks time stamps",
            came="none installed",
            do='pip install "radiotracer[stamps]"',
        ) from error
    return rfc3161_client


def _unlike(
    expected: str, came: str, do: str = "have the commitment stamped again with `radiotracer stamp`"
) -> DataError:
    return DataError(expected=expected, came=came, do=do)
