"""`check`: a folder of images in, what is wrong with it out, in one command."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from radiotracer.cli import run
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


def test_wrong_labels_are_found_and_validation_images_help(
    cli: Any, photos: tuple[Path, set[str]]
) -> None:
    folder, wrong = photos
    done = cli("check", folder)
    assert done.status == 1
    assert "400 training examples are flagged" in done.out
    assert done.out.splitlines()[-1] == "next: radiotracer review checked/scan"
    rows = pq.read_table("checked/scan/ranking.parquet").to_pylist()
    assert {row["id"] for row in rows} >= wrong
    # 34 to 40 of the first 40 with the seeds 0 to 5; 4 by chance.
    assert sum(row["id"] in wrong for row in rows[:40]) >= 25
    assert Path("checked/scan/report.html").is_file()
    recorded = Run.open("checked/run")
    assert recorded.info.data.options.given() == {"image_size": 32}

    again = cli("check", folder, "--json")
    assert "epoch" not in again.err, "the training is done, and was not repeated"
    assert json.loads(again.out)["flagged"] == sum(row["is_flagged"] for row in rows)
    # What is written opens again by itself.
    assert cli("scan", "checked/run", "--out", "scanned").status == 1
    scanned = pq.read_table("scanned/ranking.parquet")
    assert scanned.equals(pq.read_table("checked/scan/ranking.parquet"))

    # Validation images decide by contrast, and need no other training.
    digits = load_digits()
    clean = (digits.images[1000:1200, ..., None] / 16 * 255).astype(np.uint8)
    large = np.kron(clean, np.ones((1, 4, 4, 1), np.uint8))
    np.savez("clean.npz", images=large, labels=digits.target[1000:1200])
    better = cli("check", folder, "--validation", "clean.npz", "--json")
    assert "epoch" not in better.err and json.loads(better.out)["detector"] == "contrast"


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


def images(folder: Path, labels: str, each: int, *, damaged: int = 0, shape: Any = (9, 9)) -> Path:
    """`each` images of noise in every class; of the first class so many cannot be read."""
    rng = np.random.default_rng(0)
    for label in labels:
        (folder / label).mkdir(parents=True)
        for row in range(each):
            file = folder / label / f"{row:03}.png"
            Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(file)
            if label == labels[0] and row < damaged:
                file.write_bytes(file.read_bytes()[:40])
    return folder


def test_what_is_refused_is_refused_at_once(cli: Any, photos: tuple[Path, set[str]]) -> None:
    """One line, nothing written, and no training before the scan would say no."""
    folder = photos[0]
    image = next(folder.glob("3/*.png"))
    Path("empty").mkdir()
    alone = images(Path("alone"), "a", 120)
    colour = images(Path("colour"), "0123456789", 2, shape=(9, 9, 3))
    more = images(Path("more"), "0123456789A", 2)
    before = sorted(each.name for each in Path().iterdir())
    for arguments, words in [
        (("empty",), "expected a folder of images per class in"),
        ((alone,), "expected examples of two classes or more; got only a in"),
        ((image,), f"expected a folder with one folder of images per class; got the image {image}"),
        ((folder, "--out", folder / "out"), "expected --out outside of the data; got"),
        ((folder, "--out", folder), "expected --out outside of the data; got"),
        ((folder, "--validation", "nowhere"), "where nothing is"),
        ((folder, "--validation", "empty"), "expected a folder of images per class in"),
        ((folder, "--validation", image), "expected a folder with one folder of images per class;"),
        ((folder, "--validation", colour), "expected images of channels 1, height 32, width 32"),
        ((folder, "--validation", more), "got the class 'A' from"),
        ((folder, "--validation", folder), "that are not among the checked ones; got 400 of 400"),
        ((folder, "--validation", more, "--out", more / "out"), "expected --out outside of the"),
    ]:
        done = cli("check", *arguments)
        assert (done.status, done.out) == (2, ""), done
        last = done.err.splitlines()[-1]
        assert last.startswith("radiotracer: expected ") and words in last, last
        assert "epoch" not in done.err
        assert sorted(each.name for each in Path().iterdir()) == before
        assert not (folder / "out").exists()


def test_the_folder_of_the_images_is_no_place_for_the_default(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(images(Path("photos"), "ab", 60))
    done = cli("check", ".")
    assert done.status == 2 and "expected --out outside of the data; got checked" in done.err
    assert sorted(each.name for each in Path().iterdir()) == ["a", "b"]


def test_damaged_images_are_left_out_and_named(cli: Any) -> None:
    done = cli("check", images(Path("photos"), "ab", 80, damaged=50))
    assert done.status in (0, 1)
    assert "left out a/000.png: no image of a kind" in done.err
    assert "110 images, 2 classes (a 30, b 80); 50 files left out (left-out.csv)" in done.err
    page = Path("checked/scan/report.html").read_text("utf-8")
    assert "50 left out, with reasons" in page and "a/049.png" in page
    with Path("checked/scan/left-out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["part"], row["path"]) for row in rows] == [
        ("train", f"a/{row:03}.png") for row in range(50)
    ]
    assert all("cannot identify" in row["reason"] or row["reason"] for row in rows)


@pytest.mark.parametrize("limit", [100, 10_000, 100_000])
def test_a_full_disk(cli: Any, limit: int) -> None:
    folder = images(Path("photos"), "ab", 60)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        done = cli("check", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert (done.status, done.out) == (2, ""), done
    last = done.err.splitlines()[-1]
    assert last.startswith("radiotracer: expected to write ")
    assert "the file size limit is reached" in last
    assert not list(Path().rglob("*.partial")) and not Path("checked/scan").exists()
    assert not Path("checked/run/run.json").exists()


def interrupted(arguments: list[str], said: Path) -> int:
    """The command's status in a child, which gets Ctrl-C at the end of its second epoch."""
    pid = os.fork()
    if pid == 0:
        # Workers of pytest-xdist ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout = sys.stderr = said.open("w", buffering=1)
        os._exit(run(arguments))
    done = (0, 0)
    while not done[0] and (not said.exists() or said.read_text().count("epoch ") < 2):
        time.sleep(0.01)
        done = os.waitpid(pid, os.WNOHANG)
    if not done[0]:
        os.kill(pid, signal.SIGINT)
        done = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(done[1])


def test_what_was_interrupted_goes_on(cli: Any) -> None:
    """Ctrl-C in the training, and again: one line each; then the same command ends it."""
    folder = images(Path("photos"), "ab", 60)
    for said in (Path("first.txt"), Path("second.txt")):
        assert interrupted(["check", str(folder)], said) == 130
        lines = said.read_text().splitlines()
        assert lines[-1] == "radiotracer: interrupted" and "Traceback" not in said.read_text()
        assert not Path("checked/scan").exists() and not list(Path().rglob("*.partial"))
    assert lines[0] == "120 images, 2 classes (a 60, b 60)"
    assert lines[1].startswith("checked/run goes on after epoch ")
    done = cli("check", folder)
    assert done.status in (0, 1)
    assert done.err.splitlines()[1].startswith("checked/run goes on after epoch ")
    assert "epoch 1 of" not in done.err
    assert Path("checked/scan/report.html").is_file()
    assert sorted(each.name for each in Path("checked").iterdir()) == ["check.json", "run", "scan"]
