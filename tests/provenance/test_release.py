"""A release: nothing is lost on the disk, nothing passes that was edited, the key is nowhere."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from marked_world import KEY, by_carriers, by_tags, by_twins, examples, network
from radiotracer.data import open_data, save_examples
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.record import Record
from radiotracer.provenance.release import Release

DESIGNS = ("twins", "carriers", "tags")


@pytest.fixture(scope="module")
def releases() -> dict[str, Release]:
    return {"twins": by_twins(), "carriers": by_carriers(network(3)), "tags": by_tags()}


@pytest.fixture(scope="module")
def folders(
    releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    made = {}
    for design, release in releases.items():
        made[design] = tmp_path_factory.mktemp(design)
        release.write(made[design])
    return made


@pytest.fixture
def twins(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(folders["twins"], tmp_path / "marked"))


@pytest.mark.parametrize("design", DESIGNS)
def test_read_as_it_was_written(
    releases: dict[str, Release], folders: dict[str, Path], design: str
) -> None:
    made, found = releases[design], Release.read(folders[design])
    made.opened(KEY)
    found.opened(KEY)
    assert found.protocol == made.protocol and found.commitment == made.commitment
    assert found.published.class_names == made.published.class_names
    for name in ("content", "labels", "ids"):
        np.testing.assert_array_equal(getattr(found.published, name), getattr(made.published, name))
    for name in ("rows", "originals", "digests", "ids", "labels"):
        one, two = getattr(found, name), getattr(made, name)
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype
    np.testing.assert_array_equal(found.planted.content, made.planted.content)
    assert found.laid.coins == made.laid.coins and found.record == made.record
    for one, two in (
        (found.planted.columns, made.planted.columns),
        (found.laid.arrays, made.laid.arrays),
    ):
        assert one.keys() == two.keys()
        for name in two:
            np.testing.assert_array_equal(one[name], two[name])
            assert one[name].dtype == two[name].dtype
    weights = found.laid.extractor
    assert (weights is None) == (design != "carriers")
    for name, value in (made.laid.extractor or {}).items():
        assert weights is not None and torch.equal(weights[name], value)


def test_what_is_published(releases: dict[str, Release], folders: dict[str, Path]) -> None:
    """The marked images stand in the place of the originals; the rest is as it was."""
    release, folder = releases["carriers"], folders["carriers"]
    public = open_data(str(folder / "release"))
    np.testing.assert_array_equal(public.content[release.rows], release.planted.content)
    assert (public.content[release.rows] != release.originals).any()
    rest = np.setdiff1d(np.arange(len(public)), release.rows)
    np.testing.assert_array_equal(public.content[rest], examples().content[rest])
    beside = (folder / "release" / "commitment.json").read_bytes()
    assert beside == (folder / "commitment.json").read_bytes()
    about = json.loads((folder / "release" / "data.json").read_bytes())["provenance"]
    assert about == {
        "commitment": release.commitment.digest,
        "record": release.record.digest,
    }


def test_only_the_owner_may_look_at_what_is_sealed(
    releases: dict[str, Release], tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        releases["twins"].write(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "sealed").stat().st_mode) == 0o700
    assert {each.name for each in tmp_path.iterdir()} == {
        "release", "sealed", "commitment.json", "release.json"
    }  # fmt: skip


@pytest.mark.parametrize("design", DESIGNS)
def test_the_key_is_nowhere(folders: dict[str, Path], design: str) -> None:
    """Nor what the coins or the salts follow from; not in what is compressed, either."""
    content = b""
    for path in folders[design].rglob("*"):
        if path.is_file():
            content += path.read_bytes()
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        if path.suffix == ".parquet":
            content += str(pq.read_table(path).to_pydict()).encode()
    assert (b"max_difference" in content and b"two-layers" in content) or design != "carriers"
    hidden = [
        KEY.secret,
        KEY.derive("nonce"),
        KEY.derive("control"),
        KEY.derive("commitment/salt/key"),
    ]
    for secret in (*hidden, KEY.derive("marking/kept")):
        assert secret not in content and secret.hex().encode() not in content.lower()


def other(array: np.ndarray) -> np.ndarray:
    """The same but for the last bit of one number."""
    changed = array.copy()
    flat = changed.reshape(-1)
    flat[-1] = flat[-1] ^ 1 if flat.dtype.kind in "iu" else np.nextafter(flat[-1], np.inf)
    return changed


def with_laid(release: Release, **changed: Any) -> Release:
    return dataclasses.replace(release, laid=dataclasses.replace(release.laid, **changed))


def with_arrays(release: Release, **arrays: np.ndarray) -> Release:
    return with_laid(release, arrays={**release.laid.arrays, **arrays})


def with_published(release: Release, **changed: Any) -> Release:
    return dataclasses.replace(release, published=dataclasses.replace(release.published, **changed))


def with_protocol(release: Release, **changed: Any) -> Release:
    return dataclasses.replace(release, protocol=release.protocol.model_copy(update=changed))


def with_weights(release: Release) -> Release:
    weights = release.laid.extractor
    assert weights is not None
    name, value = next(iter(weights.items()))
    nudged = torch.from_numpy(other(value.numpy()))
    return with_laid(release, extractor={**weights, name: nudged})


EDITS: dict[str, tuple[str, Callable[[Release], Release], str]] = {
    "a label": (
        "twins",
        lambda r: with_published(r, labels=np.roll(r.published.labels, 1)),
        "release record .* says; got other published data",
    ),
    "an id": (
        "twins",
        lambda r: with_published(r, ids=r.published.ids[::-1]),
        "got other published",
    ),
    "an original": (
        "carriers",
        lambda r: dataclasses.replace(
            r, chosen=dataclasses.replace(r.chosen, content=other(r.originals))
        ),
        "got another root/originals;",
    ),
    "a twin": (
        "twins",
        lambda r: with_arrays(r, twins=other(r.laid.arrays["twins"])),
        "got another root/laid/twins;",
    ),
    "a reference": (
        "twins",
        lambda r: with_arrays(r, reference=other(r.laid.arrays["reference"])),
        "got another root/laid/reference;",
    ),
    "the type of a reference": (
        "twins",
        lambda r: with_arrays(r, reference=r.laid.arrays["reference"].view(np.int64)),
        "got another root/laid/reference;",
    ),
    "one array more": ("twins", lambda r: with_arrays(r, more=np.zeros(3)), "root/laid/more"),
    "a coin more": ("twins", lambda r: with_laid(r, coins=(*r.laid.coins, "x")), "root/coins;"),
    "coins in another order": (
        "twins",
        lambda r: with_laid(r, coins=r.laid.coins[::-1]),
        "got another root/coins;",
    ),
    "what the coins were drawn by": (
        "twins",
        lambda r: dataclasses.replace(
            r,
            record=Record.of("0" * 64, r.record.randomness, r.record.published),
        ),
        "got another commitment;",
    ),
    # Which image is which decides its coin.
    "the order of the rows": (
        "twins",
        lambda r: dataclasses.replace(r, rows=r.rows[::-1].copy()),
        "got another root/rows;",
    ),
    "the kind of example": (
        "twins",
        lambda r: with_protocol(r, modality="texts"),
        "got another protocol;",
    ),
    "the shape": ("twins", lambda r: with_protocol(r, shape={}), "got another protocol;"),
    "the level": ("twins", lambda r: with_protocol(r, alpha=0.02), "got another protocol;"),
    "the test": ("twins", lambda r: with_protocol(r, test={}), "got another protocol;"),
    "the classes": (
        "carriers",
        lambda r: with_protocol(r, marked_classes=(0,)),
        "got another protocol;",
    ),
    "a weight": ("carriers", with_weights, "got another extractor;"),
    "no weights": (
        "carriers",
        lambda r: with_laid(r, extractor=None),
        "got another extractor;",
    ),
    "two things": (
        "carriers",
        lambda r: with_weights(with_protocol(r, alpha=0.02)),
        "got another extractor, another protocol;",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_nothing_edited_passes(releases: dict[str, Release], edit: str) -> None:
    design, change, text = EDITS[edit]
    edited = change(releases[design])
    with pytest.raises((InputError, DataError), match=text) as caught:
        edited.opened(KEY)
    assert "\n" not in str(caught.value)


def test_another_key(releases: dict[str, Release]) -> None:
    with pytest.raises(InputError, match="got another key;"):
        releases["twins"].opened(Key(bytes(32)))


@pytest.mark.parametrize("count", [1, 3, 4])
def test_an_edited_image_is_named(releases: dict[str, Release], count: int) -> None:
    release = releases["carriers"]
    images = release.published.content.copy()
    images[5 : 5 + count, 0, 0] ^= 1
    edited = with_published(release, content=images)
    with pytest.raises(InputError) as caught:
        edited.opened(KEY)
    text = str(caught.value)
    assert f"got {count} image{'s' * (count > 1)} edited since: träin/00005 " in text
    named = [f"träin/{row:05d} ({edited.published.digests[row][:12]})" for row in range(5, 9)]
    assert [each in text for each in named] == [row < min(count, 3) for row in range(4)]
    assert (" and more;" in text) == (count > 3)


class Spoiled:
    """Edits of the files themselves, as somebody with the folder would make them."""

    @staticmethod
    def image(folder: Path) -> None:
        public = open_data(str(folder / "release"))
        images = public.content.copy()
        images[7, 0, 0] ^= 1
        save_examples(dataclasses.replace(public, content=images, source="x"), folder / "release")

    @staticmethod
    def array(folder: Path) -> None:
        arrays = read_arrays(folder / "sealed" / "arrays.npz")
        arrays["laid/twins"] = other(arrays["laid/twins"])
        write_npz(folder / "sealed" / "arrays.npz", arrays)

    @staticmethod
    def rows(folder: Path) -> None:
        path = folder / "sealed" / "manifest.parquet"
        pq.write_table(pq.read_table(path).sort_by([("row", "descending")]), path)

    @staticmethod
    def protocol(folder: Path) -> None:
        path = folder / "sealed" / "protocol.json"
        path.write_text(path.read_text().replace('"alpha": 0.01', '"alpha": 0.05'))


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("image", r"1 image edited since: träin/00007"),
        ("array", "another root/laid/twins"),
        ("rows", "another root/rows"),
        ("protocol", "another protocol"),
    ],
)
def test_edited_files(twins: Path, what: str, text: str) -> None:
    getattr(Spoiled, what)(twins)
    with pytest.raises(InputError, match=text):
        Release.read(twins).opened(KEY)


def test_another_commitment_beside_the_published_data(
    twins: Path, folders: dict[str, Path]
) -> None:
    shutil.copy(folders["carriers"] / "commitment.json", twins / "release" / "commitment.json")
    with pytest.raises(DataError, match=r"one commitment\.json.*got two.*restore the one"):
        Release.read(twins)


def test_tied_and_strided_weights_are_sealed_as_they_are(tmp_path: Path) -> None:
    first, second = nn.Linear(8, 8), nn.Linear(8, 8)
    second.weight = first.weight
    weights = {"a": first.weight, "b": second.weight, "c": torch.arange(6.0).view(2, 3).T}
    release = with_laid(by_carriers(network(3)), extractor=weights)
    release.write(tmp_path)
    found = Release.read(tmp_path).laid.extractor
    assert found is not None and found.keys() == weights.keys()
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_the_same_again_is_the_same_bytes(
    releases: dict[str, Release], folders: dict[str, Path], tmp_path: Path
) -> None:
    releases["carriers"].write(tmp_path)
    for path in folders["carriers"].rglob("*.*"):
        again = tmp_path / path.relative_to(folders["carriers"])
        assert again.read_bytes() == path.read_bytes()
