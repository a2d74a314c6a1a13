from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiotracer.data import Examples, Quarantined, open_data, save_examples
from radiotracer.data.npz import read_arrays
from radiotracer.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def write(path: Path, **arrays: object) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return str(path)


@st.composite
def examples(draw: st.DrawFn) -> Examples:
    text = st.text(
        st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8
    )
    n = draw(st.integers(1, 5))
    channels = draw(st.sampled_from([1, 3]))
    names = tuple(draw(st.lists(text, min_size=1, max_size=4)))
    seed = draw(st.integers(0, 2**32))
    return Examples(
        images=np.random.default_rng(seed).integers(0, 256, (n, 2, 3, channels), dtype=np.uint8),
        labels=np.array(
            draw(st.lists(st.integers(0, len(names) - 1), min_size=n, max_size=n)), dtype=np.int64
        ),
        ids=np.array(draw(st.lists(text, min_size=n, max_size=n, unique=True)), dtype=np.str_),
        class_names=names,
        source="test",
        queries=draw(st.none() | text),
        quarantined=tuple(Quarantined(a, b) for a, b in draw(st.lists(st.tuples(text, text)))),
    )


@given(given_examples=examples())
@settings(max_examples=60)
def test_saved_and_opened_again_is_equal(
    given_examples: Examples, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    save_examples(given_examples, folder, name="n", provenance={"seed": 3})
    found = open_data(str(folder))
    np.testing.assert_array_equal(found.images, given_examples.images)
    np.testing.assert_array_equal(found.labels, given_examples.labels)
    np.testing.assert_array_equal(found.ids, given_examples.ids)
    assert found.class_names == given_examples.class_names
    assert found.queries == given_examples.queries
    assert found.quarantined == given_examples.quarantined
    assert found.digest == given_examples.digest
    assert found.source == str(folder)
    description = json.loads((folder / "data.json").read_text())
    assert description["provenance"] == {"seed": 3} and description["name"] == "n"


@given(before=examples(), data=st.data())
@settings(max_examples=60)
def test_the_digest_changes_with_content_label_id_and_order_only(
    before: Examples, data: st.DataObject
) -> None:
    same = dataclasses.replace(
        before, images=before.images.copy(), source="elsewhere", queries="x", quarantined=()
    )
    assert same.digest == before.digest
    row = data.draw(st.integers(0, len(before) - 1))
    images = before.images.copy()
    images[row, 0, 0, 0] ^= 1
    labels = before.labels.copy()
    labels[row] += 1
    ids = before.ids.astype(object)
    ids[row] = "another, longer than the others"
    changed = [
        dataclasses.replace(before, images=images),
        dataclasses.replace(before, images=before.images.transpose(0, 2, 1, 3)),
        dataclasses.replace(before, labels=labels, class_names=(*before.class_names, "more")),
        dataclasses.replace(before, ids=ids.astype(str)),
    ]
    if len(before) > 1:
        changed.append(before.take(np.roll(np.arange(len(before)), 1)))
        changed.append(before.take(np.arange(len(before) - 1)))
    assert before.digest not in {each.digest for each in changed}


def test_a_digest_cannot_be_forged_by_a_line_break_in_an_id() -> None:
    one = Examples(IMAGES[:2, ..., None], LABELS[:2], np.array(["a", "b"]), ("x", "y"), "s")
    for name in (f"a\n{one.digests[1]} 1 b", f"a'\n{one.digests[1]} 1 'b"):
        forged = Examples(IMAGES[:1, ..., None], LABELS[:1], np.array([name]), ("x", "y"), "s")
        assert forged.digest != one.digest


def test_saving_over_an_edited_archive_is_noticed(tmp_path: Path) -> None:
    original = open_data(write(tmp_path / "a.npz", images=IMAGES, labels=LABELS))
    save_examples(original, tmp_path)
    arrays = read_arrays(tmp_path / "examples.npz")
    arrays["labels"][3] = 2
    write(tmp_path / "examples.npz", **arrays)
    with pytest.raises(DataError, match="edited after it was written"):
        open_data(str(tmp_path))


def test_saved_class_names_are_vouched_for(tmp_path: Path) -> None:
    save_examples(open_data(write(tmp_path / "a.npz", images=IMAGES, labels=LABELS)), tmp_path)
    arrays = read_arrays(tmp_path / "examples.npz")
    arrays["class_names"] = np.array(["2", "1", "0"])
    write(tmp_path / "examples.npz", **arrays)
    with pytest.raises(DataError, match="edited after it was written"):
        open_data(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "[" * 100_000, '{"format": 2}', '{"format": 1}', '{"format": 1, "queries": 3}'],
)
def test_a_spoilt_description(tmp_path: Path, text: str) -> None:
    save_examples(open_data(write(tmp_path / "a.npz", images=IMAGES, labels=LABELS)), tmp_path)
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(DataError, match=r"data\.json"):
        open_data(str(tmp_path))


