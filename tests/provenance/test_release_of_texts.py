"""A release of texts: it comes back whole, says nothing, and opens for what was committed to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from radiotracer.data import TEXTS, Dataset, save_examples
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.data.saved import open_saved
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs.canaries import CanaryConfig
from radiotracer.provenance.marking import mark
from radiotracer.provenance.release import Release
from text_world import KEY, by_canaries, canaries, coins, letters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    by_canaries(repeats=3).write(tmp_path / "marked")
    return tmp_path / "marked"


def test_it_comes_back_whole(folder: Path) -> None:
    release, again = by_canaries(repeats=3), Release.read(folder)
    again.opened(KEY)
    assert again.commitment == release.commitment and again.protocol == release.protocol
    assert again.published.content == release.published.content
    assert again.published.class_names == release.published.class_names
    assert again.originals == release.originals
    for name, array in release.laid.arrays.items():
        np.testing.assert_array_equal(again.laid.arrays[name], array)
    for name in ("rows", "digests", "ids", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(release, name))
    assert again.protocol.settings == CanaryConfig(repeats=3).model_dump()
    assert again.protocol.share == 1.0 and len(set(coins(again))) == 20
    assert (folder / "sealed").stat().st_mode & 0o777 == 0o700


def test_texts_of_any_kind_come_back(tmp_path: Path) -> None:
    """NUL, line ends of all kinds, what looks like a number; a class without texts."""
    odd = ("a\0b c", "a\r\nb\rc\u2028d\n", "1 2 3", " leading, trailing ", "\ufeffé e\u0301 🦊")
    texts = Dataset(
        modality=TEXTS,
        content=tuple(each + " one two three four five six seven" for each in odd),
        labels=np.array([0, 2, 0, 2, 0]),
        ids=np.array(["1", "2", "x/3", "4", "ä"]),
        class_names=("ham", "empty", "spam"),
        source="memory",
    )
    mark(texts, np.array([1, 4]), KEY).write(tmp_path / "marked")
    release = Release.read(tmp_path / "marked")
    release.opened(KEY)
    assert [release.published.content[row] for row in (0, 2, 3)] == [
        texts.content[row] for row in (0, 2, 3)
    ]
    assert release.originals == (texts.content[1], texts.content[4])
    assert release.published.class_names == texts.class_names


def test_what_is_published_tells_of_no_sealed_canary(folder: Path) -> None:
    release = Release.read(folder)
    published = open_saved(folder / "release")
    assert published.digest == release.published.digest
    every = b"".join(each.read_bytes() for each in (folder / "release").iterdir())
    every += "\n".join(published.content).encode() + (folder / "commitment.json").read_bytes()
    assert KEY.fingerprint.encode() not in every and KEY.secret.hex().encode() not in every
    pairs = dict(zip(coins(release), canaries(release), strict=True))
    sealed = published_twins(release.coins(KEY), pairs) ^ 1
    for pair, coin in zip(pairs.values(), sealed.tolist(), strict=True):
        assert pair[coin].encode() not in every and pair[1 - coin].encode() in every


def test_an_edited_text_is_named_by_its_digest(folder: Path) -> None:
    path = folder / "release" / "texts.parquet"
    table = pq.read_table(path)
    texts = table["text"].to_pylist()
    texts[7] += "."
    at = table.column_names.index("text")
    pq.write_table(table.set_column(at, "text", pa.array(texts)), path)
    with pytest.raises(DataError, match="edited after it was written"):
        Release.read(folder)
    published = by_canaries(repeats=3).published
    edited = dataclasses.replace(published, content=tuple(texts))
    save_examples(edited, folder / "release")  # whoever edits may make it look as if nobody had
    with pytest.raises(InputError) as caught:
        Release.read(folder).opened(KEY)
    digest = hashlib.sha256(texts[7].encode()).hexdigest()
    assert str(caught.value) == (
        "expected the published texts as they were marked; got 1 text edited since: "
        f"brief/ä0007 ({digest[:12]}); restore the release folder; audit what was published"
    )


def other(release: Release, **changes: Any) -> Release:
    return dataclasses.replace(release, **changes)


def with_array(release: Release, name: str, array: np.ndarray) -> Release:
    arrays = {**release.laid.arrays, name: array}
    return other(release, laid=dataclasses.replace(release.laid, arrays=arrays))


def test_it_opens_for_nothing_else() -> None:
    """Whoever could change one of these afterwards could choose the coins."""
    release = by_canaries()
    assert release.opened(KEY).release is release
    pairs, named = (release.laid.arrays[name].copy() for name in ("canaries", "coins"))
    pairs[3], named[3] = pairs[3][::-1].copy(), named[5]
    originals = (*release.originals[:3], "another", *release.originals[4:])
    labels = release.published.labels.copy()
    labels[3] ^= 1
    relabelled = release.published.with_labels(labels)
    digests = np.array([hashlib.sha256(b"x").hexdigest(), *release.digests[1:]])
    texts = ("x", *release.published.content[1:])
    protocol = release.protocol
    for part, changed in {
        "root/laid/canaries": with_array(release, "canaries", pairs),
        "root/laid/coins": with_array(release, "coins", named),
        "root/originals": other(
            release, chosen=dataclasses.replace(release.chosen, content=originals)
        ),
        "root/rows": other(release, rows=release.rows[::-1].copy()),
        "protocol": other(release, protocol=protocol.model_copy(update={"alpha": 0.05})),
    }.items():
        with pytest.raises(InputError, match=f"another {part}"):
            changed.opened(KEY)
    images = other(release, protocol=protocol.model_copy(update={"modality": "images"}))
    with pytest.raises(InputError, match="another protocol"):
        images.opened(KEY)
    swapped = dataclasses.replace(release.published, content=texts)
    with pytest.raises(InputError, match="other published data"):
        other(release, published=relabelled).opened(KEY)
    with pytest.raises(InputError, match="other published data"):
        other(release, published=swapped, digests=digests).opened(KEY)
    with pytest.raises(InputError, match="another key"):
        release.opened(Key(bytes(32)))


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"that `radiotracer mark` wrote; got .*no folder"):
        Release.read(tmp_path / "none")
    with pytest.raises(InputError, match=r"already holds commitment\.json"):
        by_canaries().write(folder)
    by_canaries().write(folder, overwrite=True)
    assert len(set(coins(Release.read(folder)))) == 60


@pytest.mark.parametrize(
    ("column", "values", "came"),
    [
        ("id", ["x"] * 60, "the manifest speaks of other examples"),
        ("row", [99] * 60, "index out of range"),
        ("label", None, "label"),
    ],
)
def test_a_damaged_manifest(folder: Path, column: str, values: list[Any] | None, came: str) -> None:
    path = folder / "sealed" / "manifest.parquet"
    table = pq.read_table(path)
    if values is None:
        table = table.drop_columns([column])
    else:
        table = table.set_column(table.column_names.index(column), column, pa.array(values))
    pq.write_table(table, path)
    with pytest.raises(DataError, match=f"the sealed half of a release.*{came}") as caught:
        Release.read(folder)
    assert "\n" not in str(caught.value)


def test_damaged_arrays_and_originals(folder: Path) -> None:
    path = folder / "sealed" / "arrays.npz"
    arrays = dict(read_arrays(path))
    write_npz(path, {**arrays, "published_digests": arrays["published_digests"][:1]})
    with pytest.raises(DataError, match="60 published examples, 1 digests"):
        Release.read(folder)
    write_npz(path, arrays)
    originals = folder / "sealed" / "originals" / "texts.parquet"
    pq.write_table(pq.read_table(originals).slice(0, 10), originals)
    with pytest.raises(DataError, match="60 marked, 10 originals"):
        Release.read(folder)
    originals.unlink()
    with pytest.raises(DataError, match="the sealed half of a release"):
        Release.read(folder)


def test_a_version_or_a_kind_that_nobody_knows(folder: Path) -> None:
    path = folder / "sealed" / "protocol.json"
    whole = path.read_text()
    path.write_text(whole.replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(DataError, match=r"version 1 of .*protocol.json; got version 9"):
        Release.read(folder)
    path.write_text(whole.replace('"texts"', '"smells"'))
    with pytest.raises(InputError, match=r"a kind of example .*; got 'smells'"):
        Release.read(folder)
    path.write_text(whole.replace('"texts"', '"images"'))
    with pytest.raises(DataError, match="a protocol of images"):
        Release.read(folder)


def test_no_table_and_no_sealed_half(folder: Path) -> None:
    (folder / "sealed" / "manifest.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="the sealed half of a release"):
        Release.read(folder)
    (folder / "sealed" / "manifest.parquet").unlink()
    with pytest.raises(DataError, match="the sealed half of a release"):
        Release.read(folder)
    (folder / "sealed" / "protocol.json").unlink()
    with pytest.raises(DataError, match="no such file"):
        Release.read(folder)


def test_two_commitments(folder: Path) -> None:
    path = folder / "release" / "commitment.json"
    by_canaries(Key(bytes(32))).write(folder.with_name("other"))
    path.write_bytes((folder.with_name("other") / "commitment.json").read_bytes())
    with pytest.raises(DataError, match=r"one commitment.json, in .* got two"):
        Release.read(folder)


def test_the_protocol_says_how_it_will_be_audited() -> None:
    said = json.loads(by_canaries(repeats=3).protocol.model_dump_json())
    assert (said["design"], said["modality"], said["shape"]) == ("canaries", "texts", {})
    assert said["test"].keys() == {"scores", "labels", "weighting"}
    assert said["source_digest"] == letters().digest and said["marked_classes"] == [0, 1]
