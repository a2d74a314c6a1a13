"""Files of a release that are missing, damaged or of something else: one line, no trace."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marked_world import by_carriers, network
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.release import Release

FILES = (
    "commitment.json",
    "release.json",
    "release/images.npy",
    "release/ids.npy",
    "release/examples.npz",
    "release/data.json",
    "sealed/protocol.json",
    "sealed/manifest.parquet",
    "sealed/arrays.npz",
    "sealed/originals/images.npy",
    "sealed/extractor.safetensors",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    by_carriers(network(3)).write(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "marked"))


def refused(folder: Path, kind: type[InputError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        Release.read(folder)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 600
    return text


def test_all_files_are_known(written: Path) -> None:
    found = {str(p.relative_to(written)) for p in written.rglob("*") if p.is_file()}
    assert found == {*FILES, "release/commitment.json", "release/release.json"}


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "other"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_or_damaged(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        keep = {"empty": b"", "half": content[: len(content) // 2], "other": b'{"a": [1]}'}
        path.write_bytes(keep[damage])
    refused(folder, InputError)


def test_no_release(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty, which has no commitment; pass the folder" in refused(empty, InputError)
    assert "nowhere, no folder" in refused(tmp_path / "nowhere", InputError)
    (folder / "sealed" / "protocol.json").unlink()
    assert "got no such file; restore it" in refused(folder)


def test_a_commitment_whose_digest_is_another(folder: Path) -> None:
    path = folder / "commitment.json"
    text = path.read_text()
    at = text.index('"digest": "') + 11
    path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
    assert "commitment.json as `radiotracer mark` wrote it; got another content" in refused(folder)


def test_an_array_that_is_missing(folder: Path) -> None:
    name = "published_digests"
    path = folder / "sealed" / "arrays.npz"
    write_npz(path, {n: array for n, array in read_arrays(path).items() if n != name})
    assert name in refused(folder)


@pytest.mark.parametrize("array", [np.array(7), np.zeros((3, 32), np.uint8), np.zeros(60)])
def test_digests_of_something_else(folder: Path, array: np.ndarray) -> None:
    path = folder / "sealed" / "arrays.npz"
    write_npz(path, {**read_arrays(path), "published_digests": array})
    if array.shape == (60,):  # as many as there are examples: the commitment sees to it
        assert (Release.read(folder).digests == "0" * 16).all()
    else:
        assert "the sealed half of a release" in refused(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"id": ["träin/00001"] * 16}, "speaks of other examples"),
        ({"row": [10**6] * 16}, "out of bounds"),
        ({"row": ["a"] * 16}, "invalid literal"),
        ({"row": list(range(16))}, "speaks of other examples"),
        ({"row": None}, "row"),
        ({"id": None}, "id"),
    ],
)
def test_a_manifest_of_something_else(
    folder: Path, change: dict[str, list[object] | None], text: str
) -> None:
    path = folder / "sealed" / "manifest.parquet"
    columns = {**pq.read_table(path).to_pydict(), **change}
    pq.write_table(pa.table({n: v for n, v in columns.items() if v is not None}), path)
    assert text in refused(folder)
