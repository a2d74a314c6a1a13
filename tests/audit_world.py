"""A tiny marked release, its key, and models that were or were not trained on it: seconds of work.

The images are noise and the labels chance: whoever gets them right knows them by heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from radiotracer.data import Dataset, open_data
from radiotracer.provenance import Key
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.ledger import PastAudit, head
from radiotracer.provenance.marking import mark
from radiotracer.provenance.release import Release
from radiotracer.provenance.strengths.owner import Owner
from radiotracer.provenance.wording import ALTERNATIVES, Chance, Verdict, claim, why_inconclusive

KEY = Key(bytes(range(32)))
WORD = Owner.sentence


@dataclass(frozen=True)
class AuditWorld:
    """Files; copy `marked` before looking at it: each audit is written down."""

    marked: Path
    key: Path
    trained: Path
    untrained: Path


def mlp(outputs: int = 3, pixels: int = 64) -> nn.Module:
    """A network that can learn sixty images by heart; also a --factory."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, 64), nn.ReLU(), nn.Linear(64, outputs)
    ).eval()


def few() -> nn.Module:
    """A network of too few classes."""
    return mlp(outputs=2)


def large() -> nn.Module:
    """A network for larger images."""
    return mlp(pixels=100)


def constant(images: np.ndarray) -> np.ndarray:
    """A suspect that says the same of every image: no coin can be seen."""
    return np.tile([3.0, 0.0, 1.0], (len(images), 1))


def broken(images: np.ndarray) -> np.ndarray:
    """A suspect that says nothing that is a number."""
    return np.full((len(images), 3), np.nan)


def named(images: np.ndarray) -> np.ndarray:
    """A suspect that gives labels: some function of the pixels."""
    return images.astype(np.int64).sum(axis=(1, 2, 3)) % 3


def noise(path: Path, *, n: int = 120, size: int = 8) -> Dataset:
    generator = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", n), ("test", 6)):
        arrays[f"x_{split}"] = generator.integers(0, 256, (count, size, size), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 3
    np.savez(path, **arrays, class_names=np.array(["a", "b", "c"]))  # type: ignore[arg-type]
    return open_data(str(path))


def fitted(examples: Dataset, seed: int, steps: int) -> nn.Module:
    """The network after so many passes over all examples."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = mlp()
    inputs = torch.tensor(examples.content / 255.0).float().permute(0, 3, 1, 2)
    labels = torch.from_numpy(examples.labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return model.eval()


def small_release(root: Path, *, rows: int = 80) -> Release:
    """80 of 120 images marked, with changes that nobody could miss."""
    examples = noise(root / "noise.npz")
    marker = fitted(examples, seed=0, steps=1)
    chosen = np.arange(rows)
    return mark(examples, chosen, KEY, [marker], TwinConfig(steps=4, radius=60))


def make_world(root: Path) -> AuditWorld:
    release = small_release(root)
    marked = root / "marked"
    release.write(marked)
    KEY.write(root / "my.key")
    for name, steps in (("trained", 120), ("untrained", 0)):
        save_file(fitted(release.published, 5, steps).state_dict(), root / f"{name}.safetensors")
    return AuditWorld(
        marked=marked,
        key=root / "my.key",
        trained=root / "trained.safetensors",
        untrained=root / "untrained.safetensors",
    )


IDENTITY = {"kind": "safetensors", "path": "/models/suspect.safetensors", "sha256": "ab" * 32}
CONTROLS = tuple(float(x) for x in np.round(np.log10((np.arange(1000) + 0.5) / 1000), 4))


def sample_finding(*, log10_p: float = -7.1, coins: int = 600, passed: bool = True) -> Finding:
    return Finding(
        access="scores",
        statistic="sum of the preferences for published twins, the largest twentieth cut off",
        null="exact: a secret fair coin chose each published twin",
        log10_p=log10_p,
        effect=0.31,
        effect_means="the sum over the largest that it could be, from -1 to 1",
        coins=coins,
        control_log10_p=CONTROLS,
        controls=(
            Control("fresh keys", "p-values uniform", "1,000 keys, log10 p -0.2", True),
            Control("references", "no evidence", "either twin preferred: log10 p -9.0", passed),
        ),
        details={"pairs": coins, "share": 0.6125, "frozen": False, "r": [0.1, 0.25]},
        least_log10_p=-coins * float(np.log10(2)),
        stands_on=f"{coins} coins",
    )


def sample_audit(
    log10_p: float = -7.1, name: str = "suspect.safetensors", **others: str
) -> PastAudit:
    return PastAudit(
        time="2026-01-31T12:00:00+00:00",
        version="0.1.0",
        name=name,
        suspect=IDENTITY | others,
        access="scores",
        log10_p=log10_p,
    )


def sample_evidence(verdict: Verdict = "trained-on-marked-data", text: str = "") -> Evidence:
    """Evidence by hand; `text` is put before each text that comes from outside."""
    log10_p = {"trained-on-marked-data": -7.1, "no-evidence": -0.4, "inconclusive": -7.1}[verdict]
    finding = sample_finding(log10_p=log10_p, passed=verdict != "inconclusive")
    because = why_inconclusive(finding, 0.01)
    adjusted = {-7.1: float(-7.1 + np.log10(2)), -0.4: 0.0}[log10_p]
    audits = (sample_audit(0.0, text + "other.onnx", sha256="cd" * 32), sample_audit(log10_p))
    identity = {name: text * (name == "path") + value for name, value in IDENTITY.items()}
    return Evidence.model_validate(
        {
            "verdict": verdict,
            "claim": claim(verdict, because, Chance(log10_p, adjusted, 2, adjusted, "", WORD)),
            "inconclusive_because": because,
            "log10_p_value": log10_p,
            "adjusted_log10_p_value": adjusted,
            "deciding_log10_p_value": adjusted,
            "record": "34" * 32,
            "drawing": {
                "strength": "owner",
                "meant": "owner",
                "because": None,
                "sentence": WORD,
                "log10_allowance": 0.0,
                "allowed_for": "",
                "value": "56" * 32,
                "drawn_at": None,
                "stamped_at": None,
            },
            "alpha": 0.01,
            "access": "scores",
            "statistic": finding.statistic,
            "null": finding.null,
            "effect": finding.effect,
            "effect_means": finding.effect_means,
            "coins": finding.coins,
            "details": dict(finding.details),
            "controls": [vars(each) for each in finding.controls],
            "control_summary": {
                "count": 1000,
                "at_0_05": 0.05,
                "at_0_01": 0.01,
                "at_0_001": 0.001,
                "uniform_log10_p": -0.1,
            },
            "control_log10_p": CONTROLS,
            "commitment_verified": True,
            "commitment": "12" * 32,
            "key": "d98817a8",
            "protocol": {
                "design": "twins",
                "modality": "images",
                "marked": 600,
                "examples": 60000,
            },  # fmt: skip,
            "suspect": {
                "name": text + "suspect.safetensors",
                "identity": identity,
                "queries": 1200,
                "log_sha256": "ef" * 32,
            },
            "references": [],
            "held_out": None,
            "audits": [each.model_dump() for each in audits],
            "ledger_head": head(audits),
            "alternatives": ALTERNATIVES[verdict],
            "created": "2026-01-31T12:00:00+00:00",
            "version": "0.1.0",
        }
    )
