"""What a release fixes, said before any coin: its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import nn

from radiotracer.data import Dataset
from radiotracer.provenance.designs import design_for
from radiotracer.provenance.kept import fingerprint_of
from radiotracer.provenance.protocol import Protocol
from radiotracer.provenance.randomness import StrengthName
from radiotracer.runs import ModelSpec


def announced(
    examples: Dataset,
    rows: NDArray[np.int64],
    models: Sequence[nn.Module],
    settings: BaseModel,
    *,
    spec: ModelSpec | None,
    alpha: float,
    coins: StrengthName,
    references: Sequence[str],
    log: str | None,
) -> Protocol:
    """The protocol of a release; see `marking.prepare` for what each is.

    Args:
        examples: The data, all of them.
        rows: Which are marked, int64, shape (k,).
        models: The marking networks.
        settings: Those of a design.
        spec: What network is sealed; None: none is.
        alpha: The level of the audits.
        coins: What the coins will be drawn by.
        references: SHA-256 of each reference that audits may count.
        log: The log that audits are written to.
    """
    kind, _ = design_for(settings, examples.modality)
    return Protocol(
        modality=examples.modality.name,
        shape=dict(examples.modality.shape(examples.content)),
        design=kind.name,
        settings=settings.model_dump(mode="json"),
        test=dict(kind.announced),
        alpha=alpha,
        examples=len(examples),
        marked=len(rows),
        marked_classes=tuple(int(c) for c in np.unique(examples.labels[rows])),
        class_names=examples.class_names,
        extractor=spec,
        networks=tuple(fingerprint_of([each]) for each in models),
        coins=coins,
        references=tuple(references),
        log=log,
        source_digest=examples.digest,
        version=version("radiotracer"),
    )
