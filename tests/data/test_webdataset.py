"""WebDataset archives: what is taken, how it is called, and what is left out."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from arrow_helpers import PIXELS, refused
from tar_helpers import described, of, sample, tar

from radiotracer.data import open_data, store_data
from radiotracer.data.formats.webdataset import expand
from radiotracer.data.sources import takes_image_size
from radiotracer.errors import DataError


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_one_archive(kind: int, tmp_path: Path) -> None:
    path = tar(tmp_path / "mine-0000.tar", of(range(6)), kind=kind)
    found = open_data(str(path))
    np.testing.assert_array_equal(found.content, PIXELS[:6])
    assert found.labels.tolist() == [0, 1] * 3 and found.class_names == ("0", "1")
    assert found.ids[[0, 5]].tolist() == ["mine-0000/0000", "mine-0000/0005"]
    assert found.left_out == () and found.validation is None
    assert open_data(found.source).digest == found.digest


def test_names_of_classes_and_fields(tmp_path: Path) -> None:
    members = described(0, label="dog") | {"a/b.c/1.png": sample(1)["0001.png"]}
    members |= {"a/b.c/1.json": b'{"class": "cat", "other": [1]}', "0002.txt": b"hello"}
    found = open_data(str(tar(tmp_path / "x.tar", members)))
    assert found.class_names == ("cat", "dog") and found.labels.tolist() == [1, 0]
    assert found.ids.tolist() == ["x/0000", "x/a/b.c/1"]


def test_the_class_file_wins_and_may_hold_text(tmp_path: Path) -> None:
    members = sample(0, b" 7 \n", json=b'{"label": 3}') | sample(1, "Käse".encode())
    found = open_data(str(tar(tmp_path / "x.tar", members)))
    assert found.class_names == ("7", "Käse")


def test_long_names(tmp_path: Path) -> None:
    name = "f" * 90 + "/" + "ö" * 80
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        members = {f"{name}.png": sample(0)["0000.png"], f"./{name}.cls": b"0"}
        assert open_data(str(tar(tmp_path / "x.tar", members, kind=kind))).ids == [f"x/{name}"]


def folder(root: Path) -> Path:
    tar(root / "train-000000.tar", of(range(2)))
    tar(root / "train-000001.tar", of(range(2, 4)))
    tar(root / "test-000000.tar", of(range(4, 9)))
    return root


def test_a_folder_with_splits(tmp_path: Path) -> None:
    root = folder(tmp_path / "set")
    train, test = open_data(str(root)), open_data(f"{root}:test")
    assert train.validation == f"{root}:test"
    np.testing.assert_array_equal(train.content, PIXELS[:4])
    np.testing.assert_array_equal(test.content, PIXELS[4:])
    assert train.ids[2] == "train-000001/0002"
    assert open_data(train.validation).digest == test.digest
    tar(root / "train-000003.tar", of(range(2)))
    assert "number 1 and then 3; fetch the missing ones" in refused(root)


def test_patterns(tmp_path: Path) -> None:
    root = folder(tmp_path / "set")
    pattern = f"{root}/train-{{000000..000001}}.tar"
    found = open_data(pattern)
    assert len(found) == 4 and found.ids[3] == "train-000001/0003"
    assert open_data(found.source).digest == found.digest and found.source == pattern
    assert len(open_data(f"{root}/{{train,test}}-000000.tar")) == 7
    assert f"no {root}/train-000002.tar" in refused(f"{root}/train-{{000000..000002}}.tar")
    assert "leave out :test" in refused(f"{pattern}:test")
    assert takes_image_size(pattern) and not takes_image_size("mnist")
    assert open_data(pattern, image_size=8).content.shape == (4, 8, 8, 3)


@pytest.mark.parametrize("pattern", ["a-{}.tar", "a-{3..1}.tar", "a-{x..y}.tar", "a-{1...3}.tar"])
def test_patterns_that_are_none(pattern: str, tmp_path: Path) -> None:
    assert "braces like {000..012} or {a,b}" in refused(tmp_path / pattern)


def test_a_pattern_of_a_thousand_million_archives() -> None:
    with pytest.raises(DataError, match="at most 100,000 archives"):
        expand("a-{0..999999999999}-{0..999999999999}.tar")
    assert [each.name for each in expand("a{08..11}.tar")] == [
        "a08.tar",
        "a09.tar",
        "a10.tar",
        "a11.tar",
    ]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    link = tarfile.TarInfo("9.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("8.png")
    device.type = tarfile.CHRTYPE
    members = sample(0, b"0") | sample(1) | {"2.cls": b"0"} | sample(3, b"\xff")
    members |= {"0004.png": b"no image", "0004.cls": b"1", "../5.png": b"", "/6.png": b""}
    members |= {"0000.pyd": b"x", "0000.pth": b"x", "._0000.png": b"", "0007.json": b"{"}
    members |= sample(10, b"0", jpg=b"x") | described(11, label=True) | described(12, label=[1])
    members |= described(13, label=1, **{"class": 2})
    found = open_data(str(tar(tmp_path / "x.tar", members, more=(link, device))))
    assert found.ids.tolist() == ["x/0000"]
    reasons = {each.path: each.reason for each in found.left_out}
    assert reasons["x/9.png"] == "a link, which may lead out of the archive"
    assert reasons["x/8.png"] == "not a plain file"
    assert reasons["x/../5.png"] == reasons["x//6.png"] == "its name leads out of the archive"
    assert reasons["x/0000.pyd"] == reasons["x/0000.pth"]
    assert reasons["x/0000.pyd"] == "it may be a pickle, which is never opened"
    assert reasons["x/0001"] == "no label" and reasons["x/2"] == "no image"
    assert reasons["x/0003"] == "a label in .cls that is empty or no UTF-8"
    assert reasons["x/0004"].startswith("no image of a kind")
    assert reasons["x/0007"] == "its .json is none" and reasons["x/0010"] == "2 images"
    assert reasons["x/0011"] == reasons["x/0012"] == reasons["x/0013"]
    assert len(reasons) == 15


def test_a_member_twice(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("1.cls"))
    assert "'1.cls' twice" in refused(path)


def test_storing_reads_the_archives_one_image_at_a_time(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", of(range(9)))
    stored = store_data(str(path), tmp_path / "stored")
    assert stored.digest == open_data(str(path)).digest


def test_an_archive_of_nothing(tmp_path: Path) -> None:
    assert "none that can be read" in refused(tar(tmp_path / "x.tar", {}))
