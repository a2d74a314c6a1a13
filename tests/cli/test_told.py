"""What every command says of the data that it read, and classes mended on the command line."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radiotracer.data import Dataset, open_data
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store

FEW = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "32"]


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Classes that a person would mend, a copy under two labels, copies in both parts."""
    root, generator = tmp_path / "photos", np.random.default_rng(0)
    for part, n in (("train", 50), ("test", 15)):
        for name in ("Cat", "cat", "dog", "scans"):
            (root / part / name).mkdir(parents=True)
            for row in range(n if name != "scans" else 1):
                pixels = generator.integers(0, 255, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{row:02}.png")
    shutil.copy(root / "train/cat/00.png", root / "train/dog/dup.png")
    shutil.copy(root / "train/cat/01.png", root / "test/cat/again.png")
    shutil.copy(root / "train/cat/02.png", root / "test/dog/wrong.png")
    (root / "train/cat/bad.png").write_bytes(b"no image")
    return root


CERTAIN = (
    "4 examples lie under two labels: train/cat/00.png (cat) = train/dog/dup.png (dog), "
    "train/cat/02.png (cat) = test/dog/wrong.png (dog)"
)


def test_a_check_says_what_it_read_and_what_is_certain(cli: Any, photos: Path) -> None:
    done = cli("check", photos)
    assert done.status == 4, "the images are noise, of which nothing can be said"
    said = done.err.splitlines()
    assert said[0] == (
        "152 images, 4 classes (Cat 50, cat 50, dog 51, scans 1), 46 validation images from "
        "`test`; 3 files left out (left-out.csv)"
    )
    assert said[1].startswith("left out train/cat/bad.png: no image of a kind")
    assert "Validation part: 2 of 48 examples are among the training ones" in said[2]
    assert "'Cat', 'cat' differ only by case" in said[3]
    assert said[4] == "Classes of one example: 'scans'."
    assert said[5] == CERTAIN and CERTAIN in done.out
    left = rows_of("checked/scan/left-out.csv")
    assert [(row["part"], row["path"]) for row in left] == [
        ("train", "train/cat/bad.png"),
        ("validation", "test/cat/again.png"),
        ("validation", "test/dog/wrong.png"),
    ]
    found = rows_of("checked/scan/duplicates.csv")
    assert [tuple(row.values()) for row in found] == [
        ("labels", "0", "train", "train/cat/00.png", "cat"),
        ("labels", "0", "train", "train/dog/dup.png", "dog"),
        ("labels", "1", "train", "train/cat/02.png", "cat"),
        ("labels", "1", "validation", "test/dog/wrong.png", "dog"),
        ("parts", "2", "train", "train/cat/01.png", "cat"),
        ("parts", "2", "validation", "test/cat/again.png", "cat"),
    ]
    read = json.loads(Path("checked/scan/summary.json").read_text())["read"]
    assert (read["examples"], read["left_out"]) == (152, 3)
    assert read["validation"]["examples"] == 46
    assert read["classes"][3] == {"name": "scans", "examples": 1}
    assert read["certain"]["under_different_labels"] == 4 and read["certain"]["in_both_parts"] == 2
    page = Path("checked/scan/report.html").read_text("utf-8")
    for text in ("Certain errors", "train/dog/dup.png", "3 left out, with reasons", "differ only"):
        assert text in page

    # The same by a training of one's own, by the same rows and without the copies.
    assert cli("train", photos, "--image-size", 32, *FEW, "--out", "run").status == 0
    again = cli("scan", "run", "--out", "scanned", "--json")
    assert {**json.loads(again.out)["read"], "notes": []} == {**read, "notes": []}
    ranked = pq.read_table("scanned/ranking.parquet")
    theirs = pq.read_table("checked/scan/ranking.parquet")
    assert sorted(ranked["id"].to_pylist()) == sorted(theirs["id"].to_pylist())


def test_classes_are_mended_from_the_check_to_the_export(cli: Any, photos: Path) -> None:
    (photos / "train/dog/dup.png").unlink()
    (photos / "test/dog/wrong.png").unlink()
    mend = ["--merge", "Cat=cat", "--drop-class", "scans"]
    done = cli("check", photos, *mend, "--json")
    read = json.loads(done.out)["read"]
    assert read["classes"] == [
        {"name": "cat", "examples": 100},
        {"name": "dog", "examples": 50},
    ]
    assert read["notes"][0] == "Class 'Cat' was merged into 'cat' (50 examples)."
    assert read["warnings"] == [] and read["validation"]["examples"] == 45
    # The scan opens the same data by itself, validation data too.
    scanned = "checked/scan"
    assert cli("review", scanned, "--merge", "cat=x").err.startswith("radiotracer: expected --ex")
    decide(
        Path(scanned),
        open_data(photos, image_size=8, merge=["Cat=cat"], drop_class=["scans"]),
        {"train/dog/00.png": "drop"},
    )
    assert cli("review", scanned, "--export", "cleaned").status == 0
    after = open_data("cleaned/data", image_size=32)
    assert after.class_names == ("cat", "dog") and np.bincount(after.labels).tolist() == [100, 49]
    assert rows_of("cleaned/left-out.csv")[0]["path"] == "train/cat/bad.png"
    assert open_data("cleaned/data:test", like=after).class_names == ("cat", "dog")
    assert cli("review", scanned, "--export", "one", "--drop-class", "dog").status == 0
    assert open_data("one/data", image_size=32).class_names == ("cat",)


def decide(scan: Path, examples: Dataset, decisions: dict[str, str]) -> None:
    scanned = read_scan(scan)
    store = Store(scan / FILE, identity_of(scanned))
    board = Board(scanned, examples, match(scanned, examples), store)
    rows = {name: row for row, name in enumerate(scanned.ids.tolist())}
    for name, verb in decisions.items():
        board.decide(rows[name], verb, None, 0)
    store.close()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_of_texts_are_mended_and_exported(cli: Any, suffix: str) -> None:
    """A merged class has its new name in the file that an export writes."""
    generator = np.random.default_rng(0)
    words = [" ".join(generator.choice(list("abcdefgh"), 9)) + f" {row}" for row in range(160)]
    words[7] = words[6] = words[0]
    labels = [("Ham", "ham", "spam", "junk")[row % 4] for row in range(160)]
    if suffix == "csv":
        lines = ["text,label", *(f"{w},{label}" for w, label in zip(words, labels, strict=True))]
        Path("mails.csv").write_text("\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table({"text": words, "label": labels}), "mails.parquet")
    file = f"mails.{suffix}"
    done = cli("check", file, "--merge", "Ham=ham", "--drop-class", "junk")
    # Rows 0 and 6 are left of the three copies; row 7 went with its class. Found, or a ranking that
    # is inconclusive: the copies are told either way.
    assert done.status in (1, 4)
    assert "120 texts, 2 classes (ham 80, spam 40)" in done.err
    assert "2 examples lie under two labels: " in done.out
    ids = [row["id"] for row in rows_of("checked/scan/duplicates.csv")]
    examples = open_data(file, merge=["Ham=ham"], drop_class=["junk"])
    assert [examples.content[row] for row in np.flatnonzero(np.isin(examples.ids, ids))] == [
        words[0],
        words[0],
    ]
    drops = dict.fromkeys(examples.ids[examples.labels == 1].tolist(), "drop")
    decide(Path("checked/scan"), examples, drops)
    done = cli("review", "checked/scan", "--export", "cleaned", "--json")
    told = json.loads(done.out)
    assert told["format"] == "text-tables", told["note"]
    after = open_data(f"cleaned/data/{file}")
    assert after.class_names == ("ham",) and len(after) == 80
    assert told["digest_after"] == after.digest


def test_every_command_lists_what_it_left_out(cli: Any, photos: Path) -> None:
    done = cli("train", photos, "--image-size", "8", *FEW, "--out", "run", "--json")
    read = json.loads(done.out)["read"]
    assert read["validation"] is None and read["left_out"] == 1
    assert [row["path"] for row in rows_of("run/left-out.csv")] == ["train/cat/bad.png"]
    assert len(rows_of("run/duplicates.csv")) == 2
    assert cli("key", "new", "my.key").status == 0
    mark = ["--key", "my.key", "--extractor", "run", "--image-size", "8", "--share", "0.3"]
    done = cli("mark", photos, *mark, "--out", "marked", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["read"] == read
    assert len(rows_of("marked/left-out.csv")) == 1
    assert not list(Path("marked/release").glob("*.csv")), "it is not for the public"
    done = cli("data", "store", photos, "--out", "stored", "--merge", "Cat=cat", "--json")
    assert json.loads(done.out)["read"]["classes"][0] == {"name": "cat", "examples": 100}
    assert len(rows_of("stored/left-out.csv")) == 1 and len(rows_of("stored/duplicates.csv")) == 2


@pytest.mark.parametrize("command", ["check", "train", "tamper", "mark", "data store"])
def test_an_unknown_class_is_refused_in_one_line(cli: Any, photos: Path, command: str) -> None:
    more = {
        "tamper": ["--recipe", "random-flip", "--share", "0.1"],
        "mark": ["--key", "my.key"],
    }
    cli("key", "new", "my.key")
    given = [*command.split(), photos, *more.get(command, []), "--out", "out"]
    for option, words in (("--merge", "--merge FROM=INTO, with"), ("--drop-class", "--drop-class")):
        done = cli(*given, option, "Dog=dog")
        assert (done.status, done.out) == (2, "")
        line = done.err.splitlines()[-1]
        assert line.startswith(f"radiotracer: expected {words}") and "Cat, cat, dog, scans" in line
        assert not Path("out").exists()
