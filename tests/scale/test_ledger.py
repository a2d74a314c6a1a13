"""What is kept of a unit: whole, vouched for, and for one work only."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radiotracer.errors import InputError, StorageError
from radiotracer.scale import FolderLedger, Ledger, MemoryLedger, Result, result_of

PLACES: dict[str, Callable[[Path], Ledger]] = {
    "memory": lambda _: MemoryLedger(),
    "disk": lambda path: FolderLedger(path / "units"),
    "fsspec": lambda _: FolderLedger(f"memory://{uuid.uuid4()}/units"),
}

arrays = st.dictionaries(
    st.text("abc/", min_size=1, max_size=4),
    hnp.arrays(
        st.sampled_from([np.dtype(d) for d in ("f8", "f4", "i8", "u1", "bool")]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    max_size=4,
)


@pytest.mark.parametrize("kind", PLACES)
@settings(max_examples=20)
@given(found=arrays)
def test_what_is_read_is_what_was_written(
    kind: str, found: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    ledger = PLACES[kind](tmp_path_factory.mktemp("place"))
    assert ledger.state("u-1") == "missing" and ledger.read("u-1") is None
    ledger.write("u-1", Result(found, {"seconds": {"loss": 0.5}}))
    assert ledger.state("u-1") == "finished" and ledger.state("u-2") == "missing"
    read = result_of(ledger, "u-1")
    assert read.facts == {"seconds": {"loss": 0.5}} and read.arrays.keys() == found.keys()
    for name, array in found.items():
        assert read.arrays[name].dtype == array.dtype and read.arrays[name].shape == array.shape
        np.testing.assert_array_equal(read.arrays[name], array)


@pytest.mark.parametrize("kind", ["disk", "fsspec"])
def test_another_work_is_refused_with_what_differs(kind: str, tmp_path: Path) -> None:
    ledger = PLACES[kind](tmp_path)
    assert isinstance(ledger, FolderLedger)
    ledger.begin({"batch size": 512, "run": "a" * 64})
    ledger.begin({"run": "a" * 64, "batch size": 512})  # the order plays no part
    ledger.write("u", Result({}))
    with pytest.raises(InputError, match=r"batch size: 256, begun with 512; do|batch size: 256"):
        ledger.begin({"batch size": 256, "run": "a" * 64})
    assert ledger.state("u") == "finished"
    again = FolderLedger(ledger.place.folder, replace=True)
    again.begin({"batch size": 512, "run": "a" * 64})
    assert again.state("u") == "finished"  # the same work goes on
    again.begin({"batch size": 256, "run": "a" * 64})
    assert again.state("u") == "missing"


def test_damage_is_seen(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    whole = {"x": np.arange(100.0)}
    for spoil in ("flip", "cut", "gone", "vouched", "nothing"):
        ledger.write("u", Result(whole))
        file, vouched = tmp_path / "units" / "u.safetensors", tmp_path / "units" / "u.json"
        content = file.read_bytes()
        if spoil == "flip":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        elif spoil == "cut":
            file.write_bytes(content[:50])
        elif spoil == "gone":
            file.unlink()
        elif spoil == "vouched":
            vouched.write_text('{"sha256": 1}')
        else:
            vouched.write_text("")
        assert ledger.state("u") == "damaged" and ledger.read("u") is None
        with pytest.raises(InputError, match="expected the result of u, which was finished"):
            result_of(ledger, "u")


def test_only_what_is_ours_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    ledger = FolderLedger(folder)
    ledger.begin({})
    ledger.write("u", Result({}))
    (folder / "thesis.txt").write_text("mine")
    ledger.remove()
    assert [each.name for each in folder.iterdir()] == ["thesis.txt"]
    (folder / "thesis.txt").unlink()
    ledger.write("u", Result({}))
    ledger.remove()
    assert not folder.exists()
    ledger.remove()


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="a part of the path is a file"):
        FolderLedger(tmp_path / "file" / "units").write("u", Result({}))
    with pytest.raises((StorageError, InputError), match="nowhere"):
        FolderLedger("nowhere://units").write("u", Result({}))
