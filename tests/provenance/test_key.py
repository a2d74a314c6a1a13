"""Keys: derivations against RFC 5869 by hand, files that are refused, a secret that never shows."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import traceback
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError, StorageError
from radiotracer.provenance import Key, exposure

ZERO = Key(bytes(32))
KEY = Key(bytes(range(32)))


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, sections 2.2 and 2.3."""
    extracted = hmac.digest(salt, secret, "sha256")
    block, out = b"", b""
    for i in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes([i]), "sha256")
        out += block
    return out[:length]


@given(secret=st.binary(min_size=32, max_size=32), label=st.text("abc/é", min_size=1))
@pytest.mark.parametrize("length", [1, 16, 32, 33, 8160])
def test_derived_bytes(secret: bytes, label: str, length: int) -> None:
    expected = hkdf(secret, b"radiotracer/key/v1", label.encode(), length)
    assert Key(secret).derive(label, length) == expected


def test_golden_values() -> None:
    """What was marked with a key must be found with it for ever: these never change."""
    assert ZERO.derive("x").hex() == (
        "465dda699026a54704e62bb2f9336349e2120cd3195777234bab337d10587b07"
    )
    assert ZERO.fingerprint == "0809bb6a"
    raw = ZERO.generator("x").bit_generator.random_raw(2)
    assert raw.tolist() == [6090811774705601915, 10872549519497501122]
    coins = ZERO.coins("x", map(str, range(16)))
    assert "".join(map(str, coins.astype(int))) == "1000011110011100"


def test_new_keys_differ() -> None:
    keys = [Key.new() for _ in range(20)]
    assert len({each.secret for each in keys}) == len({each.fingerprint for each in keys}) == 20
    assert all(len(each.secret) == 32 for each in keys)
    assert KEY == Key(bytes(range(32))) != ZERO


def test_the_fingerprint_is_of_derived_bytes() -> None:
    assert KEY.fingerprint == hashlib.sha256(KEY.derive("fingerprint")).hexdigest()[:8]
    assert KEY.fingerprint != hashlib.sha256(KEY.secret).hexdigest()[:8]


