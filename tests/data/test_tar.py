"""Tar archives that are damaged, cut, or lie."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tar_helpers import of, tar

from radiotracer.data.tar import LONGEST_NAME, members
from radiotracer.errors import DataError

BLOCK = 512


def names(path: Path) -> list[str]:
    return [each.name for each in members(path)]


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        names(path)
    return str(caught.value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    contents=st.dictionaries(
        st.text(st.characters(exclude_characters="/.\0", exclude_categories=["C"]), min_size=1),
        st.binary(max_size=2000),
    ),
    kind=st.sampled_from((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
)
def test_what_tarfile_writes_is_found(
    contents: dict[str, bytes], kind: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tar(tmp_path_factory.mktemp("tar") / "x.tar", contents, kind=kind)
    found = {each.name: each.content.read() for each in members(path) if each.content}
    assert found == contents


@pytest.mark.parametrize("cut", [1, BLOCK, 2 * BLOCK, 10_240, 11_000, 12_288])
def test_an_archive_that_was_cut(cut: int, tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", of(range(9)))
    whole = path.read_bytes().rstrip(b"\0")
    whole += b"\0" * (-len(whole) % BLOCK) + b"\0" * 2 * BLOCK
    path.write_bytes(whole)
    assert len(names(path)) == 18
    path.write_bytes(whole[:-cut])
    assert "one that cannot be read" in refused(path)


def test_archives_that_were_joined(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", of(range(3)))
    path.write_bytes(path.read_bytes() * 2)
    assert "it goes on after its end, as archives that were joined do" in refused(path)


def test_packed_and_other_files(tmp_path: Path) -> None:
    for content in (b"", b"\x1f\x8b" * 1000, b"x" * 5000):
        (tmp_path / "x.tar").write_bytes(content)
        assert f"a tar archive, not packed, in {tmp_path / 'x.tar'}" in refused(tmp_path / "x.tar")


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % BLOCK)


def extended(*records: tuple[str, str]) -> bytes:
    content = b""
    for key, value in records:
        body = f" {key}={value}\n".encode()
        length = len(body) + len(str(len(body) + 3))
        content += str(length).encode() + body
    return header("x", len(content), tarfile.XHDTYPE) + padded(content)


END = b"\0" * 2 * BLOCK


@pytest.mark.parametrize(
    "content",
    [
        header("a", 1 << 60),
        header("a", -BLOCK) + header("b", 0),
        header("a", 2000) + b"x" * BLOCK,
        header("l", LONGEST_NAME + 1, tarfile.GNUTYPE_LONGNAME) + b"x" * (LONGEST_NAME + BLOCK),
        extended(("size", "-512")) + header("a", 0),
        extended(("size", str(10**30))) + header("a", 0),
        extended(("size", "nan")) + header("a", 0),
        extended(("size", "9" * 5000)) + header("a", 0),
        extended(("GNU.sparse.realsize", "99999999999")) + header("a", 0),
        header("x", 20, tarfile.XHDTYPE) + padded(b"99 path=../x\n"),
        header("x", 20, tarfile.XHDTYPE) + padded(b"0 =\n"),
        header("x", 20, tarfile.XHDTYPE) + padded(b"7 \xff=a\n"),
    ],
)
def test_headers_that_lie(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(content + END)
    assert "one that cannot be read" in refused(tmp_path / "x.tar")


def test_a_thousand_long_names_in_a_row(tmp_path: Path) -> None:
    """Where tarfile calls itself for each."""
    one = header("l", 4, tarfile.GNUTYPE_LONGNAME) + padded(b"abcd")
    (tmp_path / "x.tar").write_bytes(one * 5000 + header("a", 0) + END)
    assert names(tmp_path / "x.tar") == ["abcd"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", encoding="utf-8", errors="surrogateescape") as out:
        out.addfile(tarfile.TarInfo("a\udcff.png"), io.BytesIO())
    assert names(tmp_path / "x.tar") == ["a\\xff.png"]
