from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from radiotracer.errors import InputError, StorageError
from radiotracer.files import (
    atomic_file,
    atomic_folder,
    require_new_folder,
    sha256_file,
    storage_errors,
    write_text,
)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 300_000)
    assert sha256_file(path) == hashlib.sha256(b"x" * 300_000).hexdigest()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space is left"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EFBIG, "the file size limit is reached"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission was denied"),
        (errno.EPERM, "permission was denied"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.EBUSY, "the folder is in use or a mount point"),
    ],
)
def test_the_disks_refusals(number: int, reason: str) -> None:
    cause = OSError(number, os.strerror(number))
    with pytest.raises(StorageError) as caught, storage_errors(Path("x/y")):
        raise cause
    assert str(caught.value) == (
        f"expected to write x/y; got a refusal: {reason}; "
        "nothing was left half-written; free space or choose another folder, then try again"
    )
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EBADF, "no"), OSError("no number"), FileNotFoundError(2, "x"), ValueError()],
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, storage_errors(Path("x")):
        raise error
    assert caught.value is error


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "new"
    assert listing(path.parent) == ["a.txt"]
    write_text(path, "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_file_that_fails(tmp_path: Path, existed: bool, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    if existed:
        path.write_text("old")
    with pytest.raises(error), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert listing(tmp_path) == (["a.txt"] if existed else [])
    assert not existed or path.read_text() == "old"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(path.exists()))
    write_text(path, "x")
    assert flushed == [False]


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="a part of the path is a file"):
        write_text(tmp_path / "file" / "below" / "a", "x")


def make(path: Path, content: str, *, overwrite: bool = False) -> None:
    with atomic_folder(path, marker="mark.json", overwrite=overwrite) as temporary:
        (temporary / "mark.json").write_text(content)
        (temporary / "sub").mkdir()


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out"
    with atomic_folder(path, marker="mark.json") as temporary:
        (temporary / "mark.json").write_text("one")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert listing(path) == ["mark.json"]
    assert listing(path.parent) == ["out"]
    assert path.stat().st_mode & 0o777 == 0o755


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out", "one")
    assert listing(tmp_path / "out") == ["mark.json", "sub"]


def test_a_folder_of_the_same_kind(tmp_path: Path) -> None:
    path = tmp_path / "out"
    make(path, "one")
    (path / "stale").write_text("x")
    with pytest.raises(InputError) as caught:
        make(path, "two")
    assert str(caught.value) == (
        f"expected a new folder; got {path}, which already holds mark.json; "
        "choose another out=, or pass overwrite=True to replace it"
    )
    assert (path / "mark.json").read_text() == "one"
    make(path, "two", overwrite=True)
    assert (path / "mark.json").read_text() == "two"
    assert listing(path) == ["mark.json", "sub"]
    assert listing(tmp_path) == ["out"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_of_another_kind(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "out"
    # A folder of the marker's name is no marker.
    (path / "mark.json").mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        make(path, "one", overwrite=overwrite)
    assert str(caught.value) == (
        f"expected a new folder, or one that holds mark.json; got {path}, "
        "which holds other things; choose another out="
    )
    assert listing(path) == ["mark.json"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError) as caught:
        make(tmp_path / "file", "one", overwrite=overwrite)
    assert str(caught.value) == (
        f"expected a folder to write to; got the file {tmp_path / 'file'}; choose another out="
    )
    assert listing(tmp_path) == ["file", "out"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.ENOSPC, "full"), StorageError),
        (ValueError("x"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
@pytest.mark.parametrize("existed", [True, False])
def test_a_folder_that_fails(
    tmp_path: Path, error: BaseException, raised: type[BaseException], existed: bool
) -> None:
    path = tmp_path / "out"
    if existed:
        make(path, "one")
    with (
        pytest.raises(raised),
        atomic_folder(path, marker="mark.json", overwrite=True) as temporary,
    ):
        (temporary / "mark.json").write_text("half")
        raise error
    assert listing(tmp_path) == (["out"] if existed else [])
    assert not existed or (path / "mark.json").read_text() == "one"


def test_a_refused_rename_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    make(path, "one")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial") and Path(target) == path:
            raise OSError(errno.ENOSPC, "full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError):
        make(path, "two", overwrite=True)
    assert (path / "mark.json").read_text() == "one"
    assert listing(tmp_path) == ["out"]


def test_a_link_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    make(tmp_path / "link", "one")
    make(tmp_path / "link", "two", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "mark.json").read_text() == "two"
    assert listing(tmp_path) == ["disk", "link"]


def test_require_new_folder_allows(tmp_path: Path) -> None:
    require_new_folder(tmp_path / "nothing", marker="m")
    require_new_folder(tmp_path, marker="m")
    (tmp_path / "m").write_text("")
    require_new_folder(tmp_path, marker="m", overwrite=True)
