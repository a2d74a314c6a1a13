from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from data_helpers import idx_bytes, write_idx_folder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiotracer.data import open_data, read_idx
from radiotracer.data.idx import read_exactly
from radiotracer.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=5)),
    packed=st.booleans(),
)
def test_what_was_written_is_read(
    array: np.ndarray, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("idx") / "whatever"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(path, dimensions=3)
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("cut", [1, 20])
def test_truncated_says_how_many_bytes(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(idx_bytes(IMAGES)[:-cut])
    with pytest.raises(DataError, match=rf"expected 40 bytes in .*f; got {40 - cut} bytes;"):
        read_idx(path, dimensions=3)


def test_too_long(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(idx_bytes(IMAGES) + b"more than enough")
    with pytest.raises(DataError, match="got more than 40 bytes"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize("cut", [1, 8, 12])
def test_truncated_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "f.gz"
    noise = np.random.default_rng(0).integers(0, 256, (9, 30, 30), dtype=np.uint8)
    path.write_bytes(gzip.compress(idx_bytes(noise))[:-cut])
    with pytest.raises(DataError, match=r"got [0-9]+ bytes, and its gzip stream ends early"):
        read_idx(path, dimensions=3)


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    packed = bytearray(gzip.compress(idx_bytes(IMAGES)))
    packed[-6] ^= 1  # in the checksum
    path.write_bytes(packed)
    with pytest.raises(DataError, match="gzip stream is damaged"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize(
    ("content", "begins"),
    [
        (b"", "nothing that can be read"),
        (b"\x00\x00\x08", "000008"),
        (b"\x00\x00\x0d\x03" + bytes(12), "00000d03"),
        (b"\x00\x00\x08\x01" + bytes(12), "00000801"),
        (b"PK\x03\x04" + bytes(12), "504b0304"),
        (b"\x1f\x8b", "nothing that can be read"),
        (b"\x1f\x8bxxxxxxxxxxxxxx", "nothing that can be read"),
    ],
)
def test_wrong_magic(tmp_path: Path, content: bytes, begins: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"begins with 00000803.*begins with {begins};"):
        read_idx(path, dimensions=3)


def test_a_header_that_promises_the_world_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, *(2**32 - 1,) * 3) + bytes(100))
    with pytest.raises(DataError, match="got 116 bytes"):
        read_idx(path, dimensions=3)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    with pytest.raises(DataError, match="got more than 10 bytes"):
        read_exactly(path, 10)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "f", dimensions=3)


@pytest.mark.parametrize("packed", [False, True])
def test_folder(tmp_path: Path, packed: bool) -> None:
    folder = write_idx_folder(tmp_path / "idx")
    if packed:
        for path in list(folder.iterdir()):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    train = open_data(str(folder))
    test = open_data(str(folder) + ":test")
    assert train.content.shape == (7, 4, 5, 1)
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert train.ids[6] == "train/00006" and test.ids[0] == "test/00000"
    assert train.class_names == ("0", "1", "2")
    assert (train.validation, test.validation) == (f"{folder}:test", None)
    assert open_data(train.source).digest == train.digest != test.digest


def test_folder_with_only_one_split(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", prefixes=("train",))
    assert open_data(str(folder)).validation is None
    with pytest.raises(DataError, match=r"a test split in .* got train; leave out :test"):
        open_data(f"{folder}:test")


def test_labels_of_another_length(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx")
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(6)))
    with pytest.raises(DataError, match=r"each of the 7 images.*got 6 labels"):
        open_data(str(folder))
