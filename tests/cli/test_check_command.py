"""`check`: a folder of images in, suspects out, in one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from radiotracer.runs import Run

EXAMPLES = 400


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """400 digits, one folder per class, every tenth in a wrong one; and which these are."""
    folder = tmp_path_factory.mktemp("photos")
    digits = load_digits()
    rng = np.random.default_rng(0)
    wrong = set()
    for row in range(EXAMPLES):
        label = int(digits.target[row])
        if row % 10 == 0:
            label = (label + int(rng.integers(1, 10))) % 10
        file = Path(str(label)) / f"{row:04}.png"
        (folder / file).parent.mkdir(exist_ok=True)
        pixels = (digits.images[row] / 16 * 255).astype(np.uint8)
        Image.fromarray(pixels).resize((20 + row % 3, 24)).save(folder / file)
        if row % 10 == 0:
            wrong.add(file.as_posix())
    return folder, wrong


def test_wrong_labels_are_found(cli: Any, photos: tuple[Path, set[str]]) -> None:
    folder, wrong = photos
    done = cli("check", folder)
    assert done.status == 1
    assert "400 training examples look tampered with" in done.out
    assert done.out.splitlines()[-1] == "next: radiotracer review checked/scan"
    rows = pq.read_table("checked/scan/suspects.parquet").to_pylist()
    assert {row["id"] for row in rows} >= wrong
    # 33 to 39 of the first 40 with six other seeds; 4 by chance.
    assert sum(row["id"] in wrong for row in rows[:40]) >= 25
    assert Path("checked/scan/report.html").is_file()
    run = Run.open("checked/run")
    assert run.info.settings["image_size"] == 32

    again = cli("check", folder, "--json")
    assert "epoch" not in again.err, "the training is done, and was not repeated"
    assert json.loads(again.out)["flagged"] == sum(row["is_suspect"] for row in rows)
    # What is written opens again by itself.
    assert cli("scan", "checked/run", "--out", "scanned").status == 1
    scanned = pq.read_table("scanned/suspects.parquet")
    assert scanned.equals(pq.read_table("checked/scan/suspects.parquet"))


def test_trusted_images_decide_by_contrast(cli: Any, photos: tuple[Path, set[str]]) -> None:
    digits = load_digits()
    images = (digits.images[1000:1200, ..., None] / 16 * 255).astype(np.uint8)
    np.savez(
        "trusted.npz",
        images=np.kron(images, np.ones((1, 4, 4, 1), np.uint8)),
        labels=digits.target[1000:1200],
    )
    done = cli("check", photos[0], "--queries", "trusted.npz", "--json")
    assert json.loads(done.out)["detector"] == "contrast"


def test_other_folders_are_left_alone(cli: Any, photos: tuple[Path, set[str]]) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep me")
    done = cli("check", photos[0], "--out", "mine")
    assert done.status == 2
    assert "mine, which holds other things" in done.err
    assert [each.name for each in Path("mine").iterdir()] == ["notes.txt"]


def test_too_few_images(cli: Any, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "few" / label).mkdir(parents=True)
        for row in range(20):
            image = Image.fromarray(np.full((9, 9), row, np.uint8))
            image.save(tmp_path / "few" / label / f"{row}.png")
    done = cli("check", tmp_path / "few", "--out", "out")
    assert done.status == 2
    assert "at least 100 examples" in done.err
    assert not Path("out").exists()


def test_a_size_that_cannot_be(cli: Any) -> None:
    done = cli("check", "mnist", "--image-size", "16")
    assert done.status == 2
    assert not Path("checked").exists()
