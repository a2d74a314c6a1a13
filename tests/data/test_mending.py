"""Classes merged and dropped: names and numbers fit, in every form of data, and again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from radiotracer.data import TEXTS, Dataset, open_data, save_examples, store_data
from radiotracer.data.mending import mended, without_emptied
from radiotracer.errors import DataError

NAMES = ("Cat", "bird", "cat", "cat ", "a=b")


def data(names: tuple[str, ...] = NAMES, n: int = 15) -> Dataset:
    return Dataset(
        modality=TEXTS,
        content=[f"text {row}" for row in range(n)],
        labels=np.arange(n, dtype=np.int64) % len(names),
        ids=np.array([f"{row}" for row in range(n)]),
        class_names=names,
        source="/x.csv",
    )


def named(found: Dataset) -> dict[str, str]:
    """The name of each example's class, by id."""
    names = (found.class_names[label] for label in found.labels)
    return dict(zip(found.ids.tolist(), names, strict=True))


@given(
    goes=st.dictionaries(st.sampled_from(NAMES[:4]), st.sampled_from([*NAMES[:4], "new"])),
    gone=st.sets(st.sampled_from(NAMES)),
)
def test_names_and_numbers_fit(goes: dict[str, str], gone: set[str]) -> None:
    before = data()

    def end(name: str) -> str | None:
        seen = {name}
        while name in goes:
            name = goes[name]
            if name in seen:
                return None
            seen.add(name)
        return name

    ends = {name: end(name) for name in NAMES}
    good = None not in ends.values() and not gone & {*goes, *goes.values()} and gone != set(NAMES)
    merge = [f"{name}={into}" for name, into in goes.items()]
    if not good:
        with pytest.raises(DataError):
            mended(before, merge, sorted(gone))
        return
    after = mended(before, merge, sorted(gone))
    was = named(before)
    assert named(after) == {id: ends[name] for id, name in was.items() if name not in gone}
    assert set(after.class_names) == {ends[name] for name in NAMES if name not in gone}
    assert len(set(after.class_names)) == len(after.class_names)
    # Classes that stay what they are keep their order.
    stay = [name for name in NAMES if name not in gone and name not in goes]
    assert [name for name in after.class_names if name in stay] == stay
    # The recorded options make the same of the same data.
    again = mended(before, **after.options)
    assert again.digest == after.digest and again.class_names == after.class_names


@pytest.mark.parametrize(
    ("merge", "drop", "words"),
    [
        (
            ["Cot=cat"],
            [],
            "with FROM a class (Cat, bird, cat, cat , a=b); got 'Cot=cat', where none begins so;",
        ),
        (["Cat"], [], "got 'Cat', where none"),
        (["Cat="], [], "got 'Cat=', where none"),
        (["Cat=cat", "Cat=bird"], [], "one class to merge 'Cat' into; got 'cat' and 'bird'"),
        (["Cat=Cat"], [], "without a circle"),
        (["Cat=cat", "cat=Cat"], [], "without a circle"),
        ([], ["dog"], "drop_class= with a class (Cat, bird"),
        (["Cat=cat"], ["cat"], "either merged or dropped; got 'cat'"),
        ([], list(NAMES), "an example left"),
    ],
)
def test_what_cannot_be(merge: list[str], drop: list[str], words: str) -> None:
    with pytest.raises(DataError) as error:
        mended(data(), merge, drop)
    assert words in str(error.value)


def test_an_equals_sign_in_a_name() -> None:
    assert "a=b" not in mended(data(), ["a=b=cat"]).class_names
    assert mended(data(), ["cat =x=y"]).class_names == ("Cat", "bird", "cat", "x=y", "a=b")
    with pytest.raises(DataError, match="which may mean several"):
        mended(data(("a", "a=b", "c")), ["a=b=d"])


