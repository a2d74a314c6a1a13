"""Mark, train a suspect on what was published, and audit it in every way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import BaseModel
from torch import nn

from radiotracer.data import Dataset
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release
from radiotracer.reproduce.radioactive.config import REFERENCE_SEED, AuditConfig
from radiotracer.reproduce.radioactive.result import AuditCell, AuditOf, Place
from radiotracer.runs import ModelSpec
from radiotracer.training.kept import trained_once
from radiotracer.training.networks import with_fresh_head
from radiotracer.training.predictions import accuracy

Progress = Callable[[str, int, int], None]


def key_of(place: Place) -> Key:
    """The key of a cell: not secret, so that anybody can make the cell again."""
    return Key(hashlib.sha256(f"benchmark/{place.data}/{place.seed}".encode()).digest())


@dataclass(frozen=True, eq=False)
class Made:
    """What a cell needs before its audits.

    Args:
        key: The key.
        release: What was published, and what was sealed.
        suspect: Trained on what was published.
        references: Trained on the originals.
    """

    key: Key
    release: Release
    suspect: nn.Module
    references: Sequence[nn.Module]


def made(
    place: Place,
    config: AuditConfig,
    train: Dataset,
    folder: Path,
    *,
    progress: Progress = lambda *_: None,
) -> Made:
    """Mark, and train everything. Networks are kept in `folder`; those that are there are used.

    Args:
        place: Which cell.
        config: What all cells share.
        train: The originals.
        folder: Of this data set's networks.
        progress: Told what is being done, how much of it, and of how many.
    """
    models = marking_networks(train, config, folder, progress=progress)
    key = key_of(place)
    settings = settings_of(place, config)
    rows = choose(train, place.share, config.choose, key, design=settings, models=models)
    spec = spec_of(train, config)
    release = mark(train, rows, key, models, settings, spec=spec, progress=progress)

    def trained(examples: Dataset, seed: int, home: Path) -> nn.Module:
        training = config.training(place.suspect, place.augment, seed)
        start = with_fresh_head(models[0], seed) if place.suspect == "frozen" else None
        return trained_once(examples, training, home, start=start, progress=progress)[1]

    home = folder / "references"
    references = [
        trained(train, seed, home / f"{place.suspect}-{place.augment}-{seed}")
        for seed in range(REFERENCE_SEED, REFERENCE_SEED + config.references)
    ]
    suspect = trained(
        release.published, place.seed, folder / "suspects" / Path(place.file_name).stem
    )
    return Made(key, release, suspect, references)


def run_cell(
    place: Place,
    config: AuditConfig,
    train: Dataset,
    test: Dataset,
    folder: Path,
    *,
    progress: Progress = lambda *_: None,
) -> AuditCell:
    """One cell, with its audits.

    Args:
        place: Which.
        config: What all cells share.
        train: The originals.
        test: For accuracies, and for audits that need unmarked images.
        folder: Of this data set's networks.
        progress: Told what is being done, how much of it, and of how many.
    """
    cell = made(place, config, train, folder, progress=progress)
    key, release, suspect, references = cell.key, cell.release, cell.suspect, cell.references
    clean = [accuracy(each, test) for each in references]
    psnr = release.planted.columns["psnr"]
    asked = [_asked(each, f"reference {i}") for i, each in enumerate(references)]
    ask = partial(audits, release, key, test, control_keys=config.control_keys)
    return AuditCell(
        **place._asdict(),
        marked=len(release.rows),
        psnr=float(psnr.mean()),
        psnr_lowest=float(psnr.min()),
        accuracy=accuracy(suspect, test),
        accuracy_clean=float(np.mean(clean)) if clean else None,
        learned=accuracy(suspect, release.published.take(release.rows)),
        audits=ask(_asked(suspect, "suspect"), asked),
        innocent=ask(asked[0], asked[1:]) if asked else {},
    )


def audits(
    release: Release,
    key: Key,
    held_out: Dataset,
    suspect: Suspect,
    references: Sequence[Suspect],
    *,
    control_keys: int | None = None,
) -> dict[str, AuditOf]:
    """Every audit that the design allows, by name; with control keys one more of carriers."""

    design = DESIGNS[release.protocol.design]

    def told(access: Access, asked: Sequence[Suspect] = (), *, keys: int | None = None) -> AuditOf:
        unmarked = held_out if "held_out" in design.uses else None
        found = audit(
            release, key, suspect, access, references=asked, held_out=unmarked, control_keys=keys
        )
        return _told(found)

    done: dict[str, AuditOf] = {access: told(access) for access in design.accesses}
    if references and "references" in design.uses:
        for access in design.accesses:
            done[f"{access}, references"] = told(access, references)
    if control_keys is not None and "control_keys" in design.uses:
        done["scores, control keys"] = told("scores", keys=control_keys)
    return done


def settings_of(place: Place, config: AuditConfig) -> BaseModel:
    """The settings of a cell's design: as far as it has them, the cell's and the benchmark's."""
    kind = DESIGNS[place.design].settings
    given = {"radius": place.radius, "psnr": config.psnr}
    made: BaseModel = kind(**{name: it for name, it in given.items() if name in kind.model_fields})
    return made


def spec_of(train: Dataset, config: AuditConfig) -> ModelSpec:
    """What the marking networks are."""
    channels, classes = train.content.shape[3], len(train.class_names)
    width = {} if config.width is None else {"width": config.width}
    return ModelSpec(name=config.model, options={"channels": channels, "classes": classes, **width})


def marking_networks(
    train: Dataset, config: AuditConfig, folder: Path, *, progress: Progress = lambda *_: None
) -> list[nn.Module]:
    """The networks that images are marked with, trained once and kept."""
    return [
        trained_once(
            train, config.marking_training(i), folder / "marking" / str(i), progress=progress
        )[1]
        for i in range(config.marking_networks)
    ]


def _asked(model: nn.Module, name: str) -> Suspect:
    return network_suspect(model, name, {"kind": "network"})


def _told(finding: Finding) -> AuditOf:
    return AuditOf(
        log10_p=finding.log10_p,
        effect=finding.effect,
        coins=finding.coins,
        controls_passed=all(control.passed for control in finding.controls),
    )
