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

from marked_world import by_twins
from radiotracer.data import TEXTS, Dataset, open_texts
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.release import Release
from radiotracer.provenance.text_mark import mark_texts
from radiotracer.provenance.text_release import TextRelease
from radiotracer.provenance.designs.canaries import CanaryConfig
from text_world import KEY, by_canaries, letters


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    by_canaries(repeats=3).write(tmp_path / "marked")
    return tmp_path / "marked"


def test_it_comes_back_whole(folder: Path) -> None:
    release, again = by_canaries(repeats=3), TextRelease.read(folder)
    again.require_committed(KEY)
    assert again.commitment == release.commitment and again.protocol == release.protocol
    assert again.published.content == release.published.content
    assert again.published.class_names == release.published.class_names
    assert again.originals == release.originals and again.canaries == release.canaries
    for name in ("rows", "coins", "digests", "ids", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(release, name))
    assert again.config == CanaryConfig(repeats=3)
    assert again.protocol.share == 1.0 and again.protocol.coins == 20
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
    mark_texts(texts, np.array([1, 4]), KEY).write(tmp_path / "marked")
    release = TextRelease.read(tmp_path / "marked")
    release.require_committed(KEY)
    assert [release.published.content[row] for row in (0, 2, 3)] == [
        texts.content[row] for row in (0, 2, 3)
    ]
    assert release.originals == (texts.content[1], texts.content[4])
    assert release.published.class_names == texts.class_names


def test_what_is_published_tells_of_no_sealed_canary(folder: Path) -> None:
    release = TextRelease.read(folder)
    published = open_texts(str(folder / "release"))
    assert published.digest == release.published.digest
    every = b"".join(each.read_bytes() for each in (folder / "release").iterdir())
    every += "\n".join(published.content).encode() + (folder / "commitment.json").read_bytes()
    assert KEY.fingerprint.encode() not in every and KEY.secret.hex().encode() not in every
    pairs = dict(zip(release.coins.tolist(), release.canaries, strict=True))
    sealed = published_twins(KEY, pairs) ^ 1
    for pair, coin in zip(pairs.values(), sealed.tolist(), strict=True):
        assert pair[coin].encode() not in every and pair[1 - coin].encode() in every


def test_an_edited_text_is_named_by_its_digest(folder: Path) -> None:
    path = folder / "release" / "texts.parquet"
    table = pq.read_table(path)
    texts = table["text"].to_pylist()
    texts[7] += "."
    pq.write_table(table.set_column(1, "text", pa.array(texts)), path)
    with pytest.raises(InputError) as caught:
        TextRelease.read(folder).require_committed(KEY)
    digest = hashlib.sha256(texts[7].encode()).hexdigest()
    assert str(caught.value) == (
        "expected the published texts as they were marked; got 1 that were edited since: "
        f"brief/ä0007 ({digest[:12]}); restore the release folder; audit what was published"
    )


def other(release: TextRelease, **changes: Any) -> TextRelease:
    return dataclasses.replace(release, **changes)


def test_it_opens_for_nothing_else() -> None:
    """Whoever could change one of these afterwards could choose the coins."""
    release = by_canaries()
    release.require_committed(KEY)
    pairs, coins = list(release.canaries), release.coins.copy()
    pairs[3] = pairs[3][::-1]
    coins[3] = coins[5]
    originals = (*release.originals[:3], "another", *release.originals[4:])
    labels = release.published.labels.copy()
    labels[3] ^= 1
    relabelled = release.published.with_labels(labels)
    digests = np.array([hashlib.sha256(b"x").hexdigest(), *release.digests[1:]])
    texts = ("x", *release.published.content[1:])
    for part, changed in {
        "canaries": other(release, canaries=tuple(pairs)),
        "coins": other(release, coins=coins),
        "originals": other(release, originals=originals),
        "rows": other(release, rows=release.rows[::-1].copy()),
        "protocol": other(release, protocol=release.protocol.model_copy(update={"alpha": 0.05})),
        "published": other(release, published=relabelled),
    }.items():
        with pytest.raises(InputError, match=f"another (root/)?{part}"):
            changed.require_committed(KEY)
    swapped = dataclasses.replace(release.published, content=texts)
    with pytest.raises(InputError, match="another root/published"):
        other(release, published=swapped, digests=digests).require_committed(KEY)
    with pytest.raises(InputError, match="another key"):
        release.require_committed(Key(bytes(32)))


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"that `TextRelease.write` wrote; got .*no folder"):
        TextRelease.read(tmp_path / "none")
    with pytest.raises(InputError, match=r"already holds commitment\.json"):
        by_canaries().write(folder)
    by_canaries().write(folder, overwrite=True)
    assert TextRelease.read(folder).protocol.coins == 60


