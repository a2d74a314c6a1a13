"""A scan that flags nothing says so where a little higher rate would flag something."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from radiotracer import Dataset, Rule, Run, random_flip, record, write_scan
from radiotracer.cli import run
from radiotracer.data import IMAGES
from radiotracer.scanning import Scan, scan
from tiny_world import World

STRICT = 1e-9
"""A rate that ten flips among 96 examples do not reach."""


def test_it_is_told_everywhere(tiny: World, tmp_path: Path) -> None:
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, rule=Rule(fdr=STRICT))
    assert not found.decision.is_flagged.any() and found.decision.inconclusive is None
    (note,) = found.warnings
    would = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, rule=Rule(fdr=0.01))
    assert f"the {would.decision.is_flagged.sum()} most suspicious would be at 1 %" in note
    assert would.warnings == ()
    summary = write_scan(found, tmp_path / "out", command="a test")
    assert summary["flagged"] == 0 and summary["notes"] == [note]
    for page in ((tmp_path / "out" / "report.html").read_text(), found._repr_html_()):
        assert html.escape(note, quote=False) in page


def test_the_terminal(tiny: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scan"
    assert run(["scan", str(tiny.folder), "--out", str(out), "--fdr", str(STRICT)]) == 0
    told = capsys.readouterr().out
    (note,) = json.loads((out / "summary.json").read_text())["notes"]
    assert note.startswith("Nothing is flagged at ") and note in " ".join(told.split())
    assert "0 of 96 training examples are flagged." in told


SEED, VALIDATION = 110, 100
"""Few validation digits, and the lowest estimated rate well between 5 % and the bound."""


def digits(start: int, stop: int) -> Dataset:
    data = load_digits()
    rows = np.random.default_rng(SEED).permutation(len(data.target))[start:stop]
    return Dataset(
        modality=IMAGES,
        content=(data.images[rows] * 15).astype(np.uint8)[..., None],
        labels=data.target[rows].astype(np.int64),
        ids=np.array([f"{row:04d}" for row in rows]),
        class_names=tuple("0123456789"),
        source="digits",
    )


def scanned(train: Dataset, folder: Path) -> Scan:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(512, 10)),
        )
        inputs = torch.from_numpy(train.content).permute(0, 3, 1, 2) / 255
        data = TensorDataset(inputs, torch.from_numpy(train.labels))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        with record(folder, model, optimizer, train, checkpoint_every=3) as recording:
            for _ in range(12):
                for some, labels in recording.batches(DataLoader(data, 32, shuffle=True)):
                    optimizer.zero_grad()
                    nn.functional.cross_entropy(model(some), labels).backward()
                    optimizer.step()
    return scan(model, Run.open(folder), train, digits(1000, 1000 + VALIDATION))


def test_tampered_digits_and_clean_ones(tmp_path: Path) -> None:
    """Of 1,000 a tenth is flipped, the ranking finds nearly all, and the rule flags nobody."""
    untouched = digits(0, 1000)
    tampered, manifest = random_flip(untouched, share=0.1, seed=SEED)
    found = scanned(tampered, tmp_path / "tampered")
    assert found.decision.q_values is not None and not found.decision.is_flagged.any()
    lowest = found.decision.q_values.min()
    assert 0.07 < lowest < 0.2  # measured: 0.12
    assert [f"at {np.ceil(100 * lowest):g} %" in each for each in found.warnings] == [True]
    # Whoever follows it is not led astray.
    invited = found.decision.q_values <= np.ceil(100 * lowest) / 100
    assert invited.sum() > 30 and manifest.is_tampered[invited].mean() > 0.9
    clean = scanned(untouched, tmp_path / "untouched")
    assert not clean.decision.is_flagged.any() and clean.warnings == ()
