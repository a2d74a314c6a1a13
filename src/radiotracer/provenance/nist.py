"""Pulses of the NIST randomness beacon, version 2 (NIST IR 8213, draft, section 4).

A pulse's RSA signature (PKCS #1 v1.5, SHA-512) is over its fields one after the other, texts and
hexadecimal values behind their length in four bytes, numbers in four or eight; its output is the
SHA-512 of these bytes and the signature. (The draft says eight bytes for every length; what is
served has four.) A pulse names its certificate by the SHA-512 of its DER encoding.

The certificate of the beacon's engine is an ordinary one of the Web's, renewed every year or so:
it cannot be pinned. What is served is therefore kept together with the certificates that lead from
it to a root: ``{"pulse": {...}, "certificates": "-----BEGIN CERTIFICATE-----..."}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from radiotracer.errors import DataError
from radiotracer.provenance.drawn import Drawn
from radiotracer.provenance.roots import system_roots

ENGINE = "engine.beacon.nist.gov"
"""Whom the certificate has to be of."""

CHAIN = "NIST beacon 2.0"

Bytes64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{128}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{2}){256,1024}$")]
Text = Annotated[str, StringConstraints(max_length=1000)]
Number32 = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Number64 = Annotated[int, Field(ge=0, lt=2**63, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Value(_Part):
    value: Bytes64


class _External(_Value):
    source: Annotated[Bytes64, Field(alias="sourceId")]
    status: Annotated[Number32, Field(alias="statusCode")]


class NistPulse(_Part):
    """A pulse's fields, as they are served; see the report for what each one means."""

    uri: Text
    version: Text
    cipher_suite: Annotated[Literal[0], Field(alias="cipherSuite")]
    period: Number32
    certificate: Annotated[Bytes64, Field(alias="certificateId")]
    chain: Annotated[Number64, Field(alias="chainIndex")]
    number: Annotated[Number64, Field(alias="pulseIndex")]
    time: Annotated[Text, Field(alias="timeStamp")]
    local: Annotated[Bytes64, Field(alias="localRandomValue")]
    external: _External
    past: Annotated[tuple[_Value, ...], Field(alias="listValues", max_length=100)]
    precommitment: Annotated[Bytes64, Field(alias="precommitmentValue")]
    status: Annotated[Number32, Field(alias="statusCode")]
    signature: Annotated[Signature, Field(alias="signatureValue")]
    output: Annotated[Bytes64, Field(alias="outputValue")]

    def signed(self) -> bytes:
        """The bytes that the signature is of."""
        return b"".join(
            (
                _text(self.uri),
                _text(self.version),
                self.cipher_suite.to_bytes(4, "big"),
                self.period.to_bytes(4, "big"),
                _value(self.certificate),
                self.chain.to_bytes(8, "big"),
                self.number.to_bytes(8, "big"),
                _text(self.time),
                _value(self.local),
                _value(self.external.source),
                self.external.status.to_bytes(4, "big"),
                _value(self.external.value),
                *(_value(each.value) for each in self.past),
                _value(self.precommitment),
                self.status.to_bytes(4, "big"),
            )
        )

    def is_signed_by(self, certificate: x509.Certificate) -> bool:
        """Whether the key of this certificate signed it."""
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        try:
            key.verify(
                bytes.fromhex(self.signature), self.signed(), padding.PKCS1v15(), hashes.SHA512()
            )
        except InvalidSignature:
            return False
        return True


class KeptPulse(_Part):
    """A pulse as it is served, with the certificates that lead to a root, in PEM, its own first."""

    pulse: NistPulse
    certificates: Annotated[str, Field(max_length=1 << 16)] = ""

    def verified(self, roots: Sequence[x509.Certificate] | None = None) -> Drawn:
        """What the pulse drew: 32 bytes, the SHA-256 of its output. No network.

        Args:
            roots: Whom to believe about certificates; None: whom this system does.

        Raises:
            DataError: The certificates are missing, of another, or do not lead to a root; the
                signature is bad; or the output is not that of the signature.
        """
        pulse = self.pulse
        output = hashlib.sha512(pulse.signed() + bytes.fromhex(pulse.signature)).digest()
        if output != bytes.fromhex(pulse.output):
            raise _unlike("the SHA-512 of its fields and signature as its output", "another")
        time = _time(pulse.time)
        if not pulse.is_signed_by(self._certificate(time, roots)):
            raise _unlike("a signature by the certificate that it names", "a bad one")
        return Drawn(hashlib.sha256(output).digest(), time, CHAIN)

    def _certificate(
        self, time: datetime, roots: Sequence[x509.Certificate] | None
    ) -> x509.Certificate:
        """The engine's certificate, which was valid at that time, and which a root vouches for."""
        try:
            leaf, *between = x509.load_pem_x509_certificates(self.certificates.encode())
        except ValueError:
            raise _unlike(
                'its certificate beside it: {"pulse": ..., "certificates": "PEM"}', "none"
            ) from None
        named = hashlib.sha512(leaf.public_bytes(Encoding.DER)).hexdigest()
        if named != self.pulse.certificate.lower():
            raise _unlike(f"its certificate first, {self.pulse.certificate[:16]}...", named[:16])
        try:
            checks = PolicyBuilder().store(Store(list(system_roots() if roots is None else roots)))
            checks.time(time).build_server_verifier(x509.DNSName(ENGINE)).verify(leaf, between)
        except (VerificationError, ValueError) as error:
            raise _unlike(
                f"a certificate of {ENGINE} that was valid then, and that a root vouches for",
                str(error)[:200],
            ) from error
        return leaf


def _text(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(4, "big") + content


def _value(hexadecimal: str) -> bytes:
    content = bytes.fromhex(hexadecimal)
    return len(content).to_bytes(4, "big") + content


def _time(text: str) -> datetime:
    """RFC 3339, with its zone."""
    try:
        return _Time(time=text).time  # type: ignore[arg-type]  # pydantic reads it
    except ValueError:
        raise _unlike("a time such as 2018-08-30T17:44:00.000Z", repr(text[:40])) from None


class _Time(_Part):
    time: AwareDatetime


def _unlike(expected: str, came: str) -> DataError:
    return DataError(
        expected=f"a pulse of the {CHAIN} with {expected}",
        came=came,
        do="fetch it again, and keep what is served as it is",
    )