@pytest.mark.parametrize(
    ("name", "column", "values", "came"),
    [
        ("manifest", "id", ["x"] * 60, "the manifest speaks of other texts"),
        ("manifest", "row", [99] * 60, "index 99 is out of bounds"),
        ("manifest", "canary_0", None, "canary_0"),
        ("manifest", "original", [None] * 60, "something else than texts in the column original"),
        ("manifest", "coin", [7] * 60, "something else than texts in the column coin"),
        ("digests", "sha256", ["0" * 64], "60 published texts, 1 digests"),
    ],
)
def test_a_damaged_sealed_half(
    folder: Path, name: str, column: str, values: list[Any] | None, came: str
) -> None:
    path = folder / "sealed" / f"{name}.parquet"
    table = pq.read_table(path)
    if values is None:
        table = table.drop_columns([column])
    elif len(values) == 1:
        table = pa.table({column: values})
    else:
        table = table.set_column(table.column_names.index(column), column, pa.array(values))
    pq.write_table(table, path)
    with pytest.raises(DataError, match=f"the sealed half of a release.*{came}") as caught:
        TextRelease.read(folder)
    assert "\n" not in str(caught.value)


def test_settings_that_are_none(folder: Path) -> None:
    path = folder / "sealed" / "protocol.json"
    path.write_text(path.read_text().replace('"before"', '"between"'))
    with pytest.raises(DataError, match=r"the sealed half of a release.*place"):
        TextRelease.read(folder)


def test_no_table_and_no_sealed_half(folder: Path) -> None:
    (folder / "sealed" / "manifest.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="the sealed half of a release"):
        TextRelease.read(folder)
    (folder / "sealed" / "manifest.parquet").unlink()
    with pytest.raises(DataError, match="the sealed half of a release"):
        TextRelease.read(folder)
    (folder / "sealed" / "protocol.json").unlink()
    with pytest.raises(DataError, match="no such file"):
        TextRelease.read(folder)


def test_images_are_no_texts(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    by_twins(count=10).write(tmp_path / "images")
    with pytest.raises(DataError, match=r"protocol.json as `TextRelease.write` wrote it"):
        TextRelease.read(tmp_path / "images")
    with pytest.raises(InputError, match="a release of marked images; got one of texts in"):
        Release.read(folder)


def test_two_commitments(folder: Path) -> None:
    path = folder / "release" / "commitment.json"
    by_canaries(Key(bytes(32))).write(folder.with_name("other"))
    path.write_bytes((folder.with_name("other") / "commitment.json").read_bytes())
    with pytest.raises(DataError, match=r"one commitment, in .* got two"):
        TextRelease.read(folder)


def test_the_protocol_says_how_it_will_be_audited() -> None:
    said = json.loads(by_canaries(repeats=3).protocol.model_dump_json())
    assert said["design"] == "twins" and said["examples_are"] == "texts"
    assert said["test"].keys() == {"scores", "labels", "weighting"}
    assert said["source_digest"] == letters().digest and said["marked_classes"] == [0, 1]
