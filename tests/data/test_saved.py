"""Folders that radiotracer wrote: whole, vouched for, and read as they are needed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiotracer.data import IMAGES, Dataset, LeftOut, open_data, save_examples
from radiotracer.data.modalities.images import to_inputs
from radiotracer.data.npy import NpyWriter, map_npy
from radiotracer.data.npz import read_arrays
from radiotracer.data.saved import FORMAT
from radiotracer.errors import DataError

N = 6
EXAMPLES = Dataset(
    modality=IMAGES,
    content=np.random.default_rng(0).integers(0, 256, (N, 4, 5, 1), dtype=np.uint8),
    labels=np.array([0, 1, 2, 0, 1, 2]),
    ids=np.array([f"e{row}" for row in range(N)]),
    class_names=("x", "y", "z"),
    source="test",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_examples(EXAMPLES, tmp_path)
    return tmp_path


@st.composite
def examples(draw: st.DrawFn) -> Dataset:
    text = st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8
    )
    n = draw(st.integers(1, 5))
    channels = draw(st.sampled_from([1, 3]))
    names = tuple(draw(st.lists(text, min_size=1, max_size=4)))
    seed = draw(st.integers(0, 2**32))
    return Dataset(
        modality=IMAGES,
        content=np.random.default_rng(seed).integers(0, 256, (n, 2, 3, channels), dtype=np.uint8),
        labels=np.array(
            draw(st.lists(st.integers(0, len(names) - 1), min_size=n, max_size=n)), dtype=np.int64
        ),
        ids=np.array(draw(st.lists(text, min_size=n, max_size=n, unique=True)), dtype=np.str_),
        class_names=names,
        source="test",
        validation=draw(st.none() | text),
        left_out=tuple(LeftOut(a, b) for a, b in draw(st.lists(st.tuples(text, text)))),
    )


@given(given_examples=examples())
@settings(max_examples=60)
def test_saved_and_opened_again_is_equal(
    given_examples: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    save_examples(given_examples, folder, name="n", provenance={"seed": 3})
    found = open_data(str(folder))
    np.testing.assert_array_equal(found.content, given_examples.content)
    np.testing.assert_array_equal(found.labels, given_examples.labels)
    np.testing.assert_array_equal(found.ids, given_examples.ids)
    assert found.class_names == given_examples.class_names
    assert found.validation == given_examples.validation
    assert found.left_out == given_examples.left_out
    assert found.digest == given_examples.digest
    assert found.source == str(folder)
    description = json.loads((folder / "data.json").read_text())
    assert description["provenance"] == {"seed": 3} and description["name"] == "n"


@given(before=examples(), data=st.data())
@settings(max_examples=60)
def test_the_digest_changes_with_content_label_id_and_order_only(
    before: Dataset, data: st.DataObject
) -> None:
    same = dataclasses.replace(
        before, content=before.content.copy(), source="elsewhere", validation="x", left_out=()
    )
    assert same.digest == before.digest
    row = data.draw(st.integers(0, len(before) - 1))
    images = before.content.copy()
    images[row, 0, 0, 0] ^= 1
    labels = before.labels.copy()
    labels[row] += 1
    ids = before.ids.astype(object)
    ids[row] = "another, longer than the others"
    changed = [
        dataclasses.replace(before, content=images),
        dataclasses.replace(before, content=before.content.transpose(0, 2, 1, 3)),
        dataclasses.replace(before, labels=labels, class_names=(*before.class_names, "more")),
        dataclasses.replace(before, ids=ids.astype(str)),
    ]
    if len(before) > 1:
        changed.append(before.take(np.roll(np.arange(len(before)), 1)))
        changed.append(before.take(np.arange(len(before) - 1)))
    assert before.digest not in {each.digest for each in changed}


def test_a_digest_cannot_be_forged_by_a_line_break_in_an_id() -> None:
    one = Dataset(
        IMAGES, EXAMPLES.content[:2], EXAMPLES.labels[:2], np.array(["a", "b"]), ("x", "y"), "s"
    )
    for name in (f"a\n{one.digests[1]} 1 b", f"a'\n{one.digests[1]} 1 'b"):
        forged = dataclasses.replace(EXAMPLES.take([0]), ids=np.array([name]))
        assert forged.digest != one.digest


def test_the_digest_is_over_these_lines() -> None:
    """Written out once more, as runs and releases of every version have it."""
    header = np.array([4, 5, 1], dtype=">u4").tobytes()
    digests = [hashlib.sha256(header + image.tobytes()).hexdigest() for image in EXAMPLES.content]
    assert EXAMPLES.digests.tolist() == digests and EXAMPLES.digests.dtype.kind == "U"
    lines = [
        f"{digest} {label} {name!a}\n"
        for digest, label, name in zip(
            digests, EXAMPLES.labels.tolist(), EXAMPLES.ids.tolist(), strict=True
        )
    ]
    assert EXAMPLES.digest == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_pixels_and_ids_are_read_only_maps(folder: Path) -> None:
    found = open_data(str(folder))
    for array in (found.content, found.ids):
        assert type(array) is np.ndarray and isinstance(array.base, np.memmap)
        assert not array.flags.writeable
    some = found.take([1, 2])
    assert some.content.flags.writeable and some.content.flags.owndata
    # torch warns, which is an error here, about arrays that it may not write to.
    assert to_inputs(found.content).shape == (N, 1, 4, 5)


def test_a_folder_can_be_saved_over_itself(folder: Path) -> None:
    found = open_data(str(folder))
    save_examples(found.take([3, 1]), folder)
    assert found.content.tolist() == EXAMPLES.content.tolist()
    assert open_data(str(folder)).ids.tolist() == ["e3", "e1"]


def test_no_examples_and_arrays_in_another_order(tmp_path: Path) -> None:
    turned = dataclasses.replace(EXAMPLES, content=EXAMPLES.content.transpose(0, 2, 1, 3))
    for examples in (EXAMPLES.take([]), turned, turned.take([1])):
        save_examples(examples, tmp_path)
        assert open_data(str(tmp_path)).digest == examples.digest


def edit_pixels(folder: Path) -> None:
    images = np.load(folder / "images.npy")
    images[3, 1, 1, 0] ^= 1
    np.save(folder / "images.npy", images)


def edit_ids(folder: Path) -> None:
    ids = np.load(folder / "ids.npy")
    ids[3] = "f3"
    np.save(folder / "ids.npy", ids)


def edit_labels(folder: Path) -> None:
    edit_archive(folder, labels=EXAMPLES.labels[::-1].copy())


def edit_names(folder: Path) -> None:
    edit_archive(folder, class_names=np.array(["z", "y", "x"]))


def number_names(folder: Path) -> None:
    edit_archive(folder, class_names=np.array([1, 2, 3]))
    description = json.loads((folder / "data.json").read_text())
    (folder / "data.json").write_text(json.dumps({**description, "class_names": [1, 2, 3]}))


def drop_labels(folder: Path) -> None:
    arrays = read_arrays(folder / "examples.npz")
    np.savez(folder / "examples.npz", class_names=arrays["class_names"])


def edit_archive(folder: Path, **arrays: np.ndarray) -> None:
    kept = read_arrays(folder / "examples.npz")
    np.savez(folder / "examples.npz", **{**kept, **arrays})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "edit", [edit_pixels, edit_ids, edit_labels, edit_names, number_names, drop_labels]
)
def test_what_was_edited_is_refused(folder: Path, edit: Callable[[Path], None]) -> None:
    edit(folder)
    with pytest.raises(DataError, match="edited after it was written; make the folder anew"):
        open_data(str(folder))


@pytest.mark.parametrize("name", ["images.npy", "ids.npy", "examples.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "objects", "archive", "other"])
def test_damaged_files(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if damage == "objects":
        with path.open("wb") as stream:
            np.save(stream, np.array([{}], dtype=object))
    elif damage == "archive":
        with path.open("wb") as stream:
            np.savez(stream, a=np.zeros(3))
    elif damage != "missing":
        kept = {"empty": b"", "half": content[: len(content) // 2], "other": b'{"a": [1]}'}
        path.write_bytes(kept[damage])
    with pytest.raises(DataError) as caught:
        open_data(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("images", np.uint8(3), r"uint8 images of shape \(n, height, width, 1 or 3\)"),
        ("images", EXAMPLES.content[0], "uint8 images of shape"),
        ("images", EXAMPLES.content / 255, "got float64"),
        ("images", EXAMPLES.content[:3], "one label and one id for each of 3 images"),
        ("ids", np.array("e"), "one label and one id"),
        ("ids", EXAMPLES.ids[:, None], "one label and one id"),
        ("ids", np.arange(N), "text ids"),
        ("ids", EXAMPLES.ids[[0, 1, 2, 3, 4, 4]], "unique ids; got 1 repeated"),
    ],
)
def test_arrays_that_are_no_examples(
    folder: Path, name: str, array: np.ndarray, message: str
) -> None:
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(DataError, match=message):
        open_data(str(folder))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 100_000),
        '{"format": 3}',
        '{"format": 2}',
        '{"format": 2, "queries": 3}',
    ],
    ids=range(7),
)
def test_a_spoilt_description(folder: Path, text: str) -> None:
    (folder / "data.json").write_text(text)
    with pytest.raises(DataError, match=r"data\.json"):
        open_data(str(folder))


def test_folders_of_format_1_are_refused_by_name(folder: Path) -> None:
    description = json.loads((folder / "data.json").read_text())
    assert description["format"] == FORMAT == 3 and description["modality"] == "images"
    (folder / "data.json").write_text(json.dumps({**description, "format": 1}))
    (folder / "images.npy").unlink()
    with pytest.raises(DataError, match="got format 1; make the folder anew, or use the version"):
        open_data(str(folder))


def test_a_saved_folder_has_no_splits(folder: Path) -> None:
    with pytest.raises(DataError, match="expected a test split"):
        open_data(f"{folder}:test")


def test_a_file_that_was_not_finished_has_no_rows(tmp_path: Path) -> None:
    """Its header says how many there are only in the end."""
    with (
        pytest.raises(KeyError),
        NpyWriter(tmp_path / "a.npy", np.dtype(np.uint8), (2,)) as writer,
    ):
        writer.append(np.ones((3, 2), dtype=np.uint8))
        raise KeyError
    assert map_npy(tmp_path / "a.npy").shape == (0, 2)
    with NpyWriter(tmp_path / "b.npy", np.dtype(np.uint8), (2,)) as writer:
        writer.append(np.ones((3, 2), dtype=np.uint8))
        writer.append(np.zeros((100_000, 2), dtype=np.uint8))
    assert map_npy(tmp_path / "b.npy").shape == (100_003, 2)
    assert map_npy(tmp_path / "b.npy").sum() == 6
