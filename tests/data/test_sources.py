from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data_helpers import Draw, write_idx_folder

from radiotracer.data import list_built_ins, open_data
from radiotracer.errors import DataError


@pytest.mark.parametrize("spec", ["", "nowhere", "nowhere:test", "mnist:val", ":test", "mnist "])
def test_unknown(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        open_data(spec)
    said = str(caught.value)
    if spec == "mnist:val":
        assert "expected a val split in mnist; got a built-in name" in said
    else:
        assert f"got {spec!r}, where nothing is; check the spelling" in said
    assert len(said) <= 200


def test_a_path_called_like_a_built_in_needs_a_dot(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("pooch.retrieve", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
    write_idx_folder(tmp_path / "mnist")
    assert len(open_data("./mnist")) == 7
    with pytest.raises(DataError, match="mnist by one of 3 routes"):
        open_data("mnist")


def test_a_source_opens_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_idx_folder(tmp_path / "idx")
    train, test = open_data("idx"), open_data("idx:test")
    assert train.validation is not None
    monkeypatch.chdir("/")
    assert open_data(train.source).digest == train.digest
    assert open_data(train.validation).digest == open_data(test.source).digest == test.digest


def test_a_path_that_ends_like_a_split(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    odd = (tmp_path / "tree").rename(tmp_path / "odd:test")
    assert open_data(str(odd)).ids.tolist() == ["a/1.png"]
    assert open_data(open_data(str(odd)).source).ids.tolist() == ["a/1.png"]


def test_image_size_is_only_for_folders_of_images(tmp_path: Path) -> None:
    for spec in ("mnist", str(write_idx_folder(tmp_path / "idx"))):
        with pytest.raises(DataError, match=r"data that image_size= changes"):
            open_data(spec, image_size=8)


def test_no_torch() -> None:
    code = "import sys, radiotracer.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_mask_takes_what_it_marks(tmp_path: Path) -> None:
    found = open_data(str(write_idx_folder(tmp_path / "idx")))
    assert found.take(found.labels == 2).ids.tolist() == ["train/00002", "train/00005"]
    assert found.take([3, 1]).ids.tolist() == ["train/00003", "train/00001"]
    assert len(found.take([])) == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "total", "test_total"),
    [("mnist", 1567298545, 264923200), ("fashion-mnist", 3431114169, 573469082)],
)
def test_the_real_thing(name: str, total: int, test_total: int) -> None:
    if not {each.name: each.cached for each in list_built_ins()}[name]:
        pytest.skip(f"{name} is not in the cache: run `radiotracer data get {name}`")
    train, test = open_data(name), open_data(f"{name}:test")
    assert train.content.shape == (60_000, 28, 28, 1) and test.content.shape == (10_000, 28, 28, 1)
    assert int(train.content.sum(dtype=np.int64)) == total
    assert int(test.content.sum(dtype=np.int64)) == test_total
    if name == "mnist":
        counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        assert np.bincount(train.labels).tolist() == counts
    else:
        assert np.bincount(train.labels).tolist() == [6000] * 10
    assert train.ids[42] == "train/00042" and len(set(train.digests)) == 60_000
