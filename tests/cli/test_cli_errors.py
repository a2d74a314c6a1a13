"""Every kind of bad input: exit status 2, one line (kept in golden/errors.txt), nothing written."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from radiotracer.digested import digested
from tiny_world import World, tiny_archive

TAMPER = ["tamper", "{npz}", "--recipe", "random-flip", "--share", "0.1", "--out", "out"]
TARGETED = ["tamper", "{npz}", "--recipe", "targeted-flip", "--share", "0.5", "--out", "out"]
TRAIN = ["train", "{npz}", "--architecture", "small-cnn", "--width", "2", "--out", "out"]
SCAN = ["scan", "{run}", "--out", "out"]


def share(value: str) -> list[str]:
    return [value if each == "0.1" else each for each in TAMPER]


USAGE: dict[str, list[str]] = {
    "unknown command": ["frobnicate"],
    "unknown command in data": ["data", "frob"],
    "unknown option": ["tamper", "--nope"],
    "missing argument": ["scan", "--out", "out"],
    "missing required option": TAMPER[:-2],
    "too many arguments": [*SCAN, "more"],
    "wrong type": ["tamper", "{npz}", "--recipe", "random-flip", "--share", "x", "--out", "o"],
    "unknown recipe": ["tamper", "{npz}", "--recipe", "x", "--share", "0.1", "--out", "out"],
    "unknown model": ["train", "{npz}", "--architecture", "x", "--out", "out"],
    "unknown tail": [*SCAN, "--top-k", "3", "--tail", "x"],
    "hostile command": ["\x1b[31mred\nline"],
    "share of one": share("1"),
    "share of nothing": share("0"),
    "share not a number": share("nan"),
    "share too small": share("0.001"),
    "tamper with a negative seed": [*TAMPER, "--seed", "-1"],
    "random flip with classes": [*TAMPER, "--from-class", "low"],
    "targeted flip without classes": TARGETED,
    "targeted flip with one class": [*TARGETED, "--from-class", "low"],
    "the same class twice": [*TARGETED, "--from-class", "low", "--to-class", "low"],
    "unknown class": [*TARGETED, "--from-class", "low", "--to-class", "no\x1b[2Jne"],
    "unknown data": ["train", "nowhere", "--out", "out"],
    "unknown data set": ["data", "get", "cifar"],
    "image size of an archive": [*TRAIN, "--image-size", "8"],
    "no epochs": [*TRAIN, "--epochs", "0"],
    "no width": [*TRAIN[:4], "--width", "0", "--out", "out"],
    "train with a negative seed": [*TRAIN, "--seed", "-1"],
    "learning rate not a number": [*TRAIN, "--learning-rate", "nan"],
    "no checkpoints": [*TRAIN, "--checkpoint-every", "0"],
    "batch larger than the data": [*TRAIN, "--batch-size", "500"],
    "batch of one": [*TRAIN, "--batch-size", "1"],
    "loss that is not finite": [*TRAIN, "--batch-size", "16", "--learning-rate", "1e30"],
    "no run": ["scan", "nowhere", "--out", "out"],
    "threshold and top": [*SCAN, "--threshold", "1", "--top-k", "3"],
    "tail alone": [*SCAN, "--tail", "lower"],
    "top of nothing": [*SCAN, "--top-k", "0"],
    "rate and top": [*SCAN, "--fdr", "0.05", "--top-k", "3"],
    "rate and threshold": [*SCAN, "--fdr", "0.05", "--threshold", "1"],
    "rate of one": [*SCAN, "--fdr", "1"],
    "rate not a number": [*SCAN, "--fdr", "nan"],
    "rate with a tail": [*SCAN, "--fdr", "0.05", "--tail", "lower"],
    "reference without a rate": [*SCAN, "--clean-reference", "r.txt"],
    "reference beside a budget": [*SCAN, "--top-k", "3", "--clean-reference", "r.txt"],
    "storey without a rate": [*SCAN, "--storey"],
    "storey without a reference": [*SCAN, "--fdr", "0.05", "--storey"],
    "reference that is nowhere": [*SCAN, "--fdr", "0.05", "--clean-reference", "r.txt"],
    "budget below nothing": [*SCAN, "--max-flagged", "-1"],
    "junit into a folder": [*SCAN, "--junit", "{data}"],
    "threshold not a number": [*SCAN, "--threshold", "nan"],
    "unknown detector": [*SCAN, "--detector", "nope"],
    "detector without queries": [*SCAN, "--validation", "none", "--detector", "tracin-cp"],
    "incident row that is not there": [*SCAN, "--incident", "{npz}:test#999"],
    "incident that is no row": [*SCAN, "--incident", "{npz}:test#x"],
    "incident that is predicted right": [*SCAN, "--incident", "{npz}:test#0,1"],
    "incident without queries": [*SCAN, "--validation", "none", "--incident", "{npz}:test#0"],
    "known target without an incident": [*SCAN, "--detector", "known-target"],
    "layers that match nothing": [*SCAN, "--layers", "nothing.*"],
    "scan with a negative seed": [*SCAN, "--seed", "-1"],
    "scan in batches of nothing": [*SCAN, "--batch-size", "0"],
    "unknown queries": [*SCAN, "--validation", "nowhere"],
    "data of another run": [*SCAN, "--data", "{npz}"],
    "factory that is nowhere": [*SCAN, "--factory", "no_such_module:build"],
    "factory without a function": [*SCAN, "--factory", "json"],
    "factory of no network": [*SCAN, "--factory", "builtins:dict"],
    "factory that fails": [*SCAN, "--factory", "builtins:ord"],
}


@pytest.mark.parametrize("name", USAGE)
def test_usage(name: str, fail: Any) -> None:
    fail(name, *USAGE[name])


def test_references_that_cannot_be_used(fail: Any, tmp_path: Path, tiny: World) -> None:
    ids = tiny.tampered.ids.tolist()
    scan = [*SCAN, "--fdr", "0.05", "--clean-reference"]
    for name, file, content in (
        ("reference of too few", "few.txt", "\n".join(ids[:18])),
        ("reference of unknown ids", "unknown.txt", "\n".join([*ids[:30], "nobody\x1b[31m"])),
        ("reference with an id twice", "twice.txt", "\n".join([*ids[:30], ids[3]])),
        ("reference of nothing", "empty.txt", ""),
        ("reference without ids", "table.csv", "name\nsomebody\n"),
        ("reference of another kind", "table.json", "[]"),
    ):
        (tmp_path / file).write_text(content)
        fail(name, *scan, f"{{tmp}}/{file}")


def test_a_training_that_diverged_is_not_scanned(fail: Any, cli: Any) -> None:
    fail("loss that is not finite", *USAGE["loss that is not finite"])
    done = cli("scan", "out", "--out", "scan")
    assert done.status == 2 and "a training that stopped after" in done.err


def idx_folder(folder: Path) -> Path:
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    head = struct.pack(">HBB3I", 0, 8, 3, *images.shape)
    (folder / "train-images-idx3-ubyte").write_bytes(head + images.tobytes())
    head = struct.pack(">HBB1I", 0, 8, 1, 6)
    (folder / "train-labels-idx1-ubyte").write_bytes(head + bytes([0, 1, 2, 0, 1, 2]))
    return folder


# NumPy leaves the file of a broken archive to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_truncated_files(fail: Any, archive: Path, tmp_path: Path) -> None:
    folder = idx_folder(tmp_path / "idx")
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-10])
    fail("truncated IDX", "train", "{tmp}/idx", "--out", "out")
    archive.write_bytes(archive.read_bytes()[:3000])
    line = fail("truncated npz", *TRAIN, keep=False)
    assert "expected an archive of plain arrays in <npz>; got one that cannot be read" in line


def test_a_wrong_digest_in_the_cache(
    fail: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No route works here: no program is found, and the mirror's client says no."""
    monkeypatch.setenv("RADIOTRACER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("pooch.retrieve", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
    folder = tmp_path / "cache" / "mnist"
    folder.mkdir(parents=True)
    for name, size in (("images-idx3", 47_040_016), ("labels-idx1", 60_008)):
        with (folder / f"train-{name}-ubyte").open("wb") as stream:
            stream.truncate(size)
    line = fail("wrong digest in the cache", "train", "mnist", "--out", "out")
    assert "ba891046e650" in line and "npm" in line and "ossci-datasets" in line


def test_labels_and_classes(fail: Any, archive: Path, tmp_path: Path) -> None:
    images = np.zeros((4, 10, 10), np.uint8)
    names = np.array(["a", "b"])
    np.savez(tmp_path / "l.npz", images=images, labels=np.array([0, 1, 2, 0]), class_names=names)
    fail("labels outside the classes", "train", "{tmp}/l.npz", "--out", "out")
    np.savez(tmp_path / "e.npz", images=images, labels=np.zeros(4, int), class_names=names)
    fail("empty class", "train", "{tmp}/e.npz", "--batch-size", "2", "--out", "out")
    flip = ["--recipe", "targeted-flip", "--share", "0.5", "--out", "out"]
    classes = ["--from-class", "b", "--to-class", "a"]
    fail("empty source class", "tamper", "{tmp}/e.npz", *flip, *classes)
    np.savez(tmp_path / "o.npz", images=images, labels=np.zeros(4, int))
    random = ["--recipe", "random-flip", "--share", "0.5", "--out", "out"]
    fail("one class", "tamper", "{tmp}/o.npz", *random)


def test_runs_that_cannot_be_used(fail: Any, tiny: World, tmp_path: Path) -> None:
    run = tiny.copy(tmp_path / "run")
    scan = ["scan", "{tmp}/run", "--out", "out"]
    text = (run / "run.json").read_text()
    info = json.loads(text)
    (run / "run.json").write_text(digested({**info, "status": "interrupted"}))
    fail("interrupted run", *scan)
    (run / "run.json").write_text("no JSON")
    assert "run.json; got the file: Invalid JSON" in fail("garbage run", *scan, keep=False)
    (run / "run.json").write_text("[1]")
    assert "run.json; got the file: " in fail("another kind of JSON", *scan, keep=False)
    (run / "run.json").write_text(digested({**info, "checkpoints": []}))
    fail("run without checkpoints", *scan)
    (run / "run.json").write_text(text)
    last = run / info["checkpoints"][-1]["file"]
    content = last.read_bytes()
    last.write_bytes(content[:-1])
    line = fail("damaged checkpoint", *scan, keep=False)
    assert line.endswith("restore it or train again")
    last.unlink()
    fail("missing checkpoint", *scan)
    (run / "examples.parquet").write_bytes(b"PAR1")
    other = tiny_archive(tmp_path / "other.npz", n=24, m=9)  # the recorded ones are not looked into
    line = fail("damaged identity", *scan, "--data", str(other), keep=False)
    assert "examples.parquet" in line


def test_an_interrupted_run_may_be_allowed(cli: Any, tiny: World, tmp_path: Path) -> None:
    run = tiny.copy(tmp_path / "run")
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(digested({**info, "status": "interrupted"}))
    done = cli("scan", run, "--allow-interrupted", "--out", "out")
    assert done.status in (0, 1)
    assert "The training did not end" in Path("out/report.html").read_text()


def test_changed_data(fail: Any, tiny: World, tmp_path: Path, archive: Path) -> None:
    shutil.copytree(tiny.data, tmp_path / "data")
    fail("other queries as data", *SCAN, "--data", f"{tiny.archive}:test")
    (tmp_path / "data" / "manifest.parquet").write_bytes(b"")
    line = fail("spoilt manifest", *SCAN, "--data", "{tmp}/data", keep=False)
    assert "manifest.parquet" in line


def test_another_architecture(fail: Any, tmp_path: Path) -> None:
    Path("mine_wrong.py").write_text(
        "from radiotracer.training.networks import SmallCNN\n"
        "def build(): return SmallCNN(3, 3, 2)\n"
        "import torch\ndef other(): return torch.nn.Linear(2, 2)\n"
    )
    line = fail("another architecture", *SCAN, "--factory", "mine_wrong:build")
    assert "features.0.weight of shape (2, 1, 3, 3)" in line
    line = fail("a very different architecture", *SCAN, "--factory", "mine_wrong:other", keep=False)
    assert "weight missing from the checkpoint" in line and "unknown to the network" in line


def test_a_factory_that_fits(cli: Any, tiny: World) -> None:
    Path("mine_right.py").write_text(
        "from radiotracer.training.networks import SmallCNN\n"
        "def build(): return SmallCNN(1, 3, 2)\n"
    )
    assert cli("scan", tiny.folder, "--factory", "mine_right:build", "--out", "out").status in (
        0,
        1,
    )


OUTS = {
    "tamper": (TAMPER[:-2], "manifest.parquet"),
    "train": ([*TRAIN[:-2], "--batch-size", "16", "--epochs", "1"], "run.json"),
    "scan": (SCAN[:-2], "summary.json"),
}


@pytest.mark.parametrize("command", OUTS)
def test_the_out_folder(command: str, fail: Any, cli: Any, archive: Path, tiny: World) -> None:
    arguments, marker = OUTS[command]
    filled = [each.format(npz=archive, run=tiny.folder) for each in arguments]
    Path("file").write_text("mine")
    fail(f"{command} into a file", *arguments, "--out", "file")
    Path("other").mkdir()
    Path("other/thing").write_text("mine")
    for extra in ([], ["--overwrite"]):
        fail(f"{command} into other things", *arguments, "--out", "other", *extra)
    assert Path("other/thing").read_text() == "mine"
    Path("empty").mkdir()
    assert cli(*filled, "--out", "empty").status in (0, 1)
    (Path("empty") / "stray").write_text("of an earlier run")
    fail(f"{command} into an earlier one", *arguments, "--out", "empty")
    assert cli(*filled, "--out", "empty", "--overwrite").status in (0, 1)
    assert (Path("empty") / marker).is_file() and not (Path("empty") / "stray").exists()


@pytest.mark.parametrize("command", OUTS)
def test_out_below_a_file(command: str, fail: Any) -> None:
    Path("file").write_text("mine")
    fail(f"{command} below a file", *OUTS[command][0], "--out", "file/below")
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize("command", OUTS)
def test_a_read_only_folder(command: str, fail: Any) -> None:
    # Not even root can make a folder there.
    fail(f"{command} into a read-only folder", *OUTS[command][0], "--out", "/sys/radiotracer-out")


def tree(root: Path) -> Path:
    """A folder of images with names that would like to write to the terminal."""
    generator = np.random.default_rng(0)
    for label, name in enumerate(("cat", "d\x1b[31mog\nx")):
        (root / name).mkdir(parents=True)
        for row in range(12):
            pixels = generator.integers(0, 90, (10, 10), dtype=np.uint8)
            pixels[5 * label : 5 * label + 3] += 100
            Image.fromarray(pixels).save(root / name / f"{row:02d}.png")
    (root / "cat" / "bad\x1b]0;title\x07\n.png").write_bytes(b"no image")
    whole = (root / "cat" / "00.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    return root


def test_images_that_cannot_be_decoded(cli: Any, tmp_path: Path) -> None:
    """They are named, left out and counted; the rest goes on, through a scan."""
    root = tree(tmp_path / "tree")
    done = cli(
        "train", root, "--architecture", "small-cnn", "--width", "2", "--epochs", "1",
        "--batch-size", "8", "--out", "run",
    )  # fmt: skip
    assert done.status == 0
    for text in (done.out, done.err):
        assert all(line.isprintable() for line in text.splitlines())
    assert "left out cat/bad\\x1b]0;title\\x07\\n.png: no image of a kind" in done.err
    assert "left out cat/cut.png: " in done.err
    assert "; 2 files left out (left-out.csv)" in done.err
    done = cli("scan", "run", "--top-k", "3", "--out", "scan")
    assert done.status == 1 and all(line.isprintable() for line in done.out.splitlines())
    assert "2 left out, with reasons" in Path("scan/report.html").read_text()
    assert "\x1b" not in Path("scan/report.html").read_text()


def test_a_hostile_class_name_in_an_error(fail: Any, tmp_path: Path) -> None:
    tree(tmp_path / "tree")
    flip = ["--recipe", "targeted-flip", "--share", "0.5", "--out", "out"]
    line = fail(
        "hostile classes", "tamper", "{tmp}/tree", *flip, "--from-class", "x", "--to-class", "cat"
    )
    assert "d\\x1b[31mog\\nx" in line


def test_queries_are_resized_like_the_images_that_were_tampered_with(
    cli: Any, tmp_path: Path
) -> None:
    for split in ("train", "test"):
        tree(tmp_path / "root" / split)
    size = ["--image-size", "8"]
    flip = ["--recipe", "random-flip", "--share", "0.2", *size]
    assert cli("tamper", tmp_path / "root", *flip, "--out", "data").status == 0
    few = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "8"]
    assert cli("train", "data", *few, "--out", "run").status == 0
    assert cli("scan", "run", "--out", "scan").status in (0, 1)
    assert cli("train", tmp_path / "root", *few, *size, "--out", "sized").status == 0
    assert cli("scan", "sized", "--out", "scan2").status in (0, 1)
