"""`radiotracer key`: made once, shown without its secret, and what it opens."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiotracer.provenance import Key
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import mark
from radiotracer.provenance.release import Release
from tiny_world import World

KEY = Key(bytes(range(32)))


@pytest.fixture
def marked(tiny: World) -> Path:
    """A marked folder, made without the command, and its key beside it."""
    release: Release = mark(
        tiny.tampered, np.arange(10), KEY, [tiny.model], TwinConfig(steps=1, batch_size=5)
    )

    release.write(Path("marked"))
    KEY.write(Path("my.key"))
    return Path("marked")


def test_a_new_key_and_what_is_shown_of_it(cli: Any) -> None:
    done = cli("key", "new", "my.key")
    path = Path("my.key")
    key = Key.read(path)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"key {key.fingerprint} written to my.key",
        "keep a copy in another place: it cannot be made again, and every audit needs it",
        "next: radiotracer mark DATA --key my.key --out marked, of images with --extractor RUN",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = cli("key", "show", "my.key")
    assert (shown.status, shown.out, shown.err) == (0, f"key {key.fingerprint} in my.key\n", "")
    facts = {"fingerprint": key.fingerprint, "file": "my.key", "readable_by_others": False}
    assert json.loads(cli("key", "show", "my.key", "--json").out) == facts
    made = json.loads(cli("key", "new", "two.key", "--json").out)
    assert made["fingerprint"] == Key.read(Path("two.key")).fingerprint != key.fingerprint


def test_a_key_that_others_may_read(cli: Any) -> None:
    cli("key", "new", "my.key")
    Path("my.key").chmod(0o644)
    done = cli("key", "show", "my.key", "--json")
    assert done.status == 0 and json.loads(done.out)["readable_by_others"]
    assert done.err == (
        "Other users of this machine may read the key file my.key: run chmod 600 on it.\n"
    )


def test_a_commitment_that_opens(cli: Any, marked: Path) -> None:
    done = cli("key", "check", marked, "--key", "my.key")
    commitment = Release.read(marked).commitment
    assert (done.status, done.err) == (0, "")
    first, second, _, *parts = done.out.splitlines()
    assert first == f"marked is what was committed to, and key {KEY.fingerprint} opens it"
    assert second == f"digest to have time-stamped before the release: {commitment.digest}"
    assert dict(line.split() for line in parts) == commitment.parts
    done = cli("key", "check", marked, "--key", "my.key", "--json")
    assert json.loads(done.out) == {
        "marked": "marked",
        "key": KEY.fingerprint,
        "digest": commitment.digest,
        "parts": commitment.parts,
    }


def test_commitments_that_do_not_open(cli: Any, fail: Any, marked: Path) -> None:
    cli("key", "new", "other.key")
    line = fail("another key", "key", "check", marked, "--key", "other.key", keep=False)
    assert "; got another key; pass what was committed" in line
    protocol = marked / "sealed" / "protocol.json"
    protocol.write_text(protocol.read_text().replace('"alpha":0.01', '"alpha": 0.02'))
    protocol.write_text(protocol.read_text().replace('"alpha": 0.01', '"alpha": 0.02'))
    line = fail("another level", "key", "check", marked, "--key", "my.key", keep=False)
    assert "; got another protocol; pass what was committed" in line
    fail("commitment of no folder", "key", "check", "nowhere", "--key", "my.key")
    Path("empty").mkdir()
    fail("commitment of another folder", "key", "check", "empty", "--key", "my.key")
    fail("commitment without a key", "key", "check", marked, "--key", "no.key")


def test_an_edited_image(fail: Any, marked: Path) -> None:
    path = marked / "release" / "images.npy"
    images = np.load(path)
    images[3] += 1
    np.save(path, images)
    line = fail("an edited image", "key", "check", marked, "--key", "my.key", keep=False)
    assert "edited after it was written" in line


def test_key_files_that_cannot_be_used(cli: Any, fail: Any) -> None:
    cli("key", "new", "my.key")
    text = Path("my.key").read_bytes()
    fail("key that exists", "key", "new", "my.key")
    assert Path("my.key").read_bytes() == text
    Path("cut.key").write_bytes(text[: len(text) // 2])
    line = fail("truncated key", "key", "show", "cut.key")
    assert Key.read(Path("my.key")).secret.hex()[:8] not in line
    fail("no key", "key", "show", "no.key")
    fail("key that is a folder", "key", "show", ".")
    fail("key below a file", "key", "new", "my.key/below.key")
    # Not even root can make a file there.
    fail("key in a read-only folder", "key", "new", "/sys/radiotracer.key")
