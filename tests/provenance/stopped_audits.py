"""What tests of audits that were stopped share: a small release, and results without times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from audit_world import KEY, fitted, noise
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import mark


def release_of(folder: Path, *, radius: int = 60) -> Path:
    """A release in `folder`: 80 of 120 images of noise, three classes."""
    examples = noise(folder.with_suffix(".npz"))
    models = [fitted(examples, seed=0, steps=1)]
    mark(examples, np.arange(80), KEY, models, TwinConfig(steps=2, radius=radius)).write(folder)
    return folder


def without_times(folder: str | Path) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """The evidence and the logs, but for times and for digests of what has times in it."""
    evidence = json.loads(Path(folder, "evidence.json").read_text())
    del evidence["created"]
    for each in evidence["audits"]:
        del each["time"]
    for each in (evidence["suspect"], *evidence["references"]):
        del each["log_sha256"]
    logs = []
    for path in sorted(Path(folder).glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        logs.append([{k: v for k, v in x.items() if k not in ("time", "sha256")} for x in lines])
    return evidence, logs
