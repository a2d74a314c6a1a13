"""Every Python and console block of the documentation runs, page by page, by copy and paste."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow
import pytest
import torch
from docs_pages import (
    APART,
    GIVEN,
    NAMES,
    PAGES,
    SHOWN,
    Block,
    blocks,
    pages_to_run,
    smaller,
    why_not,
)
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_digits

from radiotracer.cli import run
from radiotracer.data import FORMATS, MODALITIES
from radiotracer.detectors import DETECTORS
from radiotracer.provenance.designs import DESIGNS
from radiotracer.recipes import RECIPES
from radiotracer.runs import Run, put_weights
from radiotracer.training.networks import build_model

CLOTHES = ["Top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Shoe", "Bag", "Boot"]
TUTORIAL = "tutorial.md"


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data of every kind that the pages name: 300 and 150 digits of 16 x 16 pixels."""
    root = tmp_path_factory.mktemp("things")
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[:450]
    images = np.kron(digits.images[order] * 15, np.ones((2, 2))).astype(np.uint8)
    labels = digits.target[order]
    arrays = {
        "x_train": images[:300],
        "y_train": labels[:300],
        "x_test": images[300:],
        "y_test": labels[300:],
    }
    for name, classes in (("digits", list("0123456789")), ("clothes", CLOTHES)):
        np.savez(root / f"{name}.npz", class_names=np.array(classes), **arrays)
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / "photos" / ("train" if row < 300 else "test") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row}.png")
    return root


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page registers is forgotten after it."""
    for each in (DESIGNS, DETECTORS, FORMATS, MODALITIES, RECIPES):
        len(each)  # loads it
        monkeypatch.setattr(each, "_things", dict(each._things))


@pytest.fixture
def here(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(things, tmp_path, dirs_exist_ok=True)
    return tmp_path


# peft asks transformers by an old name.
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is:FutureWarning")
@pytest.mark.parametrize("page", pages_to_run(), ids=lambda page: page.stem)
def test_a_page_by_copy_and_paste(
    page: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if page.name == TUTORIAL:
        shutil.rmtree(here / "photos")  # it begins from nothing
    for line in GIVEN.get(page.name, ()):
        prepare(line, capsys)
    python = here / "python" if page.name in APART else here
    python.mkdir(exist_ok=True)
    names: dict[str, object] = {"__name__": "__main__"}
    exec(NAMES.get(page.name, ""), names)
    for block in blocks(page):
        if block.language == "python":
            with contextlib.chdir(python):
                exec(compile(block.text, str(page), "exec"), names)
        elif block.language == "console":
            console(block, capsys, whole=page.name == TUTORIAL)


def console(block: Block, capsys: pytest.CaptureFixture[str], *, whole: bool) -> None:
    for command in block.commands():
        if why_not(command):
            continue
        assert command.startswith("radiotracer "), f"not run, and no reason given: {command}"
        arguments = shlex.split(command)[1:] if whole else smaller(command)
        kept = None
        if arguments[-2] in (">", ">>"):
            *arguments, mode, file = arguments
            kept = Path(file).open("a" if mode == ">>" else "w")  # noqa: SIM115
        if "--out" in arguments and not whole:
            # Blocks of a page that write to the same place are alternatives.
            shutil.rmtree(arguments[arguments.index("--out") + 1], ignore_errors=True)
        said = radiotracer(arguments, capsys)
        if kept is not None:
            with kept:
                kept.write(said)


def radiotracer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    if arguments[0] == "review" and "--export" not in arguments:
        decide_in_the_browser(arguments)
        return ""
    status = run(arguments)
    said = capsys.readouterr()
    assert status in (0, 1, 4), f"radiotracer {shlex.join(arguments)}: {said.err.splitlines()[-1:]}"
    return said.out


def decide_in_the_browser(arguments: list[str]) -> None:
    """The page is served; the first three are dropped, others kept."""
    said, end = os.pipe()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(arguments, end))
    server.start()
    os.close(end)
    with os.fdopen(said) as stdout:
        try:
            text = ""
            while not text.rstrip().endswith("}"):
                line = stdout.readline()
                assert line, "the server did not start"
                text += line
            url = httpx.URL(json.loads(text)["url"])
            base = f"{url.scheme}://{url.netloc.decode()}"
            headers = {"Authorization": f"Bearer {url.params['token']}", "Origin": base}
            with httpx.Client(base_url=base, headers=headers, timeout=30) as browser:
                assert browser.get("/").status_code == 200
                sample = {"size": 300, "seed": 0, "since": 0}
                assert browser.post("/api/sample", json=sample).status_code == 200
                for row in range(60):
                    verb = "drop" if row < 3 else "keep"
                    body = {"row": row, "decision": verb, "version": 0, "since": 0}
                    assert browser.post("/api/decide", json=body).status_code == 200
        finally:
            server.terminate()
            server.join()


def serve(arguments: list[str], end: int) -> None:
    os.dup2(end, 1)
    os.close(end)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    run([*arguments, "--json"])


def prepare(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the reader has before the page begins."""
    name, *arguments = line.split()
    if name == "radiotracer":
        radiotracer(smaller(line), capsys)
    else:
        PREPARE[name](*arguments)


def as_onnx(folder: str, out: str) -> None:
    recorded = Run.open(folder)
    model = build_model(recorded.info.model)
    put_weights(model, recorded.weights(recorded.checkpoints[-1]))
    with warnings.catch_warnings(action="ignore"):  # the exporter's own, of its age
        torch.onnx.export(
            model.eval(),
            (torch.rand(2, 1, 16, 16),),
            out,
            dynamo=False,
            input_names=["images"],
            dynamic_axes={"images": {0: "n"}},
        )


def reviewed() -> None:
    rows = parquet.read_table("scan/ranking.parquet").to_pydict()
    ids = [i for i, flagged in zip(rows["id"], rows["is_flagged"], strict=True) if not flagged]
    Path("reviewed.csv").write_text("\n".join(["id", *sorted(ids)[:250]]))


def reviews() -> None:
    lines = [f"text number {row},{row % 5 + 1}" for row in range(40)]
    Path("reviews.csv").write_text("\n".join(["review,stars", *lines]))


def letters() -> None:
    words = ("sea sun boat", "rent tax loan")
    lines = [f"letter {row} about {words[row % 2]},{row % 2}" for row in range(200)]
    Path("letters.csv").write_text("\n".join(["text,label", *lines]))


def as_parquet(out: str) -> None:
    Path(out).mkdir()
    for split in ("train", "test"):
        files = sorted(Path("photos", split).rglob("*.png"))
        table = {
            "image": [{"bytes": file.read_bytes(), "path": None} for file in files],
            "label": [int(file.parent.name) for file in files],
        }
        parquet.write_table(pyarrow.table(table), Path(out, f"{split}-00000-of-00001.parquet"))


def copied(source: str, target: str) -> None:
    copy = shutil.copytree if Path(source).is_dir() else shutil.copyfile
    copy(source, target)


PREPARE: dict[str, Callable[..., Any]] = {
    "onnx": as_onnx,
    "parquet": as_parquet,
    "copy": copied,
    "reviewed": reviewed,
    "reviews": reviews,
    "letters": letters,
}


def test_every_block_is_run_or_has_a_reason() -> None:
    silent = [
        f"{page.name}: {block.language}: {block.text.splitlines()[0]}"
        for page in PAGES
        for block in blocks(page)
        if block.language not in {"python", "console", *SHOWN} and not why_not(block.text)
    ]
    assert silent == []


def test_the_tutorial_is_run() -> None:
    assert TUTORIAL in {page.name for page in pages_to_run()}
