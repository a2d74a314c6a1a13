"""Data sets of the package datasets: in memory, and as save_to_disk leaves them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from arrow_helpers import LABELS, NAMES, PIXELS, named, refused, table, write
from PIL import Image

from radiotracer.data import open_data
from radiotracer.data.encoded import Part
from radiotracer.data.hugging_face import from_hugging_face
from radiotracer.data.roles import Roles
from radiotracer.errors import DataError

datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()


def whole(**more: Any) -> Any:
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
        | {name: datasets.Value("string") for name in more}
    )
    given = {"image": [Image.fromarray(each) for each in PIXELS], "label": LABELS}
    return datasets.Dataset.from_dict(given | more, features=features)


def test_a_data_set_in_memory() -> None:
    data = whole().with_format("torch", columns=["label"])
    state = random.getstate()
    found = open_data(data)
    np.testing.assert_array_equal(found.content, PIXELS)
    assert found.labels.tolist() == LABELS and found.class_names == tuple(NAMES)
    assert found.ids[[0, 8]].tolist() == ["00000", "00008"] and found.validation is None
    assert data.format["type"] == "torch" and random.getstate() == state


def test_shuffled_and_filtered() -> None:
    data = whole(id=[f"photo {row}" for row in range(9)]).shuffle(seed=3).select(range(2, 8))
    found = open_data(data)
    rows = [int(each.removeprefix("photo ")) for each in found.ids]
    assert rows != sorted(rows) and len(rows) == 6
    np.testing.assert_array_equal(found.content, PIXELS[rows])
    assert found.labels.tolist() == [LABELS[row] for row in rows]


def test_a_dictionary_has_splits() -> None:
    both = datasets.DatasetDict(
        train=whole().select(range(6)), validation=whole().select([8, 7]), extra=whole()
    )
    train, test = open_data(both), from_hugging_face(both, split="validation")
    assert (len(train), len(test)) == (6, 2) and test.ids.tolist() == ["val/00000", "val/00001"]
    np.testing.assert_array_equal(test.content, PIXELS[[8, 7]])
    for data, split in ((whole(), "test"), (datasets.DatasetDict(extra=whole()), None)):
        with pytest.raises(DataError, match=f"a {split or 'train'} split in the data in memory"):
            from_hugging_face(data, split=split)


def test_encoded_images_are_not_copied(tmp_path: Path) -> None:
    from radiotracer.data import hugging_face

    whole().save_to_disk(tmp_path / "disk")
    mapped = datasets.load_from_disk(tmp_path / "disk")
    before = pa.total_allocated_bytes()
    items = hugging_face._items(mapped, Roles("images", "image", "label"))
    assert pa.total_allocated_bytes() - before < 1000 < sum(each.nbytes for each in items)


def test_what_is_no_data_set() -> None:
    for data in (3, whole().to_iterable_dataset(), [whole()], Part(Path("x"), 0, 1)):
        with pytest.raises(DataError, match=r"a DATA argument, a pair \(examples, labels\)"):
            open_data(data)
    with pytest.raises(DataError, match=r"beside the labels in the data in memory"):
        open_data(whole().remove_columns("image"))


def test_paths_are_not_followed(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0]).save(tmp_path / "secret.png")
    data = datasets.Dataset.from_dict(
        {"image": [str(tmp_path / "secret.png")], "label": [0]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")}),
    )
    with pytest.raises(DataError, match="there are no bytes of it"):
        open_data(data)


def test_caches_beside_a_saved_data_set_are_no_part_of_it(tmp_path: Path) -> None:
    home = tmp_path / "disk"
    whole().save_to_disk(home, num_shards=2)
    data = datasets.load_from_disk(home)
    data.shuffle(seed=1, indices_cache_file_name=str(home / "cache-1.arrow"))
    data.map(lambda row: row, cache_file_name=str(home / "cache-2.arrow"))
    assert len(list(home.glob("*.arrow"))) == 4
    found = open_data(str(home))
    np.testing.assert_array_equal(found.content, PIXELS)
    (home / "data-00001-of-00002.arrow").unlink()
    assert "names; got no data-00001-of-00002.arrow" in refused(home)


def test_what_is_saved_shuffled_is_read_shuffled(tmp_path: Path) -> None:
    data = whole().shuffle(seed=5).filter(lambda row: row["label"] < 2)
    data.save_to_disk(tmp_path / "disk")
    assert open_data(str(tmp_path / "disk")).labels.tolist() == data["label"][:]


def legacy(home: Path, indices: Any) -> Path:
    """As early versions wrote shuffled data: all rows, and a table that says which are meant."""
    write(named(table()), home / "dataset.arrow")
    write(pa.table({"indices": indices}), home / "indices.arrow")
    state = {
        "_data_files": [{"filename": "dataset.arrow"}],
        "_indices_data_files": [{"filename": "indices.arrow"}],
    }
    (home / "state.json").write_text(json.dumps(state))
    return home


def test_indices_in_a_file_of_their_own(tmp_path: Path) -> None:
    found = open_data(str(legacy(tmp_path / "old", pa.array([7, 2, 3], pa.uint64()))))
    np.testing.assert_array_equal(found.content, PIXELS[[7, 2, 3]])
    assert found.labels.tolist() == [LABELS[row] for row in (7, 2, 3)]
    assert found.ids.tolist() == ["dataset/00007", "dataset/00002", "dataset/00003"]


@pytest.mark.parametrize(
    ("indices", "says"),
    [
        ([9], "rows beyond the 9 that there are"),
        ([-1], "rows beyond the 9"),
        (pa.array([2**64 - 1], pa.uint64()), "rows beyond the 9"),
        (["a"], "no column of indices alone"),
        ([None, 1], "indices that are missing"),
        ([1, 1], "unique ids; got 1 repeated"),
    ],
)
def test_indices_that_lie(indices: Any, says: str, tmp_path: Path) -> None:
    assert says in refused(legacy(tmp_path / "old", indices))


@pytest.mark.parametrize(
    "state",
    [
        "[",
        "[]",
        "[" * 100_000,
        '{"_data_files": 3}',
        '{"_data_files": [{"filename": "../x.arrow"}]}',
        '{"_data_files": [{"filename": "/etc/passwd"}]}',
        '{"_data_files": [{"filename": ""}]}',
        '{"_data_files": [{"filename": "a\\u0000"}]}',
        '{"_data_files": [3]}',
    ],
)
def test_states_that_lie(state: str, tmp_path: Path) -> None:
    write(named(table()), tmp_path / "disk" / "dataset.arrow")
    (tmp_path / "disk" / "state.json").write_text(state)
    assert "what Hugging Face's save_to_disk writes" in refused(tmp_path / "disk")


def test_a_saved_dictionary_with_other_splits(tmp_path: Path) -> None:
    both = datasets.DatasetDict(train=whole(), unsupervised=whole(), test=whole().select([1]))
    both.save_to_disk(tmp_path / "both")
    found = open_data(str(tmp_path / "both"))
    assert len(found) == 9 and found.left_out[0].path == "unsupervised"
    assert len(open_data(f"{tmp_path / 'both'}:test")) == 1
