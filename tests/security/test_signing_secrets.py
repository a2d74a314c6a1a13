"""The signing key is in its own file and nowhere else, in every form: not in what it signs."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest
from secret_forms import contents, leaks

from radiotracer.cli import run
from radiotracer.signing import Signature, SigningKey


def test_from_a_key_to_a_signature_the_key_shows_nowhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where a command is refused, and by names and objects that a debugger would show."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    Path("scan").mkdir()
    Path("scan/summary.json").write_text("{}")
    for command in (
        ["key", "new-signing", "sign.key"],
        ["key", "new-signing", "two.key", "--json"],
        ["key", "new", "my.key"],
        ["key", "show", "sign.key"],
        ["key", "show", "sign.key", "--json"],
        ["sign", "scan", "--key", "two.key", "--json"],
        ["sign", "scan", "--key", "sign.key", "--overwrite"],
        ["verify-signature", "scan"],
        ["verify-signature", "scan", "--json"],
    ):
        assert run(command) == 0, command
    key = SigningKey.read(Path("sign.key"))
    Path("bad.key").write_text(Path("sign.key").read_text().replace('"secret"', '"secrets"'))
    for command in (
        ["key", "new-signing", "sign.key"],
        ["key", "show", "bad.key"],
        ["sign", "scan", "--key", "bad.key", "--overwrite"],
        ["sign", "scan", "--key", "my.key", "--overwrite"],
        ["sign", ".", "--key", "sign.key"],
        ["key", "check", "scan", "--key", "sign.key"],
        # The secret in place of the public key, by mistake.
        ["verify-signature", "scan", "--signed-by", key.secret.hex()],
        ["verify-signature", "scan", "--signed-by", key.secret.hex() + "0"],
    ):
        assert run(command) == 2, command
    said = capfd.readouterr()
    shown = [
        *(said.out, said.err, caplog.text, repr(key), f"{[key]} {key!s}"),
        *(str(vars(record)) for record in caplog.records),
        *(repr(Signature.read(Path("scan"))), str(Signature.read(Path("scan")))),
    ]
    keys = {"sign.key", "two.key", "my.key", "bad.key"}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in keys]
    assert {path.name for path in written} == {"signature.json", "summary.json"}
    assert key.public in said.out
    for secret in (key.secret, SigningKey.read(Path("two.key")).secret):
        for text in shown:
            assert not leaks(secret, text.encode())
        for path in written:
            assert not any(leaks(secret, each) for each in contents(path)), path
    for name in ("sign.key", "two.key"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
    assert leaks(key.secret, Path("sign.key").read_bytes())
