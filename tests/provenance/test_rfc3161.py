"""Time stamps of RFC 3161 by a real authority: they hold, and what is none is refused."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authorities import Authority
from radiotracer.errors import DataError
from radiotracer.provenance.rfc3161 import request, stamped
from stamping_world import Stamper

DIGEST = "5f" * 32


@pytest.fixture(scope="module")
def stamper(tmp_path_factory: pytest.TempPathFactory) -> Stamper:
    return Stamper(tmp_path_factory.mktemp("tsa") / "one", Authority("A root"))


@pytest.fixture(scope="module")
def token(stamper: Stamper) -> bytes:
    return stamper.answer(request(DIGEST))


def test_a_token_holds_by_its_root(stamper: Stamper, token: bytes) -> None:
    time = stamped(token, DIGEST, [stamper.authority.root])
    assert abs(time - datetime.now(UTC)) < timedelta(minutes=1)
    assert time.tzinfo is UTC


def test_openssl_says_the_same(stamper: Stamper, token: bytes) -> None:
    (stamper.folder / "token").write_bytes(token)
    command = ["openssl", "ts", "-verify", "-in", "token", "-CAfile", "root.pem"]
    done = subprocess.run(
        [*command, "-digest", DIGEST],
        cwd=stamper.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout + done.stderr


def test_two_requests_differ() -> None:
    one, two = request(DIGEST), request(DIGEST)
    assert len(one) == len(two) == 69 and one != two
    assert one[1] == len(one) - 2  # DER's length


def test_another_digest(stamper: Stamper, token: bytes) -> None:
    with pytest.raises(DataError, match="a time stamp of 000000000000; got one of 5f5f5f5f5f5f"):
        stamped(token, "00" * 32, [stamper.authority.root])


def test_another_root_and_none(token: bytes) -> None:
    with pytest.raises(DataError, match=r"that a root vouches for.*--tsa-certificate"):
        stamped(token, DIGEST, [Authority("A root").root])
    with pytest.raises(DataError, match="that a root vouches for"):
        stamped(token, DIGEST)


@pytest.mark.parametrize("cut", [0, 1, 40, 400, -1])
def test_a_token_that_was_cut_short(stamper: Stamper, token: bytes, cut: int) -> None:
    with pytest.raises(DataError) as raised:
        stamped(token[:cut], DIGEST, [stamper.authority.root])
    assert "\n" not in str(raised.value)


def test_a_token_with_a_bit_changed(stamper: Stamper, token: bytes) -> None:
    """Every thirteenth byte; whatever still reads as a token must not hold with another time."""
    time = stamped(token, DIGEST, [stamper.authority.root])
    for at in range(0, len(token), 13):
        changed = bytearray(token)
        changed[at] ^= 1
        try:
            again = stamped(bytes(changed), DIGEST, [stamper.authority.root])
        except DataError:
            continue
        assert again == time


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("expired", {"begins": datetime(2020, 1, 1, tzinfo=UTC)}),
        ("to come", {"begins": datetime.now(UTC) + timedelta(days=2)}),
    ],
)
def test_a_certificate_that_is_not_valid(
    name: str, settings: dict[str, datetime], stamper: Stamper, tmp_path: Path
) -> None:
    other = Stamper(tmp_path / name, stamper.authority, **settings)
    with pytest.raises(DataError, match="that was valid then"):
        stamped(other.answer(request(DIGEST)), DIGEST, [stamper.authority.root])
