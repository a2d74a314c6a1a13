"""Mark, train a suspect on what was published, and audit it in every way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from radiotracer.audit.auditing import USES, audit
from radiotracer.audit.finding import Finding
from radiotracer.audit.suspects import Suspect
from radiotracer.audit.suspects.network import network_suspect
from radiotracer.data import Examples
from radiotracer.lab.audit.config import REFERENCE_SEED, AuditConfig
from radiotracer.lab.audit.result import AuditCell, AuditOf, Place
from radiotracer.lab.augment import Variation
from radiotracer.lab.kept import trained_once
from radiotracer.lab.predictions import accuracy
from radiotracer.marking import Key
from radiotracer.marking.choosing import choose
from radiotracer.marking.designs import CONFIGS, mark
from radiotracer.marking.release import Release

Progress = Callable[[str, int, int], None]


def key_of(place: Place) -> Key:
    """The key of a cell: not secret, so that anybody can make the cell again."""
    return Key(hashlib.sha256(f"benchmark/{place.data}/{place.seed}".encode()).digest())


def run_cell(
    place: Place,
    config: AuditConfig,
    train: Examples,
    test: Examples,
    folder: Path,
    *,
    progress: Progress = lambda *_: None,
) -> AuditCell:
    """One cell. Networks are kept in `folder`, and those that are there already are used.

    Args:
        place: Which.
        config: What all cells share.
        train: The originals.
        test: For accuracies.
        folder: Of this data set's networks.
        progress: Told what is being done, how much of it, and of how many.
    """
    models = marking_networks(train, config, folder, progress=progress)
    key = key_of(place)
    rows = choose(train, place.share, config.choose, key, models=models)
    settings = CONFIGS[place.design](radius=place.radius)
    release = mark(train, rows, key, models, settings, progress=progress)
    references = [
        network(train, config, place.augment, REFERENCE_SEED + i, folder, progress=progress)
        for i in range(config.references)
    ]
    home = folder / "suspects" / Path(place.file_name).stem
    suspect = trained_once(
        release.published, config.training(place.augment, place.seed), home, progress=progress
    )[1]
    marked = release.published.take(release.rows)
    clean = [accuracy(each, test) for each in references]
    psnr = release.planted.columns["psnr"]
    asked = [_asked(each, f"reference {i}") for i, each in enumerate(references)]
    return AuditCell(
        **place._asdict(),
        marked=len(rows),
        psnr=float(psnr.mean()),
        psnr_lowest=float(psnr.min()),
        accuracy=accuracy(suspect, test),
        accuracy_clean=float(np.mean(clean)) if clean else None,
        learned=accuracy(suspect, marked),
        suspect=audits(release, key, _asked(suspect, "suspect"), asked),
        innocent=audits(release, key, asked[0], asked[1:]) if asked else {},
    )


def audits(
    release: Release, key: Key, suspect: Suspect, references: Sequence[Suspect]
) -> dict[str, AuditOf]:
    """Every audit that the design allows, by name."""
    done: dict[str, AuditOf] = {
        access: _told(audit(release, key, suspect, access))
        for access in USES[release.protocol.design]
    }
    if references and "scores" in done:
        done["scores, references"] = _told(
            audit(release, key, suspect, "scores", references=references)
        )
    return done


def marking_networks(
    train: Examples, config: AuditConfig, folder: Path, *, progress: Progress = lambda *_: None
) -> list[nn.Module]:
    """The networks that images are marked with, trained once and kept."""
    return [
        trained_once(
            train, config.marking_training(i), folder / "marking" / str(i), progress=progress
        )[1]
        for i in range(config.marking_networks)
    ]


def network(
    train: Examples,
    config: AuditConfig,
    augment: Variation,
    seed: int,
    folder: Path,
    *,
    progress: Progress = lambda *_: None,
) -> nn.Module:
    """A network trained on the originals as suspects are, once and kept."""
    home = folder / "references" / f"{augment}-{seed}"
    return trained_once(train, config.training(augment, seed), home, progress=progress)[1]


def _asked(model: nn.Module, name: str) -> Suspect:
    return network_suspect(model, name, {"kind": "network"})


def _told(finding: Finding) -> AuditOf:
    return AuditOf(
        log10_p=finding.log10_p,
        effect=finding.effect,
        coins=finding.coins,
        controls_passed=all(control.passed for control in finding.controls),
    )
