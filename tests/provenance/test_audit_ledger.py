"""The ledger of audits: each audit counts once, a crash loses none that anybody saw."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from suspect_helpers import refusal

from audit_world import KEY, sample_audit
from radiotracer.errors import DataError, StorageError
from radiotracer.provenance.commitment import commit
from radiotracer.provenance.ledger import (
    AUDITS,
    add_audit,
    adjusted,
    head,
    is_chained,
    read_ledger,
)


def test_no_ledger_is_no_audit(tmp_path: Path) -> None:
    assert read_ledger(tmp_path).audits == () and not (tmp_path / AUDITS).exists()


def test_each_audit_counts_and_the_same_one_once(tmp_path: Path) -> None:
    first = sample_audit(-2.5)
    assert add_audit(tmp_path, first).audits == (first,)
    moved = sample_audit(-2.5, path="/elsewhere/suspect.safetensors")
    assert add_audit(tmp_path, moved).audits == (first,), "the same weights, another path"
    others = [
        sample_audit(-1.5),
        sample_audit(-2.5, sha256="cd" * 32),
        sample_audit(-2.5).model_copy(update={"access": "labels"}),
    ]
    for number, other in enumerate(others, start=2):
        assert len(add_audit(tmp_path, other).audits) == number
    held = read_ledger(tmp_path).audits
    assert all(a.is_again(b) for a, b in zip(held, (first, *others), strict=True))
    assert len((tmp_path / AUDITS).read_bytes().splitlines()) == 4


def test_lines_are_a_chain(tmp_path: Path) -> None:
    """Each holds the digest of the one before, the first the commitment; none can be moved."""
    commitment = commit(KEY, {}, "ab" * 32, {})
    (tmp_path / "commitment.json").write_text(commitment.model_dump_json())
    start = commitment.digest
    for number in range(4):
        made = add_audit(tmp_path, sample_audit(-1.0, sha256=f"{number:064d}"))
    assert is_chained(made.audits, start) and not is_chained(made.audits)
    assert head(made.audits, start) == made.audits[-1].digest and head((), start) == start
    path = tmp_path / AUDITS
    lines = path.read_bytes().splitlines(keepends=True)
    digests = [hashlib.sha256(line.rstrip(b"\n")).hexdigest() for line in lines]
    assert [each.before for each in made.audits] == [start, *digests[:-1]]
    for edited in (
        lines[1:],
        [lines[0], *lines[2:]],
        [lines[1], lines[0], *lines[2:]],
        [lines[0].replace(b"-1.0", b"-0.5"), *lines[1:]],
        [*lines[:2], lines[1], *lines[2:]],
    ):
        path.write_bytes(b"".join(edited))
        text = refusal(lambda: read_ledger(tmp_path), DataError)
        assert "an unbroken chain of audits" in text
    path.write_bytes(b"".join(lines))
    (tmp_path / "commitment.json").unlink()
    assert "another release's" in refusal(lambda: read_ledger(tmp_path), DataError)
    (tmp_path / "commitment.json").write_text(commitment.model_dump_json())
    # The last lines are missed by nobody who has seen none: evidence quotes them.
    path.write_bytes(b"".join(lines[:2]))
    assert len(read_ledger(tmp_path).audits) == 2


def test_what_decides_is_holm_over_all() -> None:
    audits = [
        sample_audit(-3.0),
        sample_audit(-1.0, sha256="cd" * 32),
        sample_audit(0.0, kind="pt"),
    ]
    assert adjusted(audits[:1], audits[0]) == -3.0
    assert adjusted(audits, audits[0]) == pytest.approx(-3.0 + np.log10(3))
    assert adjusted(audits, audits[1]) == pytest.approx(-1.0 + np.log10(2))
    assert adjusted(audits[1:], audits[0]) is None


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_line_that_broke_off_does_not_count(tmp_path: Path, cut: int) -> None:
    """The line comes before the result is shown: nobody saw the one that was cut."""
    first, second = sample_audit(-2.5), sample_audit(-1.0)
    for audit in (first, second):
        add_audit(tmp_path, audit)
    path = tmp_path / AUDITS
    path.write_bytes(path.read_bytes()[:-cut])
    found = read_ledger(tmp_path)
    assert found.audits == (first,) and found.note is not None and "broke off" in found.note
    held = add_audit(tmp_path, second).audits
    assert all(a.is_again(b) for a, b in zip(held, (first, second), strict=True))
    assert read_ledger(tmp_path).audits == held and read_ledger(tmp_path).note is None


def test_a_damaged_line_is_an_error(tmp_path: Path) -> None:
    """Left out, it would make the next rejection cheaper."""
    add_audit(tmp_path, sample_audit())
    path = tmp_path / AUDITS
    content = b"what?\n" + path.read_bytes()
    path.write_bytes(content)
    assert "another text in line 1" in refusal(lambda: read_ledger(tmp_path), DataError)
    refusal(lambda: add_audit(tmp_path, sample_audit(-1.0)), DataError)
    assert path.read_bytes() == content


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_text("a file")
    text = refusal(lambda: add_audit(tmp_path / "sealed", sample_audit()), StorageError)
    assert AUDITS in text


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    add_audit(tmp_path, sample_audit())
    before = (tmp_path / AUDITS).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    text = refusal(lambda: add_audit(tmp_path, sample_audit(-1.0)), StorageError)
    assert "no space is left" in text and (tmp_path / AUDITS).read_bytes() == before
