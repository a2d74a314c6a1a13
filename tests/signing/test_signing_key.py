"""Signing keys: the vectors of RFC 8032, files that are refused, no key taken for another."""

from __future__ import annotations

import stat
import traceback
from pathlib import Path

import pytest

from radiotracer.errors import InputError, StorageError
from radiotracer.key_files import is_signing_key_file
from radiotracer.provenance import Key
from radiotracer.signing import SigningKey
from radiotracer.signing.key import is_signed_by

KEY = SigningKey(bytes(range(32)))

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    """Section 7.1, tests 1 to 3."""
    key = SigningKey(bytes.fromhex(secret))
    assert key.public == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert is_signed_by(public, bytes.fromhex(message), bytes.fromhex(signature))


def test_what_is_not_signed() -> None:
    signature = KEY.sign(b"message")
    assert is_signed_by(KEY.public, b"message", signature)
    other = SigningKey(bytes(32))
    assert not is_signed_by(other.public, b"message", signature)
    assert not is_signed_by(KEY.public, b"message.", signature)
    for place in range(64):
        spoiled = bytearray(signature)
        spoiled[place] ^= 1
        assert not is_signed_by(KEY.public, b"message", bytes(spoiled))
    for length in (0, 63, 65):
        assert not is_signed_by(KEY.public, b"message", (signature + b"\0")[:length])
    assert not is_signed_by("ff" * 32, b"message", signature)  # no point of the curve
    assert not is_signed_by("ab", b"message", signature)


def test_new_keys_differ() -> None:
    keys = [SigningKey.new() for _ in range(10)]
    assert len({each.public for each in keys}) == len({each.secret for each in keys}) == 10
    assert not {each.public for each in keys} & {each.secret.hex() for each in keys}
    with pytest.raises(InputError, match="a secret of 32 bytes; got 5 bytes"):
        SigningKey(b"short")


def test_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "sign.key"
    KEY.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.read(path) == KEY
    assert [each.name for each in path.parent.iterdir()] == ["sign.key"]
    whole = path.read_bytes()
    with pytest.raises(InputError, match="which exists"):
        SigningKey(bytes(32)).write(path)
    assert path.read_bytes() == whole


def test_no_key_is_taken_for_another(tmp_path: Path) -> None:
    mark, sign = tmp_path / "my.key", tmp_path / "sign.key"
    Key(bytes(range(32))).write(mark)
    KEY.write(sign)
    assert is_signing_key_file(sign) and not is_signing_key_file(mark)
    with pytest.raises(InputError) as caught:
        Key.read(sign)
    assert str(caught.value) == (
        f"expected a key in {sign}; got a file that `radiotracer key new-signing` wrote; "
        "pass one that `radiotracer key new` wrote"
    )
    with pytest.raises(InputError) as caught:
        SigningKey.read(mark)
    assert str(caught.value) == (
        f"expected a signing key in {mark}; got a file that `radiotracer key new` wrote; "
        "pass one that `radiotracer key new-signing` wrote"
    )
    # Nor where the one word that says so was edited.
    for path, read in ((sign, Key.read), (mark, SigningKey.read)):
        text = path.read_text()
        kind = "radiotracer key" if path == sign else "radiotracer signing key"
        path.write_text(text.replace(text.split('"')[3], kind))
        with pytest.raises(InputError, match="a file that is none, or only a part of one"):
            read(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sign.key"
    KEY.write(path)
    whole = path.read_bytes()
    for length in range(len(whole) - 2):  # the last two bytes are the brace and the line break
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            SigningKey.read(path)


def test_a_spoiled_file_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sign.key"
    KEY.write(path)
    whole, secret = path.read_text(), KEY.secret.hex()
    assert secret in whole
    shown = [repr(KEY), str([KEY])]
    for spoiled in (
        whole.replace(secret[:2], "zz", 1),
        whole.replace(secret, secret + "00"),
        whole.replace('"secret"', '"secrets"'),
        whole.replace(KEY.public, "00" * 32),
        whole.replace("1,", "2,"),
        whole.replace("}", ', "more": 1}'),
        f'["{secret}"]',
        "[" * 4000 + secret,
        "",
    ):
        assert spoiled != whole
        path.write_text(spoiled)
        with pytest.raises(InputError, match="restore the file from where you keep a copy") as bad:
            SigningKey.read(path)
        shown += ["".join(traceback.format_exception(bad.value)), repr(bad.value.__context__)]
    assert not any(part in each for each in shown for part in (secret[:16], secret[-16:]))


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"which is not there; pass .* key new-signing` wrote"):
        SigningKey.read(tmp_path / "sign.key")
    KEY.write(tmp_path / "sign.key")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(StorageError, match=r"to read .*permission was denied"):
        SigningKey.read(tmp_path / "sign.key")
