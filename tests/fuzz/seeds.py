"""Valid inputs, made by the code that writes such files."""

from __future__ import annotations

import functools
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from marked_world import KEY, by_carriers, network
from radiotracer.data import IMAGES, Dataset, open_data, save_examples
from radiotracer.provenance.release import Release
from radiotracer.recipes import random_flip
from radiotracer.runs import Run
from radiotracer.scanning import scan, write_scan
from radiotracer.training.loop import TrainConfig, train
from tiny_world import tiny_archive

__all__ = ["KEY"]


def few(n: int = 6) -> Dataset:
    """Images of 4x4 pixels in two classes."""
    rng = np.random.default_rng(0)
    return Dataset(
        modality=IMAGES,
        content=rng.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8),
        labels=np.arange(n) % 2,
        ids=np.array([f"träin/{row:05d}" for row in range(n)]),
        class_names=("a", "b"),
        source="memory",
    )


def picture(kind: str, mode: str = "L", **options: Any) -> bytes:
    """A small image in one of Pillow's formats."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 4), dtype=np.uint8)
    Image.fromarray(pixels, "RGBA").convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def archive(**arrays: Any) -> bytes:
    """An archive as `numpy.savez_compressed` writes it."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def saved(folder: Path) -> None:
    """Examples as the marking and the recipes write them, with a manifest of tampered labels."""
    tampered, manifest = random_flip(few(), share=0.4, seed=1)
    save_examples(tampered, folder)
    manifest.write(folder)


@functools.cache
def _trained() -> tuple[tempfile.TemporaryDirectory[str], Run, torch.nn.Module, Dataset, Dataset]:
    root = tempfile.TemporaryDirectory()
    data = open_data(str(tiny_archive(Path(root.name) / "tiny.npz", n=24, m=9)))
    config = TrainConfig(architecture="small-cnn", width=1, epochs=2, batch_size=8, seed=3)
    run, model = train(data, config, Path(root.name) / "run")
    assert data.validation is not None
    return root, run, model, data, open_data(data.validation)


def recorded() -> Run:
    """A training of a second with two checkpoints; its folder is shared."""
    return _trained()[1]


@functools.cache
def scanned() -> dict[str, bytes]:
    """The files of a scan of that training, by name."""
    _, run, model, data, queries = _trained()
    with tempfile.TemporaryDirectory() as root:
        out = Path(root) / "scan"
        write_scan(scan(model, run, data, queries), out, command="a test")
        names = ("ranking.parquet", "scores.parquet", "summary.json")
        return {name: (out / name).read_bytes() for name in names}


@functools.cache
def _marked() -> Release:
    return by_carriers(network(1))


def release(folder: Path) -> Release:
    """A release with a sealed extractor, written into the folder."""
    _marked().write(folder)
    return _marked()