def test_validation_data_are_mended_alike() -> None:
    train = mended(data(), ["Cat=cat", "cat=pet"], ["bird"])
    assert train.options == {"merge": ("Cat=pet", "cat=pet"), "drop_class": ("bird",)}
    other = data(("Cat", "bird", "a=b"))
    assert set(named(mended(other, like=train)).values()) == {"pet", "a=b"}
    assert mended(data(("x",)), like=train).class_names == ("x",)


@pytest.fixture(params=["csv", "parquet", "folder"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Texts of the classes Cat, cat and junk."""
    classes, n = ("Cat", "cat", "junk"), 12
    labels = [classes[row % 3] for row in range(n)]
    texts = [f"some words {row}" for row in range(n)]
    if request.param == "csv":
        lines = [f"{text},{label}" for text, label in zip(texts, labels, strict=True)]
        (tmp_path / "t.csv").write_text("\n".join(["text,label", *lines]) + "\n")
        return tmp_path / "t.csv"
    if request.param == "parquet":
        pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "t.parquet")
        return tmp_path / "t.parquet"
    for text, label in zip(texts, labels, strict=True):
        (tmp_path / "t" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / label / f"{text}.txt").write_text(text)
    return tmp_path / "t"


def test_every_form_is_mended_and_opened_again(written: Path, tmp_path: Path) -> None:
    found = open_data(written, merge=["Cat=cat"], drop_class=["junk"])
    assert found.class_names == ("cat",) and len(found) == 8
    assert sorted(found.notes) == [
        "Class 'Cat' was merged into 'cat' (4 examples).",
        "Class 'junk' was dropped (4 examples).",
    ]
    assert open_data(found.source, **found.options).digest == found.digest
    assert open_data(written, like=found).digest == found.digest
    # Saved data know it, and those that belong to them are mended alike.
    save_examples(found, tmp_path)
    saved = open_data(tmp_path)
    assert open_data(written, like=saved).digest == found.digest
    assert open_data(tmp_path, **saved.options).digest == found.digest
    stored = store_data(written, tmp_path / "stored", merge=["Cat=cat"], drop_class=["junk"])
    assert stored.digest == found.digest and stored.options == dict(found.options)


def test_images_that_are_stored_without_a_class(tmp_path: Path) -> None:
    from PIL import Image

    for label in "abc":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for row in range(3):
            pixels = np.full((4, 4), 2 * ord(label) + row, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{row}.png")
    found = store_data(tmp_path / "photos", tmp_path / "out", drop_class=["b"])
    assert len(found) == 6 and found.class_names == ("a", "c")
    assert found.digest == open_data(tmp_path / "photos", drop_class=["b"]).digest


def test_emptied_classes_go_and_those_that_were_empty_stay() -> None:
    before = dataclasses.replace(data(), class_names=(*NAMES, "never"))
    after = without_emptied(before, before.take(before.labels != 1))
    assert after.class_names == ("Cat", "cat", "cat ", "a=b", "never")
    assert named(after) == {id: name for id, name in named(before).items() if name != "bird"}


@given(names=st.lists(st.text("ab =", min_size=1, max_size=3), min_size=2, max_size=4, unique=True))
def test_names_that_hold_anything(names: list[str]) -> None:
    """A merge does what it says or is refused; nothing else."""
    before = data(tuple(names))
    try:
        after = mended(before, [f"{names[0]}={names[1]}"])
    except DataError:
        assume(False)
        return
    assert named(after) == {
        id: names[1] if name == names[0] else name for id, name in named(before).items()
    } or any("=" in name for name in names)


def test_what_systems_leave_behind_may_be_dropped_though_it_is_no_class(tmp_path: Path) -> None:
    for name in ("cat", "dog", "__MACOSX"):
        (tmp_path / "t" / name).mkdir(parents=True)
        (tmp_path / "t" / name / "a.txt").write_text(f"a text of {name}")
    found = open_data(tmp_path / "t", drop_class=["__MACOSX"])
    assert found.class_names == ("cat", "dog")
    assert found.notes == ("__MACOSX is no class: archives and systems leave it.",)
    assert [each.path for each in found.left_out] == ["__MACOSX/a.txt"]
