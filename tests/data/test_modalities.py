"""What holds of every kind of example: one battery over all that are registered."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiotracer.data import (
    IMAGES,
    MODALITIES,
    TABLES,
    TEXTS,
    VECTORS,
    Column,
    Dataset,
    Modality,
    Table,
    identify,
    open_data,
    require_images,
    save_examples,
)
from radiotracer.data.table import fitted
from radiotracer.errors import DataError
from radiotracer.files import write_text

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def images(draw: st.DrawFn, n: int) -> Any:
    channels = draw(st.sampled_from((1, 3)))
    size = n * 2 * 3 * channels
    values = draw(st.lists(st.integers(0, 255), min_size=size, max_size=size))
    return np.array(values, dtype=np.uint8).reshape(n, 2, 3, channels)


def texts(draw: st.DrawFn, n: int) -> Any:
    return tuple(draw(st.lists(WORDS, min_size=n, max_size=n)))


def vectors(draw: st.DrawFn, n: int) -> Any:
    values = draw(st.lists(NUMBERS, min_size=3 * n, max_size=3 * n))
    return np.array(values, dtype=np.float32).reshape(n, 3)


def tables(draw: st.DrawFn, n: int) -> Any:
    categories = tuple(sorted(draw(st.sets(WORDS, min_size=1, max_size=4))))
    number = st.one_of(st.floats(allow_nan=True, allow_infinity=False), st.just(0.0))
    place = st.one_of(st.just(math.nan), st.integers(0, len(categories) - 1).map(float))
    rows = draw(st.lists(st.tuples(number, place), min_size=n, max_size=n))
    values = np.array(rows, dtype=np.float64).reshape(n, 2)
    return fitted((Column("id"), Column("colour", categories)), values)


MAKE: dict[str, Callable[[st.DrawFn, int], Any]] = {
    "images": images,
    "texts": texts,
    "tables": tables,
    "vectors": vectors,
}


@st.composite
def datasets(draw: st.DrawFn, kind: str, least: int = 1) -> Dataset:
    n = draw(st.integers(least, 6))
    return Dataset(
        modality=MODALITIES[kind],
        content=MAKE[kind](draw, n),
        labels=np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int64),
        ids=np.array([f"é/{row}" for row in range(n)]),
        class_names=("no", "ja"),
        source="memory",
    )


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
EVERY = pytest.mark.parametrize("kind", list(MODALITIES))


def test_the_battery_knows_every_kind() -> None:
    assert set(MODALITIES) == set(MAKE)


@EVERY
@QUICK
@given(data=st.data())
def test_what_is_saved_comes_back(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = data.draw(datasets(kind))
    folder = tmp_path_factory.mktemp("saved")
    save_examples(before, str(folder))
    after = open_data(folder)
    assert after.modality is before.modality and after.digest == before.digest
    assert after.class_names == before.class_names
    assert before.modality.shape(after.content) == before.modality.shape(before.content)
    left = before.modality.inputs(before.content, slice(None))
    assert (left == after.modality.inputs(after.content, slice(None))).all()  # type: ignore[union-attr]


@EVERY
@QUICK
@given(data=st.data())
def test_taking_and_putting(kind: str, data: st.DataObject) -> None:
    whole = data.draw(datasets(kind, 2))
    modality, content, n = whole.modality, whole.content, len(whole)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=5)), dtype=np.int64)
    hashes = list(modality.hashes(content))
    assert len(hashes) == n == modality.length(content) and {len(each) for each in hashes} == {32}
    taken = modality.take(content, rows)
    assert modality.length(taken) == len(rows)
    assert list(modality.hashes(taken)) == [hashes[row] for row in rows]
    swapped = modality.put(content, np.array([0, 1]), modality.take(content, np.array([1, 0])))
    assert list(modality.hashes(swapped)) == [hashes[1], hashes[0], *hashes[2:]]
    assert list(modality.hashes(content)) == hashes, "the original was changed"
    modality.require(swapped, "here")


@EVERY
@QUICK
@given(data=st.data())
def test_inputs_have_one_row_per_example(kind: str, data: st.DataObject) -> None:
    import torch

    whole = data.draw(datasets(kind))
    modality, content, n = whole.modality, whole.content, len(whole)
    every = modality.inputs(content, slice(None))
    assert isinstance(every, torch.Tensor) and len(every) == n
    assert torch.isfinite(every.float()).all()
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1)), dtype=np.int64)
    assert torch.equal(modality.inputs(content, rows), every[torch.from_numpy(rows)])  # type: ignore[arg-type]
    shape = modality.shape(content)
    assert all(isinstance(value, int | str) for value in shape.values())
    assert shape == modality.shape(modality.take(content, rows))
    if every.ndim == 2 and every.is_floating_point():
        assert every.shape == (n, shape["width"])


@EVERY
@QUICK
@given(data=st.data())
def test_what_people_and_services_are_shown(kind: str, data: st.DataObject) -> None:
    whole = data.draw(datasets(kind))
    preview = whole.show(0)
    assert (preview.picture is None) != (preview.text is None)
    sent = whole.modality.to_json(whole.content, np.array([0, 0]))
    assert len(sent) == 2 and json.loads(json.dumps(sent, allow_nan=False)) == sent
    assert sent == [whole.modality.to_json(whole.content, slice(0, 1))[0]] * 2
    assert len(repr(whole)) < 300 and whole.modality.noun in repr(whole)


@EVERY
@QUICK
@given(data=st.data())
def test_only_the_same_has_the_same_hash(kind: str, data: st.DataObject) -> None:
    whole = data.draw(datasets(kind, 2))
    first, second = list(whole.modality.hashes(whole.content))[:2]
    one, other = (whole.modality.to_json(whole.content, slice(row, row + 1)) for row in (0, 1))
    assert (first == second) == (one == other)


@EVERY
def test_content_of_another_kind_is_refused(kind: str) -> None:
    for other in (3, None, ("a", 1), np.zeros((2, 2)), np.zeros((1, 2), np.int64)):
        with pytest.raises((DataError, AttributeError, TypeError)):
            MODALITIES[kind].require(other, "here")


def some(kind: Modality, content: Any) -> Dataset:
    n = kind.length(content)
    return Dataset(kind, content, np.arange(n) % 2, np.arange(n).astype(str), ("a", "b"), "s")


def test_guards_say_which_kind() -> None:
    with pytest.raises(DataError, match="expected images for marks; got texts from s"):
        require_images(some(TEXTS, ("x", "y")), "marks")
    assert require_images(some(IMAGES, np.zeros((2, 2, 2, 1), np.uint8)), "marks").shape[0] == 2


def test_an_identity_names_the_kind() -> None:
    before, after = some(TEXTS, ("x", "y")), some(TEXTS, ("x", "z"))
    from radiotracer.data import differences

    assert differences(identify(before), identify(after)) == "1 changed text (e.g. '1')"


def table(*values: list[float], missing: bool = False) -> Table:
    columns = (Column("age", None, missing), Column("size", ("L", "M")))
    return Table(columns, np.array(values, dtype=np.float64))


def test_inputs_of_a_table() -> None:
    found = TABLES.inputs(table([1.5, 1.0], [-2.0, 0.0], missing=True), slice(None))
    assert found.tolist() == [[1.5, 0.0, 0.0, 1.0], [-2.0, 0.0, 1.0, 0.0]]
    absent = TABLES.inputs(table([math.nan, math.nan], missing=True), [0])
    assert absent.tolist() == [[0.0, 1.0, 0.0, 0.0]]
    made = fitted(table([1.0, 0.0]).columns, np.array([[2.0, 0.0], [4.0, 1.0], [math.nan, 0.0]]))
    assert made.columns[0] == Column("age", None, True, 3.0, 1.0)
    assert TABLES.inputs(made, [0, 2]).tolist() == [[-1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]
    steady = fitted((Column("x"),), np.full((3, 1), 1e300))
    assert steady.columns[0].std == 1.0
    wide = fitted((Column("x"),), np.array([[1.7e308], [-1.7e308]]))
    assert TABLES.inputs(wide, slice(None)).tolist() == [[1.0], [-1.0]]


def test_a_row_is_the_same_row_in_any_selection() -> None:
    whole = table([1.0, 1.0], [3.0, 0.0])
    part = Table((Column("age", mean=9.0), Column("size", ("M",))), np.array([[1.0, 0.0]]))
    assert list(TABLES.hashes(part)) == list(TABLES.hashes(whole))[:1]
    renamed = Table((Column("Age"), part.columns[1]), part.values)
    assert list(TABLES.hashes(renamed)) != list(TABLES.hashes(part))
    assert TABLES.shape(part) != TABLES.shape(whole)
    assert list(TABLES.hashes(table([-0.0, 1.0]))) == list(TABLES.hashes(table([0.0, 1.0])))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (table([1.0, 2.0]), "something else than one of its categories in the column size"),
        (table([1.0, 0.5]), "in the column size"),
        (table([math.inf, 0.0]), "not finite in the column age"),
        (Table((Column("a"), Column("a")), np.zeros((1, 2))), "a name twice"),
        (Table((), np.zeros((1, 0))), "no column"),
        (Table((Column("a"),), np.zeros((1, 2))), "float64 of shape (1, 2) under 1 columns"),
    ],
)
def test_tables_that_are_none(wrong: Table, says: str) -> None:
    with pytest.raises(DataError) as caught:
        some(TABLES, wrong)
    assert says in str(caught.value) and "from s" in str(caught.value)


def test_vectors_are_finite() -> None:
    with pytest.raises(DataError, match="row 1 of s"):
        some(VECTORS, np.array([[1.0], [np.nan]], dtype=np.float32))
    with pytest.raises(DataError, match="float64 of shape"):
        some(VECTORS, np.zeros((2, 3)))


def test_kept_texts_are_of_use_to_others(tmp_path: Path) -> None:
    save_examples(some(TEXTS, ("x", "ÿ")), tmp_path)
    kept = pq.read_table(tmp_path / "texts.parquet")
    assert kept.to_pydict() == {"id": ["0", "1"], "text": ["x", "ÿ"], "label": [0, 1]}
    again = open_data(tmp_path / "texts.parquet")
    assert again.class_names == ("a", "b") and again.digest == open_data(tmp_path).digest


def test_kept_texts_for_hugging_face(tmp_path: Path) -> None:
    hf = pytest.importorskip("datasets")
    hf.disable_progress_bars()
    save_examples(some(TEXTS, ("x", "y")), tmp_path)
    found = hf.Dataset.from_parquet(str(tmp_path / "texts.parquet"), cache_dir=str(tmp_path / "c"))
    assert found.features["label"].names == ["a", "b"] and found["text"][:] == ["x", "y"]
    assert open_data(found).digest == open_data(tmp_path).digest


def test_an_edited_scale_is_refused(tmp_path: Path) -> None:
    save_examples(some(TABLES, table([1.0, 1.0], [3.0, 0.0])), tmp_path)
    file = tmp_path / "rows.parquet"
    kept = pq.read_table(file)
    given = kept.schema.metadata
    about = {key: text.replace(b'std\\": 1.0', b'std\\": 2.0') for key, text in given.items()}
    assert about != kept.schema.metadata
    pq.write_table(kept.replace_schema_metadata(about), file)
    with pytest.raises(DataError, match="rows of another shape: edited"):
        open_data(tmp_path)


def test_a_kind_that_is_not_installed(tmp_path: Path) -> None:
    save_examples(some(TEXTS, ("x", "y")), tmp_path)
    description = json.loads((tmp_path / "data.json").read_text())
    write_text(tmp_path / "data.json", json.dumps({**description, "modality": "sounds"}))
    with pytest.raises(DataError, match=r"a known kind of example .* got 'sounds'; install"):
        open_data(tmp_path)


def test_a_folder_of_another_version(tmp_path: Path) -> None:
    save_examples(some(TEXTS, ("x", "y")), tmp_path)
    description = json.loads((tmp_path / "data.json").read_text())
    write_text(tmp_path / "data.json", json.dumps({**description, "format": 99}))
    for name in ("examples.npz", "ids.npy", "texts.parquet"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match=r"expected format 3 in .* got format 99"):
        open_data(tmp_path)


def test_options_open_it_again(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("note,stars\nfine,good\nbad,poor\n")
    found = open_data(tmp_path / "x.csv", text_column="note", label_column="stars")
    assert found.options == {"text_column": "note", "label_column": "stars"}
    assert open_data(found.source, **found.options).digest == found.digest
    assert open_data(found.source, like=found).digest == found.digest
    assert dataclasses.replace(found, source="elsewhere").options == found.options
