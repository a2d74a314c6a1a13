"""What can be planted: one config per design, and how its audit is announced before the release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.carrier_mark import MarkConfig, plant_carriers
from radiotracer.provenance.kept import Kept, fingerprint_of
from radiotracer.provenance.key import Key
from radiotracer.provenance.protocol import Design, Protocol
from radiotracer.provenance.release import Release
from radiotracer.provenance.tag_mark import TagConfig, plant_tags
from radiotracer.provenance.twin_mark import TwinConfig, plant_twins
from radiotracer.runs import ModelSpec

DesignConfig: TypeAlias = TwinConfig | MarkConfig | TagConfig
"""The settings of a design, which also say which design it is."""

CONFIGS: dict[Design, type[DesignConfig]] = {
    "twins": TwinConfig,
    "carriers": MarkConfig,
    "tags": TagConfig,
}
"""The config of each design."""

TESTS: dict[Design, dict[str, JsonValue]] = {
    "twins": {
        "scores": "sign-flip test of log odds between twins, less what blind networks explain",
        "labels": "the same of how often the label is named at five distances from the middle",
        "weighting": "magnitudes",
    },
    "carriers": {
        "weights": "cosines of classifier rows with the carriers, combined by Fisher",
        "scores": "the same of a linear classifier on the extractor's features, fitted to scores",
        "scores, control keys": "ranks of held-out images with the key's marks among control "
        "keys' by the log odds of the label, by class, combined by Fisher",
    },
    "tags": {
        "labels": "binomial test of how many tags are given the label that the key drew for them",
    },
}
"""By access, and what else was decided before looking."""


def mark(
    examples: Dataset,
    rows: NDArray[np.int64],
    key: Key,
    models: Sequence[nn.Module],
    config: DesignConfig,
    *,
    spec: ModelSpec | None = None,
    alpha: float = 0.01,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Release:
    """Mark some examples of a data set by a design, and commit to it.

    Args:
        examples: The data, all of them.
        rows: Which to mark, int64, shape (k,), k at least 1, none twice; see `choose`.
        key: The secret.
        models: The marking networks; carriers use the first alone, and its weights are sealed.
        config: The design and its settings.
        spec: What network the first of `models` is; carriers need it, to build it at an audit.
        alpha: The level of the audits, in (0, 1).
        kept: Where finished batches are kept, so that a marking that was stopped goes on there.
        progress: Told what is done, how much of it, and of how many.

    Raises:
        InputError: A network that does not fit, or a setting out of range.
        DataError: No rows, or a row that is not there or comes twice.
    """
    if not 0 < alpha < 1:
        raise InputError(
            expected="a level between 0 and 1", came=str(alpha), do="pass --alpha 0.01"
        )
    rows = np.sort(np.asarray(rows, dtype=np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= len(examples) or (np.diff(rows) == 0).any():
        raise DataError(
            expected=f"different rows from 0 to {len(examples) - 1}, at least one",
            came=f"{len(rows)} rows that are not so",
            do="choose the images to mark with `choose`",
        )
    chosen = examples.take(rows)
    design = _design_of(config)
    if kept is not None:
        kept.begin(_about(chosen, key, models, config, design))
    if isinstance(config, TwinConfig):
        planted = plant_twins(chosen, key, models, config, kept=kept, progress=progress)
        extractor = None
    elif isinstance(config, TagConfig):
        planted = plant_tags(chosen, key, models, config, kept=kept, progress=progress)
        extractor = None
    else:
        if not models or spec is None:
            raise InputError(
                expected="a network to mark with, and what network it is",
                came="none",
                do="pass --extractor",
            )
        planted = plant_carriers(chosen, key, models[0], config, kept=kept, progress=progress)
        # As it is now: the caller may go on training it.
        extractor = {name: value.clone() for name, value in models[0].state_dict().items()}
    protocol = Protocol(
        design=design,
        settings=config.model_dump(mode="json"),
        test=TESTS[design],
        alpha=alpha,
        examples=len(examples),
        marked=len(rows),
        marked_classes=tuple(int(c) for c in np.unique(chosen.labels)),
        class_names=examples.class_names,
        image_shape=examples.content.shape[1:],
        extractor=None if extractor is None else spec,
        source_digest=examples.digest,
        version=version("radiotracer"),
    )
    return Release.make(examples, rows, planted, protocol, key, extractor=extractor)


def _design_of(config: DesignConfig) -> Design:
    return next(design for design, kind in CONFIGS.items() if isinstance(config, kind))


def _about(
    chosen: Dataset, key: Key, models: Sequence[nn.Module], config: DesignConfig, design: Design
) -> dict[str, JsonValue]:
    """All that a batch may depend on; of the key, what tells nothing of it."""
    return {
        "radiotracer": version("radiotracer"),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "design": design,
        **{name.replace("_", " "): value for name, value in config.model_dump(mode="json").items()},
        "number of images": len(chosen),
        "images to mark": chosen.digest,
        "key": key.derive("marking/kept").hex(),
        "marking networks": fingerprint_of(models),
    }
