"""Readers of what others say of a release: pulses, witnesses, time stamps, and bundles."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from target import Prepared, Target

from authorities import Authority
from marked_world import KEY, by_twins, knowing
from radiotracer.errors import DataError
from radiotracer.provenance import ots, rfc3161
from radiotracer.provenance.bundle import ARRAYS, BUNDLE_FILE, disclose, open_bundle
from radiotracer.provenance.pulses import read_pulse
from radiotracer.provenance.release import open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.witness import WitnessStatement, draw, witnessed
from radiotracer.signing import SigningKey
from stamping_world import Stamper

_DIGEST = "5f" * 32
_SIGNER = SigningKey(bytes(range(32)))
_NIST = Path(__file__).parent.parent / "provenance/nist_pulse.json"
_DRAND = {
    "round": 657413,
    "randomness": "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
    "signature": "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56"
    "e91a6b85b89cd97b",
}


def _prepare_pulse(_: Path) -> Prepared:
    """Of either beacon; whether it is genuine is found out, too."""

    def parse(content: bytes) -> object:
        found = read_pulse(content)
        with contextlib.suppress(DataError):  # the real one's root is no longer believed
            return found.verified()
        return found

    return Prepared((json.dumps(_DRAND).encode(), _NIST.read_bytes()), parse)


def _prepare_statement(folder: Path) -> Prepared:
    path = folder / "witness.json"

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return WitnessStatement.read(path).verified(_DIGEST)

    return Prepared((draw(_DIGEST, _SIGNER).text().encode(),), parse)


def _prepare_book(folder: Path) -> Prepared:
    """The statements that a witness has made."""
    path = folder / "book.jsonl"
    for number in range(2):
        witnessed(f"{number:064x}", _SIGNER, path)

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return witnessed(_DIGEST, _SIGNER, path)

    return Prepared((path.read_bytes(), b""), parse)


def _prepare_token(folder: Path) -> Prepared:
    """RFC 3161, by a real authority."""
    stamper = Stamper(folder / "authority", Authority("A root"))

    def parse(content: bytes) -> object:
        return rfc3161.stamped(content, _DIGEST, [stamper.authority.root])

    return Prepared((stamper.answer(rfc3161.request(_DIGEST)),), parse)


def _prepare_proof(_: Path) -> Prepared:
    """OpenTimestamps."""
    timestamp = Timestamp(bytes.fromhex(_DIGEST))
    timestamp.ops.add(OpSHA256()).attestations.add(BitcoinBlockHeaderAttestation(7))
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    root = hashlib.sha256(bytes.fromhex(_DIGEST)).digest()
    header = bytes(36) + root + bytes(12)

    def parse(content: bytes) -> object:
        with contextlib.suppress(DataError):  # nobody paid for this block
            ots.stamped(content, _DIGEST, header)
        return ots.heights(content, _DIGEST)

    return Prepared((bytes(context.getbytes()),), parse)


def _bundle(folder: Path) -> None:
    release = by_twins()
    release.write(folder / "marked")
    run_audit(folder / "marked", KEY, knowing(release, 9), folder / "audit", as_asked=True)
    disclose(open_marked(folder / "marked", KEY), folder / "audit", folder / "bundle")


def _prepare_bundle(folder: Path) -> Prepared:
    _bundle(folder)
    path = folder / "bundle" / BUNDLE_FILE

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return open_bundle(folder / "bundle")

    return Prepared((path.read_bytes(),), parse)


def _prepare_arrays(folder: Path) -> Prepared:
    _bundle(folder)
    path = folder / "bundle" / ARRAYS

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return open_bundle(folder / "bundle")

    return Prepared((path.read_bytes(),), parse)


TARGETS = (
    Target("pulse", _prepare_pulse, 60),
    Target("witness-statement", _prepare_statement, 500),
    Target("witness-book", _prepare_book, 300),
    Target("time-stamp-token", _prepare_token, 500),
    Target("opentimestamps-proof", _prepare_proof, 2000),
    Target("bundle", _prepare_bundle, 60),
    Target("bundle-arrays", _prepare_arrays, 60),
)
