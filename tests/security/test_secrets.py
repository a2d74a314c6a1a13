"""The key is in its own file and nowhere else: from `key new` to `verify`, in every form."""

from __future__ import annotations

import base64
import json
import logging
import stat
from pathlib import Path

import numpy as np
import pytest
from secret_forms import contents, leaks

from radiotracer.cli import run
from radiotracer.provenance import Key
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.release import Release
from tiny_world import World

GOLDEN = Path(__file__).parents[1] / "golden"
SECRET = np.random.default_rng(7).bytes(32)
MARK = ["--share", "0.2", "--choose", "random"]


@pytest.mark.parametrize("hidden", [
    SECRET, SECRET[10:25], SECRET[::-1], SECRET.hex().encode(), SECRET.hex().upper().encode(),
    SECRET.hex()[7:40].encode(), base64.b64encode(SECRET), base64.b64encode(b"x" + SECRET),
    base64.urlsafe_b64encode(b"xy" + SECRET), base64.b32encode(SECRET), repr(SECRET).encode(),
    str(list(SECRET)).encode(), json.dumps(list(SECRET), indent=1).encode(),
    str(int.from_bytes(SECRET, "big")).encode(), str(int.from_bytes(SECRET, "little")).encode(),
])  # fmt: skip
def test_the_search_finds_what_there_is(hidden: bytes) -> None:
    assert leaks(SECRET, b"before" + hidden + b"after")
    assert not leaks(SECRET[::-1][1:] + b"?", b"before")


def test_the_search_looks_into_archives(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.frombuffer(SECRET * 9, dtype=np.uint8))
    assert not leaks(SECRET, (tmp_path / "a.npz").read_bytes())
    assert any(leaks(SECRET, each) for each in contents(tmp_path / "a.npz"))


def test_from_a_key_to_a_verdict_the_key_shows_nowhere(
    tiny: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where a command is refused, and by names and objects that a debugger would show."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    files = ["--key", "my.key", "--marked", "marked"]
    commands = {
        0: [
            ["key", "new", "my.key"],
            ["key", "show", "my.key", "--json"],
            ["mark", str(tiny.data), "--key", "my.key", "--extractor", str(tiny.folder),
             "--out", "marked", *MARK],
            ["key", "check", "marked", "--key", "my.key"],
            ["key", "check", "marked", "--key", "my.key", "--json"],
            ["audit", str(tiny.folder), *files, "--out", "audit"],
            ["verify", "audit", *files],
            ["verify", "audit", *files, "--json"],
        ],
        2: [
            ["key", "new", "my.key"],
            ["key", "show", "spoiled.key"],
            ["key", "check", "marked", "--key", "spoiled.key"],
            ["audit", str(tiny.folder), "--key", "other.key", "--marked", "marked", "--out", "x"],
            ["verify", "audit", "--key", "other.key", "--marked", "marked"],
        ],
    }  # fmt: skip
    for command in commands[0]:
        assert run(command) in (0, 1), command
    Key.new().write(Path("other.key"))
    Path("spoiled.key").write_text(Path("my.key").read_text().replace('"secret"', '"secrets"'))
    for command in commands[2]:
        assert run(command) == 2, command
    said = capfd.readouterr()
    key = Key.read(Path("my.key"))
    release, evidence = Release.read(Path("marked")), Evidence.read(Path("audit"))
    shown = [
        *(said.out, said.err, caplog.text),
        *(str(vars(record)) for record in caplog.records),
        *(repr(each) for each in (key, [key], release, evidence, release.commitment)),
        *(f"{key} {key!s}", str(release.protocol), evidence.model_dump_json()),
    ]
    keys = {"my.key", "other.key", "spoiled.key"}
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in keys]
    assert {path.name for path in written} >= {"evidence.json", "report.html", "audits.jsonl"}
    assert "key" in said.out
    for secret in (key.secret, key.derive("twin/published"), Key.read(Path("other.key")).secret):
        for text in shown:
            assert not leaks(secret, text.encode())
        for path in written:
            assert not any(leaks(secret, each) for each in contents(path)), path
    for name in ("my.key", "other.key"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
    assert leaks(key.secret, Path("my.key").read_bytes())


def test_no_secret_in_the_golden_files() -> None:
    known = [bytes(range(32)), bytes(range(32, 64))]
    files = sorted(path for path in GOLDEN.rglob("*") if path.is_file())
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert not any(leaks(secret, each) for secret in known for each in contents(path)), path
        for word in (b'"secret"', b"PRIVATE KEY", b"Bearer "):
            assert word not in content, path