def test_a_saved_folder_has_no_splits(tmp_path: Path) -> None:
    save_examples(open_data(write(tmp_path / "a.npz", images=IMAGES, labels=LABELS)), tmp_path)
    with pytest.raises(DataError, match="expected a test split"):
        open_data(f"{tmp_path}:test")


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y")])
def test_plain_archive(tmp_path: Path, names: tuple[str, str]) -> None:
    path = write(tmp_path / "a.npz", **{names[0]: IMAGES, names[1]: LABELS.astype(np.uint8)})
    found = open_data(path)
    assert found.images.shape == (6, 4, 5, 1) and found.labels.dtype == np.int64
    assert found.ids.tolist()[:2] == ["00000", "00001"]
    assert found.class_names == ("0", "1", "2") and found.queries is None
    assert found.source == path


def test_archive_with_splits(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.npz",
        x_train=np.zeros((2, 4, 4, 3), np.uint8),
        y_train=np.array([[0], [4]]),
        x_test=IMAGES[:3, :, :4, None].repeat(3, axis=3),
        y_test=LABELS[:3],
    )
    train, test = open_data(path), open_data(f"{path}:test")
    assert train.queries == f"{path}:test" and test.queries is None
    assert train.class_names == test.class_names == ("0", "1", "2", "3", "4")
    assert train.ids[1] == "train/00001" and test.ids[1] == "test/00001"
    assert open_data(test.source).digest == test.digest


def test_given_ids_and_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.npz",
        images=IMAGES,
        labels=LABELS,
        ids=np.array(list("abcdef")),
        class_names=np.array(["cat", "dog", "é\n"]),
    )
    assert open_data(path).ids.tolist() == list("abcdef")
    assert open_data(path).class_names == ("cat", "dog", "é\n")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES / 255}, r"uint8 images .* got float64; convert them to uint8"),
        ({"images": IMAGES.astype(np.int32)}, "got int32; convert them to uint8"),
        ({"images": IMAGES.reshape(6, 20)}, r"got shape \(6, 20\)"),
        ({"images": IMAGES[..., None].repeat(4, 3)}, r"shape \(6, 4, 5, 4\)"),
        ({"labels": LABELS[:5]}, "one label and one id for each of 6 images"),
        ({"labels": LABELS * 1.0}, "integer labels"),
        ({"labels": np.eye(6, dtype=int)}, "integer labels"),
        ({"labels": LABELS - 1}, r"2 outside them, first -1 at 00000"),
        ({"labels": LABELS + 2**40}, "class numbers below 65536"),
        ({"labels": LABELS.astype(np.uint64) + np.uint64(2**63)}, "class numbers below 65536"),
        ({"class_names": np.array(["one"])}, "labels from 0 to 0; got 4 outside"),
        ({"class_names": np.array([1, 2, 3])}, "class_names of text"),
        ({"ids": np.array(list("aabcde"))}, "unique ids"),
        ({"ids": np.array(["\ud800", *"abcde"])}, "UTF-8 cannot hold"),
        ({"ids": LABELS * 1.5}, "ids of text"),
        ({"ids": np.array([{}] * 6, dtype=object)}, "unpickling it could run code"),
        ({"labels": LABELS.astype(object)}, "unpickling it could run code"),
    ],
)
def test_unusable_arrays(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    path = write(tmp_path / "a.npz", **{"images": IMAGES, "labels": LABELS, **arrays})
    with pytest.raises(DataError, match=message):
        open_data(path)


def test_other_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", pictures=IMAGES, labels=LABELS)
    with pytest.raises(DataError, match=r"images and labels .* got arrays called pictures, labels"):
        open_data(path)
    with pytest.raises(DataError, match="x_test and y_test"):
        open_data(f"{path}:test")


def test_pickles_and_single_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.npz").write_bytes(pickle.dumps({"images": 1}))
    with pytest.raises(DataError, match="unpickling it could run code"):
        open_data(str(tmp_path / "p.npz"))
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(DataError, match="single array"):
        open_data(str(tmp_path / "a.npy"))


@given(at=st.integers(0, 10**6), bits=st.integers(1, 255), cut=st.booleans())
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_archive_is_a_data_error_or_still_whole(
    at: int, bits: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(Path(write(folder / "a.npz", images=IMAGES, labels=LABELS)).read_bytes())
    at %= len(content)
    if cut:
        del content[at:]
    else:
        content[at] ^= bits
    (folder / "a.npz").write_bytes(content)
    try:
        found = open_data(str(folder / "a.npz"))
    except DataError:
        return
    np.testing.assert_array_equal(found.images[..., 0], IMAGES)
    np.testing.assert_array_equal(found.labels, LABELS)
