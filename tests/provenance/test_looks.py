"""The ledger of looks: each audit counts once, a crash loses none that anybody saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from suspect_helpers import refusal

from audit_world import sample_look
from radiotracer.errors import DataError, StorageError
from radiotracer.provenance.ledger import LOOKS, add_look, adjusted, read_looks


def test_no_ledger_is_no_look(tmp_path: Path) -> None:
    assert read_looks(tmp_path).looks == () and not (tmp_path / LOOKS).exists()


def test_each_audit_counts_and_the_same_one_once(tmp_path: Path) -> None:
    first = sample_look(-2.5)
    assert add_look(tmp_path, first).looks == (first,)
    moved = sample_look(-2.5, path="/elsewhere/suspect.safetensors")
    assert add_look(tmp_path, moved).looks == (first,), "the same weights, another path"
    others = [
        sample_look(-1.5),
        sample_look(-2.5, sha256="cd" * 32),
        sample_look(-2.5).model_copy(update={"access": "labels"}),
    ]
    for number, other in enumerate(others, start=2):
        assert len(add_look(tmp_path, other).looks) == number
    assert read_looks(tmp_path).looks == (first, *others)
    assert len((tmp_path / LOOKS).read_bytes().splitlines()) == 4


def test_what_decides_is_holm_over_all() -> None:
    looks = [sample_look(-3.0), sample_look(-1.0, sha256="cd" * 32), sample_look(0.0, kind="pt")]
    assert adjusted(looks[:1], looks[0]) == -3.0
    assert adjusted(looks, looks[0]) == pytest.approx(-3.0 + np.log10(3))
    assert adjusted(looks, looks[1]) == pytest.approx(-1.0 + np.log10(2))
    assert adjusted(looks[1:], looks[0]) is None


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_line_that_broke_off_does_not_count(tmp_path: Path, cut: int) -> None:
    """The line comes before the result is shown: nobody saw the one that was cut."""
    first, second = sample_look(-2.5), sample_look(-1.0)
    for look in (first, second):
        add_look(tmp_path, look)
    path = tmp_path / LOOKS
    path.write_bytes(path.read_bytes()[:-cut])
    found = read_looks(tmp_path)
    assert found.looks == (first,) and found.note is not None and "broke off" in found.note
    assert add_look(tmp_path, second).looks == (first, second)
    assert read_looks(tmp_path).looks == (first, second) and read_looks(tmp_path).note is None


def test_a_damaged_line_is_an_error(tmp_path: Path) -> None:
    """Left out, it would make the next accusation cheaper."""
    add_look(tmp_path, sample_look())
    path = tmp_path / LOOKS
    content = b"what?\n" + path.read_bytes()
    path.write_bytes(content)
    assert "another text in line 1" in refusal(lambda: read_looks(tmp_path), DataError)
    refusal(lambda: add_look(tmp_path, sample_look(-1.0)), DataError)
    assert path.read_bytes() == content


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_text("a file")
    text = refusal(lambda: add_look(tmp_path / "sealed", sample_look()), StorageError)
    assert LOOKS in text


def test_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    add_look(tmp_path, sample_look())
    before = (tmp_path / LOOKS).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    text = refusal(lambda: add_look(tmp_path, sample_look(-1.0)), StorageError)
    assert "no space is left" in text and (tmp_path / LOOKS).read_bytes() == before
