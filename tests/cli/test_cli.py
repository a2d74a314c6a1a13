"""What commands do when all is well: exit status, both outputs, one JSON object each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from in_a_child import Ended, in_a_child, limit_files
from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.digested import require_digest
from tiny_world import World

FEW = ["--architecture", "small-cnn", "--width", "2", "--epochs", "2", "--batch-size", "16"]


def with_little_disk(limit: int, *arguments: object) -> Ended:
    """A command in a process that may write no file of more bytes than the limit."""

    def do() -> int:
        limit_files(limit)
        return run([str(each) for each in arguments])

    return in_a_child(do)


def test_the_whole_of_it(cli: Any, archive: Path) -> None:
    """tamper, train, scan: each prints where its output is and what to do next."""
    flip = ["--recipe", "targeted-flip", "--from-class", "low", "--to-class", "top"]
    done = cli("tamper", archive, *flip, "--share", "0.25", "--seed", "3", "--out", "data")
    assert done.status == 0
    assert done.err == "96 images, 3 classes (low 32, mid 32, top 32)\n"
    assert done.out.splitlines() == [
        "8 of 96 labels changed; written to data",
        "next: radiotracer train data --out run",
    ]
    table = pq.read_table("data/manifest.parquet").to_pylist()
    changed = [row for row in table if row["is_tampered"]]
    assert len(changed) == 8
    assert {(row["original_label"], row["label"]) for row in changed} == {(0, 2)}
    done = cli("train", "data", *FEW, "--out", "run")
    assert done.status == 0
    assert done.out.splitlines() == [
        "2 checkpoints in run",
        "next: radiotracer scan run --out scan",
    ]
    said, *epochs = done.err.splitlines()
    assert said == "96 images, 3 classes (low 24, mid 32, top 40)"
    assert epochs == ["epoch 1 of 2: 96 done", "epoch 2 of 2: 96 done"]
    done = cli("scan", "run", "--out", "scan", "--top-k", "4", "--tail", "both")
    assert done.status == 1
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert "* decides: the 4 largest absolute scores" in lines
    assert "4 of 96 training examples are flagged." in lines
    assert lines[-3:] == [
        "report    scan/report.html",
        "ranking   scan/ranking.parquet",
        "summary   scan/summary.json",
    ]
    assert "contrast *" in done.out and "AUPRC" in done.out
    assert "examples at every checkpoint: 192 done" in done.err


def test_one_json_object_each(cli: Any, archive: Path) -> None:
    flip = ["--recipe", "random-flip", "--share", "0.1", "--seed", "7"]
    done = cli("tamper", archive, *flip, "--out", "data", "--json")
    assert done.status == 0
    assert json.loads(done.out) == {
        "examples": 96,
        "tampered": 10,
        "out": "data",
        "source": str(archive),
        "source_digest": open_data(str(archive)).digest,
        "recipe": "random-flip",
        "share": 0.1,
        "seed": 7,
    }
    done = cli("train", "data", *FEW, "--out", "run", "--json")
    info = json.loads(done.out)
    assert done.status == 0 and info["status"] == "complete" and len(info["checkpoints"]) == 2
    done = cli("scan", "run", "--out", "scan", "--json")
    summary = json.loads(done.out)
    assert summary == require_digest(Path("scan/summary.json").read_bytes())
    assert done.status == (1 if summary["flagged"] else 0)
    done = cli("data", "list", "--json")
    listed = json.loads(done.out)
    assert done.status == 0 and done.err == ""
    names = [row["name"] for row in listed["datasets"]]
    assert names == ["mnist", "fashion-mnist", "spam-assassin"]
    assert list(listed["datasets"][0]) == [
        "name", "title", "licence", "examples", "bytes", "cached", "kind",
    ]  # fmt: skip


def test_data_get(cli: Any, mnist: Any) -> None:
    done = cli("data", "get", "mnist", "--out", "files", "--json")
    found = json.loads(done.out)
    assert done.status == 0 and found == {"name": "mnist", "route": "cache", "folder": "files"}
    assert len(open_data("files:test")) == 10_000
    done = cli("data", "get", "mnist")
    assert done.status == 0 and done.out.startswith("mnist is in ")
    assert done.out.endswith("(by cache)\n") and done.out.count("\n") == 1


def test_nothing_found_is_0(cli: Any, tiny: World) -> None:
    done = cli("scan", tiny.folder, "--threshold", "1e9", "--out", "scan")
    assert done.status == 0
    assert "0 of 96 training examples are flagged." in done.out


def reviewed(tiny: World, path: Path, size: int) -> Path:
    """A random sample that somebody looked at, without what was tampered with."""
    drawn = np.random.default_rng(0).permutation(96)
    clean = drawn[~tiny.manifest.is_tampered[drawn]][:size]
    path.write_text("\n".join(tiny.tampered.ids[clean]))
    return path


def test_a_false_discovery_rate_with_a_reference(cli: Any, tiny: World, tmp_path: Path) -> None:
    path = reviewed(tiny, tmp_path / "reviewed.txt", 40)
    done = cli(
        "scan", tiny.folder, "--fdr", "0.3", "--clean-reference", path, "--out", "scan", "--json"
    )
    summary = json.loads(done.out)
    assert done.status == 1 and summary["flagged"] > 0 and summary["inconclusive"] is None
    assert f"against 40 reference examples, all classes together: {path}" in summary["rule"]
    table = pq.read_table("scan/ranking.parquet").to_pydict()
    assert sum(table["is_reference"]) == 40
    more = [*("--fdr", "0.3", "--clean-reference", path, "--storey"), "--json"]
    done = cli("scan", tiny.folder, *more, "--out", "storey")
    assert json.loads(done.out)["flagged"] >= summary["flagged"]
    assert "share of clean examples estimated at" in json.loads(done.out)["rule"]


def test_inconclusive_is_told_and_is_4(cli: Any, tiny: World, tmp_path: Path) -> None:
    path = reviewed(tiny, tmp_path / "few.txt", 19)
    rate = ["--fdr", "0.05", "--clean-reference", path]
    done = cli("scan", tiny.folder, *rate, "--junit", "scan.xml", "--out", "scan")
    assert done.status == 4
    (line,) = [each for each in done.out.splitlines() if each.startswith("inconclusive: ")]
    assert "of 77 tested examples score above the whole reference" in line
    assert "are flagged." not in done.out
    reason = json.loads(Path("scan/summary.json").read_text())["inconclusive"]
    assert line == f"inconclusive: {reason}."
    assert Path("scan.xml").read_text().count("<skipped ") == 3


@pytest.mark.parametrize(("budget", "status"), [(0, 1), (2, 1), (3, 0), (9, 0)])
def test_a_gate_for_pipelines(cli: Any, tiny: World, budget: int, status: int) -> None:
    gate = ["--top-k", "3", "--max-flagged", budget, "--junit", "ci/scan.xml"]
    done = cli("scan", tiny.folder, *gate, "--out", "scan")
    assert done.status == status and "junit     ci/scan.xml" in done.out
    assert "3 of 96 training examples are flagged." in done.out
    assert ("<failure " in Path("ci/scan.xml").read_text()) == (status == 1)


def test_without_queries(cli: Any, tiny: World) -> None:
    done = cli("scan", tiny.folder, "--validation", "none", "--out", "scan")
    assert "tracin-cp was left out: it needs validation examples" in done.out
    done = cli(
        "scan", tiny.folder, "--validation", f"{tiny.archive}:test", "--out", "other", "--json"
    )
    assert json.loads(done.out)["left_out"] == {}


def test_detectors_by_name(cli: Any, tiny: World) -> None:
    some = ["--detector", "tracin-cp", "--detector", "self-influence", "--layers", "head.*"]
    done = cli("scan", tiny.folder, *some, "--out", "scan", "--json")
    summary = json.loads(done.out)
    assert summary["detector"] == "tracin-cp"
    assert list(summary["detectors"])[:3] == ["tracin-cp", "self-influence", "label-posterior"]


def test_long_paths_are_not_broken(cli: Any, tiny: World) -> None:
    folder = "a-very-long-name/" * 8 + "scan"
    done = cli("scan", tiny.folder, "--out", folder)
    assert f"report    {folder}/report.html" in done.out.splitlines()


def test_a_name_with_escapes_is_shown_and_not_obeyed(cli: Any, archive: Path) -> None:
    flip = ["--recipe", "random-flip", "--share", "0.1"]
    done = cli("tamper", archive, *flip, "--out", "o\x1b[31mut\n")
    assert done.status == 0 and "written to o\\x1b[31mut\\n" in done.out


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_internal_error_is_3(
    cli: Any, tiny: World, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug\nwith\x1b[31m lines")

    monkeypatch.setattr("radiotracer.scanning.scan", fail)
    monkeypatch.setenv("RADIOTRACER_DEBUG", debug)
    if debug:
        with pytest.raises(RuntimeError):
            cli("scan", tiny.folder, "--out", "scan")
        return
    done = cli("scan", tiny.folder, "--out", "scan")
    assert (done.status, done.out) == (3, "")
    assert done.err.splitlines()[-1] == (
        "radiotracer: internal error: RuntimeError: a bug with\\x1b[31m lines; "
        "set RADIOTRACER_DEBUG=1 to see where, and please report it"
    )
    assert not Path("scan").exists()


def test_an_interruption_is_130(cli: Any, tiny: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("radiotracer.scanning.scan", stop)
    done = cli("scan", tiny.folder, "--out", "scan")
    assert (done.status, done.out) == (130, "") and done.err.endswith("radiotracer: interrupted\n")


def process(*arguments: object) -> Any:
    code = "from radiotracer.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_in_a_process_of_its_own(tiny: World, tmp_path: Path) -> None:
    """Statuses 1 and 2, and nothing but the object on standard output."""
    done = process("scan", tiny.folder, "--top-k", "3", "--out", tmp_path / "scan", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["flagged"] == 3
    assert "Warning" not in done.stderr and "at every checkpoint" in done.stderr
    page = (tmp_path / "scan" / "report.html").read_text()
    assert f"radiotracer scan {tiny.folder} --top-k 3" in page
    done = process("key", "show", tmp_path / "lost.key")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("radiotracer: expected a key file; got ")


def test_a_reader_that_goes_away() -> None:
    """`radiotracer data list --json | true` ends quietly."""
    code = "import sys; from radiotracer.cli import main; main(sys.argv[1:])"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code, "data", "list", "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["tamper", "train", "scan"])
def test_a_full_disk(command: str, tiny: World, archive: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[object]] = {
        "tamper": ["tamper", archive, "--recipe", "random-flip", "--share", "0.1"],
        "train": ["train", archive, *FEW],
        "scan": ["scan", tiny.folder],
    }
    out = tmp_path / "deep" / "out"
    done = with_little_disk(1000, *arguments[command], "--out", out)
    last = done.err.splitlines()[-1]
    assert (done.status, done.out) == (2, ""), done.err
    assert last.startswith("radiotracer: expected to write ")
    assert "a refusal: the file size limit is reached" in last
    assert "Traceback" not in done.err
    assert not list(tmp_path.rglob("*.partial")) and not list(tmp_path.rglob(".*"))
    if command != "train":
        assert not out.exists()


def test_a_disk_that_fills_up_at_the_initial_weights(archive: Path, tmp_path: Path) -> None:
    """The examples fit, the weights do not: there is no run, and nothing half-written."""
    out = tmp_path / "out"
    wide = ["--architecture", "small-cnn", "--width", "16", "--epochs", "1", "--batch-size", "16"]
    done = with_little_disk(20_000, "train", archive, *wide, "--out", out)
    assert (done.status, done.out) == (2, ""), done.err
    last = done.err.splitlines()[-1]
    assert last.startswith(f"radiotracer: expected to write {out}/initial.safetensors")
    assert not list(out.rglob(".*")) and not list(out.rglob("*.safetensors"))
    assert not (out / "run.json").exists()
