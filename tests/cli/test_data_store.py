"""`radiotracer data store`: any data as a folder that is mapped, whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radiotracer.data import open_data
from radiotracer.data.account import Account
from radiotracer.data.npy import NpyWriter
from tiny_world import World


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of small pictures, one file that is none, and a second split."""
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for row in range(6):
            path = root / split / ("cat", "dog")[row % 2] / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(0, 256, (5, 4), dtype=np.uint8)).save(path)
    (root / "train" / "cat" / "broken.png").write_text("no image")
    return root


def test_a_folder_of_images(cli: Any, photos: Path) -> None:
    done = cli("data", "store", photos, "--out", "stored")
    assert done.status == 0
    assert done.out.splitlines() == [
        "6 images (channels 1, height 5, width 4), written to stored",
        f"next: their validation data, {photos}:test, with --like stored",
    ]
    assert "left out train/cat/broken.png: no image of a kind" in done.err
    assert "images decoded: 7 done" in done.err
    before, after = open_data(str(photos)), open_data("stored")
    assert after.digest == before.digest and after.left_out == before.left_out
    assert after.validation == before.validation and after.class_names == before.class_names
    assert isinstance(after.content.base, np.memmap)
    assert sorted(path.name for path in Path("stored").iterdir()) == [
        "data.json",
        "examples.npz",
        "ids.npy",
        "images.npy",
        "left-out.csv",
    ]
    assert (
        Path("stored/left-out.csv")
        .read_text()
        .splitlines()[1]
        .startswith("train,train/cat/broken.png,no image of a kind")
    )
    provenance = json.loads(Path("stored/data.json").read_text())["provenance"]
    assert provenance == {"source": str(photos), "options": {}}


def test_a_size_a_split_and_json(cli: Any, photos: Path) -> None:
    done = cli("data", "store", f"{photos}:test", "--image-size", 3, "--out", "stored", "--json")
    expected = open_data(f"{photos}:test", image_size=3)
    assert (done.status, json.loads(done.out)) == (
        0,
        {
            "modality": "images",
            "examples": 6,
            "shape": {"channels": 1, "height": 3, "width": 3},
            "digest": expected.digest,
            "read": Account(expected).as_json(),
            "validation": None,
            "out": "stored",
        },
    )
    assert open_data("stored").digest == expected.digest


def test_an_archive_and_again(cli: Any, archive: Path, photos: Path) -> None:
    assert cli("data", "store", archive, "--out", "stored").status == 0
    assert open_data("stored").digest == open_data(str(archive)).digest
    assert cli("data", "store", photos, "--out", "stored").status == 2
    assert open_data("stored").digest == open_data(str(archive)).digest
    assert cli("data", "store", photos, "--out", "stored", "--overwrite").status == 0
    assert open_data("stored").digest == open_data(str(photos)).digest


def test_stored_data_are_what_a_run_was_trained_on(cli: Any, archive: Path) -> None:
    train = ["--architecture", "small-cnn", "--width", 2, "--epochs", 1, "--batch-size", 16]
    assert cli("train", archive, *train, "--out", "run").status == 0
    assert cli("data", "store", archive, "--out", "stored").status == 0
    for name, data in (("first", archive), ("second", "stored")):
        scan = ["scan", "run", "--data", data, "--detector", "loss", "--out", name, "--json"]
        assert cli(*scan).status in (0, 1)
    first, second = (
        json.loads(Path(name, "summary.json").read_text()) for name in ("first", "second")
    )
    assert first["data_digest"] == second["data_digest"]
    assert Path("first/scores.parquet").read_bytes() == Path("second/scores.parquet").read_bytes()


def test_what_cannot_be_stored(fail: Any, photos: Path, tiny: World) -> None:
    fail("store what is nowhere", "data", "store", "nowhere", "--out", "out")
    fail("store what is stored", "data", "store", "{data}", "--out", "out")
    fail("store an archive resized", "data", "store", "{npz}", "--image-size", "3", "--out", "out")
    Image.new("L", (9, 9)).save(photos / "train" / "dog" / "large.png")
    fail("store images of two sizes", "data", "store", "{tmp}/photos", "--out", "out")
    Path("out").mkdir()
    Path("out/mine.txt").touch()
    fail("store over other things", "data", "store", "{npz}", "--out", "out")
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("source", ["photos", "archive"])
def test_a_full_disk_leaves_nothing(
    cli: Any, photos: Path, archive: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = NpyWriter.append

    def refuse(writer: NpyWriter, rows: np.ndarray) -> None:
        if writer._rows:
            raise OSError(28, "No space left on device")
        append(writer, rows[:3])

    monkeypatch.setattr(NpyWriter, "append", refuse)
    monkeypatch.setattr("radiotracer.data.blocks.BLOCK_BYTES", 512)
    data = {"photos": photos, "archive": archive}[source]
    done = cli("data", "store", data, "--out", "stored")
    assert done.status == 2
    where = r"(\S*/)?stored(/images\.npy)?"
    assert re.search(f"expected to write {where}; got a refusal: no space is left", done.err)
    assert list(Path.cwd().iterdir()) == []