def test_the_secret_never_shows(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KEY.write(path)
    whole = path.read_text()
    secret = KEY.secret.hex()
    assert secret in whole
    shown = [repr(KEY), str(KEY), f"{KEY}", f"{[KEY]}"]
    spoiled = [
        whole.replace(secret[:2], "zz", 1),
        whole.replace(secret, secret + "00"),
        whole.replace("}", ""),
        whole.replace('"secret"', '"secrets"'),
        whole.replace(KEY.fingerprint, "00000000"),
        json.dumps([secret]),
    ]
    for each in spoiled:
        path.write_text(each)
        with pytest.raises(InputError) as caught:
            Key.read(path)
        shown += [
            str(caught.value),
            "".join(traceback.format_exception(caught.value)),
            repr(caught.value.__context__),
        ]
    with pytest.raises(InputError) as caught:
        KEY.derive("", 1)
    shown.append(str(caught.value))
    for each in shown:
        for part in (secret[:16], secret[-16:], repr(KEY.secret)[2:20]):
            assert part not in each
    assert repr(KEY) == f"Key({KEY.fingerprint})"


def test_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "key.json"
    KEY.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Key.read(path) == KEY
    assert os.listdir(path.parent) == ["key.json"]  # noqa: PTH208
    assert exposure(path) is None
    path.chmod(0o640)
    assert exposure(path) == (
        f"Other users of this machine may read the key file {path}: run chmod 600 on it."
    )
    assert Key.read(path) == KEY


def test_a_key_file_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.json"
    KEY.write(path)
    with pytest.raises(InputError, match=r"expected a new file for the key; got .*, which exists"):
        ZERO.write(path)
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="which exists"):
        ZERO.write(dangling)
    # One that appears between the look and the writing.
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(InputError, match="which exists"):
        ZERO.write(path)
    assert Key.read(path) == KEY
    assert sorted(each.name for each in tmp_path.iterdir()) == ["key.json", "link"]


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    KEY.write(tmp_path / "key.json")
    assert Key.read(tmp_path / "key.json") == KEY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff" * 50,
        b"{}",
        b"[]",
        b'{"secret": "00", "fingerprint": "0809bb6a"}',
        b'{"kind": "radiotracer key", "schema_version": 1, "secret": "'
        + b"0" * 62
        + b'", "fingerprint": "0809bb6a"}',
        b'{"kind": "radiotracer key", "schema_version": 2, "secret": "'
        + b"0" * 64
        + b'", "fingerprint": "0809bb6a"}',
        b'{"secret": "' + b"0" * 64 + b'", "fingerprint": "0809bb6a"}',
        b'{"kind": "radiotracer key", "schema_version": 1, "more": 1, "secret": "'
        + b"0" * 64
        + b'", "fingerprint": "0809bb6a"}',
        b" " * 10_000,
    ],
)
def test_files_that_are_no_keys(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Key.read(path)
    assert str(caught.value) == (
        f"expected a key in {path}; got a file that is none, or only a part of one; "
        "restore the file from where you keep a copy"
    )


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KEY.write(path)
    whole = path.read_bytes()
    for length in range(len(whole) - 2):  # the last two bytes are the brace and the line break
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            Key.read(path)


def test_a_changed_secret_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    KEY.write(path)
    path.write_text(path.read_text().replace("0001", "0002"))
    with pytest.raises(InputError, match="does not have the fingerprint beside it"):
        Key.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"key\.json, which is not there; pass the file"):
        Key.read(tmp_path / "key.json")
    with pytest.raises(InputError, match="which is no file"):
        Key.read(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.json"
    KEY.write(path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(StorageError, match=r"to read .*permission was denied"):
        Key.read(path)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: Key(b"short"), "a secret of 32 bytes; got 5 bytes"),
        (lambda: KEY.derive(""), "a label"),
        (lambda: KEY.derive("x", 0), r"a length in \[1, 8160\]; got 'x' and 0"),
        (lambda: KEY.derive("x", 8161), "and 8161"),
    ],
)
def test_bad_input(call: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()  # type: ignore[operator]


def test_labels_and_keys_are_independent() -> None:
    first, second = KEY.generator("a"), KEY.generator("b")
    again, other = KEY.generator("a"), ZERO.generator("a")
    draws = [each.random(2000) for each in (first, second, again, other)]
    np.testing.assert_array_equal(draws[0], draws[2])
    for unlike in (draws[1], draws[3]):
        # |r| sqrt(n) > 5 happens by chance less than once in 10^6.
        assert abs(np.corrcoef(draws[0], unlike)[0, 1]) < 5 / np.sqrt(2000)


@given(ids=st.lists(st.text(st.characters(codec="utf-8")), max_size=20), seed=st.integers(0, 9))
def test_coins_belong_to_their_ids(ids: list[str], seed: int) -> None:
    coins = KEY.coins("c", ids)
    assert coins.shape == (len(ids),) and coins.dtype == np.bool_
    order = np.random.default_rng(seed).permutation(len(ids))
    np.testing.assert_array_equal(KEY.coins("c", [ids[i] for i in order]), coins[order])
    for each, coin in zip(ids, coins, strict=True):
        secret = KEY.derive("c")
        assert coin == bool(hmac.digest(secret, each.encode(), "sha256")[0] & 0x80)


def test_coins_are_fair() -> None:
    """10,000 coins, their neighbours, other labels and keys (fails 4 times in 10^6 runs)."""
    ids = [f"{i:05d}" for i in range(10_000)]
    coins = KEY.coins("a", ids)
    counted = [coins, coins[1:] ^ coins[:-1], coins ^ KEY.coins("b", ids)]
    counted.append(coins ^ ZERO.coins("a", ids))
    for each in counted:
        low, high = stats.binom.ppf([5e-7, 1 - 5e-7], each.size, 0.5)
        assert low <= each.sum() <= high
