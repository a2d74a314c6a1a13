from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiotracer.data import open_data
from radiotracer.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def write(path: Path, **arrays: object) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return str(path)


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y")])
def test_plain_archive(tmp_path: Path, names: tuple[str, str]) -> None:
    path = write(tmp_path / "a.npz", **{names[0]: IMAGES, names[1]: LABELS.astype(np.uint8)})
    found = open_data(path)
    assert found.content.shape == (6, 4, 5, 1) and found.labels.dtype == np.int64
    assert found.ids.tolist()[:2] == ["00000", "00001"]
    assert found.class_names == ("0", "1", "2") and found.validation is None
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
    assert train.validation == f"{path}:test" and test.validation is None
    assert train.class_names == ("0", "4") and test.class_names == ("0", "1", "2", "4")
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


@pytest.mark.parametrize("shift", [-1, 1, 2**40])
def test_classes_are_the_labels_that_occur(tmp_path: Path, shift: int) -> None:
    found = open_data(write(tmp_path / "a.npz", images=IMAGES, labels=LABELS + shift))
    assert found.class_names == tuple(str(each + shift) for each in range(3))
    assert found.labels.tolist() == LABELS.tolist()
    assert ("-1 is taken for a class" in "".join(found.notes)) == (shift == -1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES / 255 + np.inf}, "finite pixels in .* got infinite ones"),
        ({"images": IMAGES.astype(np.int32) - 1}, "pixels from 0 to 65,535 in .* got -1 to"),
        ({"images": IMAGES.astype("M8[s]")}, r"got datetime64\[s\] of shape \(6, 4, 5\)"),
        ({"images": IMAGES[:, :2, :, None].repeat(5, 3)}, r"shape \(6, 2, 5, 5\)"),
        ({"labels": LABELS[:5]}, "one label and one id for each of 6 examples"),
        ({"labels": LABELS * 0.5 + np.arange(6)}, "a regression"),
        ({"labels": np.eye(6, dtype=int)}, "one-hot"),
        ({"class_names": np.array(["one"])}, "labels from 0 to 0 .* got 1; repair"),
        ({"class_names": np.array([1, 2, 3])}, "class_names of text"),
        ({"ids": np.array(list("aabcde"))}, "unique ids"),
        ({"ids": np.array(["\ud800", *"abcde"])}, "UTF-8 cannot hold"),
        ({"ids": LABELS * 1.5}, "ids of text"),
        ({"ids": np.array([{}] * 6, dtype=object)}, "unpickling them could run code"),
        ({"labels": LABELS.astype(object)}, "unpickling them could run code"),
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
    with pytest.raises(DataError, match=r"images and labels .* got arrays called pictures"):
        open_data(f"{path}:test")


def test_pickles_and_single_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.npz").write_bytes(pickle.dumps({"images": 1}))
    with pytest.raises(DataError, match="File is not a zip file"):
        open_data(str(tmp_path / "p.npz"))
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(DataError, match=r"arrays called images and labels \(or x and y\) in"):
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
    np.testing.assert_array_equal(found.content[..., 0], IMAGES)
    np.testing.assert_array_equal(found.labels, LABELS)
