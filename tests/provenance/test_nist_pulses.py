"""Pulses of the NIST beacon: a real one's bytes and signature, and the whole way with a root."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from authorities import Authority
from radiotracer.errors import DataError
from radiotracer.provenance.nist import ENGINE, KeptPulse
from radiotracer.provenance.pulses import read_pulse

REAL = Path(__file__).with_name("nist_pulse.json")
"""Pulse 54610 of chain 1, with the certificate of then."""

Make = Callable[..., dict[str, Any]]


def kept(source: bytes | Path) -> KeptPulse:
    said = read_pulse(source).said
    assert isinstance(said, KeptPulse)
    return said


def test_a_published_pulse_was_signed_by_its_certificate() -> None:
    real = kept(REAL)
    certificate = x509.load_pem_x509_certificate(real.certificates.encode())
    assert real.pulse.is_signed_by(certificate)
    named = hashlib.sha512(certificate.public_bytes(Encoding.DER)).hexdigest()
    assert named == real.pulse.certificate
    output = hashlib.sha512(real.pulse.signed() + bytes.fromhex(real.pulse.signature))
    assert output.hexdigest().upper() == real.pulse.output


def test_its_certificate_alone_leads_to_no_root() -> None:
    with pytest.raises(DataError, match="that a root vouches for"):
        read_pulse(REAL).verified()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("A root")


@pytest.fixture(scope="module")
def made(authority: Authority) -> Make:
    """Pulses like the real one, signed by an engine that a root of ours vouches for."""
    key = rsa.generate_private_key(65537, 2048)

    def make(
        *, name: str = ENGINE, begins: str = "2018-01-01", by: Authority = authority, **changes: Any
    ) -> dict[str, Any]:
        start = datetime.fromisoformat(begins).replace(tzinfo=UTC)
        certificate = by.certificate(key.public_key(), name, start, start + timedelta(days=365))
        named = hashlib.sha512(certificate.public_bytes(Encoding.DER)).hexdigest()
        whole = json.loads(REAL.read_bytes())
        whole["pulse"] |= {"certificateId": named, **changes}
        signed = KeptPulse.model_validate(whole).pulse.signed()
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA512())
        whole["pulse"] |= {
            "signatureValue": signature.hex(),
            "outputValue": hashlib.sha512(signed + signature).hexdigest(),
        }
        return whole | {"certificates": certificate.public_bytes(Encoding.PEM).decode()}

    return make


def text(whole: dict[str, Any]) -> bytes:
    return json.dumps(whole).encode()


def test_a_pulse_holds_where_its_root_is_believed(authority: Authority, made: Make) -> None:
    whole = made()
    drawn = kept(text(whole)).verified([authority.root])
    output = bytes.fromhex(whole["pulse"]["outputValue"])
    assert drawn.value == hashlib.sha256(output).digest()
    assert drawn.time == datetime(2018, 8, 30, 17, 44, tzinfo=UTC)
    assert drawn.chain == "NIST beacon 2.0"


@pytest.mark.parametrize("field", ["timeStamp", "signatureValue", "outputValue", "pulseIndex"])
def test_a_pulse_that_was_changed(field: str, authority: Authority, made: Make) -> None:
    whole = made()
    other = {"timeStamp": "2018-08-30T17:45:00.000Z", "pulseIndex": 1}
    whole["pulse"][field] = other.get(field, "00" + str(whole["pulse"][field])[2:])
    with pytest.raises(DataError, match="SHA-512 of its fields"):
        kept(text(whole)).verified([authority.root])


def test_a_changed_pulse_whose_output_was_computed_again(authority: Authority, made: Make) -> None:
    whole = made()
    whole["pulse"]["localRandomValue"] = "00" * 64
    changed = KeptPulse.model_validate(whole).pulse
    output = hashlib.sha512(changed.signed() + bytes.fromhex(changed.signature)).hexdigest()
    whole["pulse"]["outputValue"] = output
    with pytest.raises(DataError, match="a bad one"):
        kept(text(whole)).verified([authority.root])


@pytest.mark.parametrize(
    "other",
    [{"name": "beacon.example.org"}, {"begins": "2016-01-01"}, {"by": Authority("Another root")}],
)
def test_a_certificate_that_does_not_count(
    other: dict[str, Any], authority: Authority, made: Make
) -> None:
    with pytest.raises(DataError, match="that a root vouches for"):
        kept(text(made(**other))).verified([authority.root])


def test_a_certificate_that_is_missing_or_another(authority: Authority, made: Make) -> None:
    whole = made()
    with pytest.raises(DataError, match="its certificate beside it"):
        kept(text({"pulse": whole["pulse"]})).verified([authority.root])
    other = made(begins="2018-02-01")["certificates"]
    with pytest.raises(DataError, match="its certificate first"):
        kept(text(whole | {"certificates": other})).verified([authority.root])
    with pytest.raises(DataError, match="a time such as"):
        kept(text(made(timeStamp="yesterday"))).verified([authority.root])
