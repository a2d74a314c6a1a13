"""What is kept of a unit: whole, vouched for, and for one work only."""

from __future__ import annotations

import fcntl
import os
import shutil
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
from radiotracer.scale.keeping import kept
from radiotracer.scale.lock import only_one

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


def test_units_are_forgotten_one_or_all(tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    assert not ledger.has_work() and ledger.begin({"a": 1}) is False and ledger.has_work()
    for unit in ("u-2", "u-1"):
        ledger.write(unit, Result({"x": np.zeros(2)}))
    (tmp_path / "units" / "units.lock").touch()
    assert ledger.units() == ["u-1", "u-2"] and ledger.begin({"a": 1}) is True
    ledger.forget("u-1")
    ledger.forget("u-1")
    assert ledger.units() == ["u-2"] and not ledger.is_empty()
    ledger.forget()
    assert [each.name for each in (tmp_path / "units").iterdir()] == ["units.lock"]
    ledger.remove()
    assert not (tmp_path / "units").exists()


OTHER = {"batch size": 1}


def test_units_stay_where_the_work_was_stopped_or_is_another(tmp_path: Path) -> None:
    """A refusal never removes what it refuses to mix with."""
    folder, told = tmp_path / "units", list[str]()

    def work(about: dict[str, int], error: type[BaseException] | InputError | None) -> None:
        ledger = FolderLedger(folder)
        with kept(ledger, stopped=lambda: told.append("kept")):
            ledger.begin(about)
            ledger.write("u", Result({}))
            if error is not None:
                raise error

    with pytest.raises(KeyboardInterrupt):
        work({}, KeyboardInterrupt)
    assert told == ["kept"] and FolderLedger(folder).state("u") == "finished"
    with pytest.raises(InputError, match="batch size: 1, begun with null"):
        work(OTHER, None)
    assert told == ["kept"] and FolderLedger(folder).state("u") == "finished"
    with pytest.raises(StorageError):
        work({}, StorageError(expected="", came="", do=""))
    assert told == ["kept"] * 2 and FolderLedger(folder).state("u") == "finished"
    with pytest.raises(InputError, match="no such thing"):
        work({}, InputError(expected="", came="no such thing", do=""))
    assert told == ["kept"] * 2 and not folder.exists()
    work({}, None)
    assert not folder.exists()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        kept(FolderLedger(tmp_path / "units")),
        pytest.raises(InputError, match=f"in use by process {os.getpid()}; wait for it"),
        kept(FolderLedger(tmp_path / "units")),
    ):
        pass
    assert not (tmp_path / "units").exists()


def test_a_lock_whose_file_was_removed_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever held it removed it between this process's opening of it and its lock."""
    path, real, calls = tmp_path / "folder" / "a.lock", fcntl.flock, [0]

    def removed(descriptor: int, how: int) -> None:
        calls[0] += 1
        if calls[0] == 1:
            shutil.rmtree(path.parent)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", removed)
    with only_one(path, "me", lambda held: InputError(expected="", came=held, do="")):
        assert path.read_text() == "me" and calls == [2]
