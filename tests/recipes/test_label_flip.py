"""Label flipping: never a no-op, an exact count, one seed one result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.recipes import (
    MANIFEST_FILE,
    Manifest,
    random_flip,
    targeted_flip,
)

shares = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)
seeds = st.integers(0, 2**63)


def labelled(labels: list[int], classes: int) -> Dataset:
    n = len(labels)
    images = np.random.default_rng(n).integers(0, 256, (n, 2, 2, 1), dtype=np.uint8)
    return Dataset(
        modality=IMAGES,
        content=images,
        labels=np.array(labels, dtype=np.int64),
        ids=np.array([f"id {row}" for row in range(n)], dtype=np.str_),
        class_names=tuple("abcdefghij"[:classes]),
        source="a test",
        validation="its queries",
    )


@st.composite
def drawn(draw: st.DrawFn) -> Dataset:
    classes = draw(st.integers(2, 10))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=60))
    return labelled(labels, classes)


def check(before: Dataset, after: Dataset, manifest: Manifest, recipe: str, count: int) -> None:
    """What holds for every recipe that changes labels."""
    changed = before.labels != after.labels
    assert changed.sum() == count
    assert after.labels.dtype == np.int64
    assert after.labels.min() >= 0 and after.labels.max() < len(before.class_names)
    assert after.content is before.content
    assert after.ids is before.ids
    assert (after.class_names, after.source, after.validation) == (
        before.class_names,
        before.source,
        before.validation,
    )
    np.testing.assert_array_equal(manifest.ids, before.ids)
    np.testing.assert_array_equal(manifest.original_labels, before.labels)
    np.testing.assert_array_equal(manifest.labels, after.labels)
    np.testing.assert_array_equal(manifest.is_tampered, changed)
    assert manifest.recipe == recipe


@given(before=drawn(), share=shares, seed=seeds)
@example(before=labelled([0] * 5, 2), share=0.5, seed=0)  # 2.5 rounds to the even 2
def test_random_flip(before: Dataset, share: float, seed: int) -> None:
    count = round(share * len(before))
    assume(count > 0)
    original = before.labels.copy()
    pixels = before.content.copy()
    after, manifest = random_flip(before, share=share, seed=seed)
    check(before, after, manifest, "random-flip", count)
    np.testing.assert_array_equal(before.labels, original)
    np.testing.assert_array_equal(before.content, pixels)
    again, _ = random_flip(before, share=share, seed=seed)
    np.testing.assert_array_equal(again.labels, after.labels)


@given(before=drawn(), share=shares, seed=seeds, data=st.data())
def test_targeted_flip(before: Dataset, share: float, seed: int, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(sorted(set(before.labels.tolist()))))
    target = data.draw(st.integers(0, len(before.class_names) - 1).filter(lambda t: t != source))
    count = round(share * int((before.labels == source).sum()))
    assume(count > 0)
    after, manifest = targeted_flip(
        before, share=share, seed=seed, from_class=source, to_class=target
    )
    check(before, after, manifest, "targeted-flip", count)
    assert set(before.labels[manifest.is_tampered]) == {source}
    assert set(after.labels[manifest.is_tampered]) == {target}
    again, _ = targeted_flip(before, share=share, seed=seed, from_class=source, to_class=target)
    np.testing.assert_array_equal(again.labels, after.labels)


def test_another_seed_chooses_other_rows() -> None:
    # False-failure rate: 1 / C(200, 20) per pair of seeds, below 1e-26.
    before = labelled([row % 10 for row in range(200)], 10)
    rows = {random_flip(before, share=0.1, seed=seed)[1].is_tampered.tobytes() for seed in range(5)}
    assert len(rows) == 5


def test_every_other_class_is_as_likely() -> None:
    # 9,000 flips of class 0 over nine classes: a count is Binomial(9000, 1/9), sd 29.8. Beyond six
    # standard deviations: below 2e-9 for each of nine counts, and the seed is fixed.
    before = labelled([0] * 10_000, 10)
    after, _ = random_flip(before, share=0.9, seed=0)
    counts = np.bincount(after.labels, minlength=10)[1:]
    assert counts.sum() == 9000
    assert np.abs(counts - 1000).max() < 6 * 29.8


FLAT = labelled([0, 0, 0, 1, 1, 1], 3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan"), float("inf")])
def test_a_share_outside_0_and_1(share: float) -> None:
    text = f"expected share= in (0, 1); got {share:g}; pass, say, share=0.1"
    with pytest.raises(InputError) as caught:
        random_flip(FLAT, share=share, seed=0)
    assert str(caught.value) == text
    with pytest.raises(InputError) as caught:
        targeted_flip(FLAT, share=share, seed=0, from_class=0, to_class=1)
    assert str(caught.value) == text


def test_a_share_too_small() -> None:
    with pytest.raises(InputError) as caught:
        random_flip(FLAT, share=0.05, seed=0)
    assert str(caught.value) == (
        "expected share= that changes at least one of 6 examples; got 0.05; pass a larger share="
    )
    with pytest.raises(InputError, match=r"at least one of 3 examples; got 0\.1;"):
        targeted_flip(FLAT, share=0.1, seed=0, from_class=0, to_class=1)


def test_a_source_class_without_examples() -> None:
    with pytest.raises(InputError) as caught:
        targeted_flip(FLAT, share=0.5, seed=0, from_class=2, to_class=1)
    assert str(caught.value) == (
        "expected from_class= with examples; got 'c', which has none; choose another from_class="
    )


def test_one_class() -> None:
    with pytest.raises(InputError) as caught:
        random_flip(labelled([0, 0, 0], 1), share=0.5, seed=0)
    assert str(caught.value) == "expected two classes or more; got one; choose other data"


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        (
            1,
            1,
            "expected two different classes; got 'b' for both; choose another to_class=",
        ),
        (3, 1, "expected from_class= from 0 to 2; got 3; choose a class of the data"),
        (1, -1, "expected to_class= from 0 to 2; got -1; choose a class of the data"),
    ],
)
def test_unusable_classes(source: int, target: int, text: str) -> None:
    with pytest.raises(InputError) as caught:
        targeted_flip(FLAT, share=0.5, seed=0, from_class=source, to_class=target)
    assert str(caught.value) == text


def test_a_negative_seed() -> None:
    for flip in (
        lambda: random_flip(FLAT, share=0.5, seed=-1),
        lambda: targeted_flip(FLAT, share=0.5, seed=-1, from_class=0, to_class=1),
    ):
        with pytest.raises(InputError) as caught:
            flip()
        assert str(caught.value) == "expected seed= of at least 0; got -1; pass, say, seed=0"


@given(before=drawn(), share=shares, seed=seeds)
def test_a_manifest_survives_parquet(
    before: Dataset, share: float, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assume(round(share * len(before)) > 0)
    folder = tmp_path_factory.mktemp("manifest")
    after, manifest = random_flip(before, share=share, seed=seed)
    manifest.write(folder)
    found = Manifest.read(folder, after)
    assert found is not None and found.recipe == manifest.recipe
    for name in ("ids", "original_labels", "labels", "is_tampered"):
        expected, got = getattr(manifest, name), getattr(found, name)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype.kind == expected.dtype.kind


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Dataset]:
    after, manifest = random_flip(FLAT, share=0.5, seed=0)
    manifest.write(tmp_path)
    return tmp_path, after


def test_the_columns_of_a_manifest(written: tuple[Path, Dataset]) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(written[0] / MANIFEST_FILE)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds == {
        "id": "string",
        "original_label": "int64",
        "label": "int64",
        "recipe": "string",
        "is_tampered": "bool",
    }
    rows = table.to_pylist()
    assert {row["recipe"] for row in rows if row["is_tampered"]} == {"random-flip"}
    assert {row["recipe"] for row in rows if not row["is_tampered"]} == {""}


def test_no_manifest(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path, FLAT) is None


def test_a_manifest_of_other_data(written: tuple[Path, Dataset]) -> None:
    folder, after = written
    end = f"expected a manifest that belongs to the data in {folder}; got other"
    with pytest.raises(DataError) as caught:
        Manifest.read(folder, FLAT)
    assert str(caught.value) == f"{end} labels; restore or remove it"
    for other in (after.take([1, 0, 2, 3, 4, 5]), after.take([0, 1])):
        with pytest.raises(DataError) as caught:
            Manifest.read(folder, other)
        assert str(caught.value) == f"{end} ids; restore or remove it"


@pytest.mark.parametrize("spoil", ["text", "empty", "columns", "kinds", "range", "nulls"])
def test_a_spoilt_manifest(spoil: str, written: tuple[Path, Dataset]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder, after = written
    path = folder / MANIFEST_FILE
    table = pq.read_table(path)
    if spoil == "text":
        path.write_text("no parquet\n")
    elif spoil == "empty":
        path.write_bytes(b"")
    else:
        n = len(after)
        columns = {
            "columns": ("extra", pa.array([1] * n)),
            "kinds": ("is_tampered", pa.array(["yes"] * n)),
            "range": ("original_label", pa.array([7] * n)),
            "nulls": ("is_tampered", pa.array([True, None, *[False] * (n - 2)])),
        }
        name, values = columns[spoil]
        table = table.drop(["is_tampered" if spoil == "columns" else name])
        pq.write_table(table.append_column(name, values), path)
    with pytest.raises(DataError, match="manifest") as caught:
        Manifest.read(folder, after)
    assert "\n" not in str(caught.value)
