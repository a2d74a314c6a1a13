"""Every file of a folder and nothing else: links, pipes and names that nobody could carry over."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from radiotracer.errors import InputError, StorageError
from radiotracer.signing.folder import digests, ordinary


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "b/c").mkdir(parents=True)
    (made / "a").write_bytes(b"one")
    (made / "b/c/d e\n").write_bytes(b"")
    (made / ".hidden é").write_bytes(b"x" * 300_000)
    (made / "empty").mkdir()
    return made


def test_every_file_by_its_path(folder: Path) -> None:
    found = digests(folder)
    assert found == {
        ".hidden é": sha256(b"x" * 300_000),
        "a": sha256(b"one"),
        "b/c/d e\n": sha256(b""),
    }
    assert list(found) == sorted(found)
    assert list(digests(folder, but={"a", "d e\n", "b"})) == [".hidden é", "b/c/d e\n"]


def test_many_files_and_deep_folders(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}").touch()
    deep = tmp_path / "/".join(["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "end").write_bytes(b"1")
    found = digests(tmp_path)
    assert len(found) == 2001 and found["d/" * 300 + "end"] == sha256(b"1")


@pytest.mark.parametrize("target", ["a", "b", "/etc/passwd", "..", "nowhere", "link"])
@pytest.mark.parametrize("place", ["link", "b/c/link"])
def test_links_are_refused_wherever_they_lead(folder: Path, place: str, target: str) -> None:
    (folder / place).symlink_to(target)
    with pytest.raises(InputError) as caught:
        digests(folder)
    assert str(caught.value) == (
        f"expected an ordinary file at {folder / place}; got a link; "
        "put a copy of what it stands for in its place, or take it away"
    )


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert digests(tmp_path / "link") == digests(folder)


def test_pipes_and_sockets_are_refused_and_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="pipe; got something else;"):
        digests(folder)
    (folder / "pipe").unlink()
    monkeypatch.chdir(folder)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    with pytest.raises(InputError, match="socket; got something else;"):
        digests(folder)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_takes_a_files_place_after_the_look(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    before = (folder / "a").lstat()
    (folder / "a").unlink()
    if kind == "link":
        (folder / "a").symlink_to("/etc/passwd")
    else:
        os.mkfifo(folder / "a")
    monkeypatch.setattr(Path, "lstat", lambda _: before)
    with pytest.raises(InputError), ordinary(folder / "a"):
        pass


def test_names_that_utf8_cannot_hold(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/b/\xff")).touch()
    with pytest.raises(InputError, match=r"that UTF-8 can hold; got 'b/\\udcff'; rename it"):
        digests(folder)


def test_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    with pytest.raises(StorageError, match=r"expected to read .*; got a refusal: Permission den"):
        digests(folder)
    monkeypatch.undo()
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError, match=rf"expected to read {folder}; got a refusal"):
        digests(folder)
    monkeypatch.undo()
    with pytest.raises(StorageError, match="No such file"):
        digests(folder / "nowhere")
