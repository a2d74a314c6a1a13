"""What can be planted: one config per design, and how its audit is announced before the release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn

from radiotracer.data import Examples
from radiotracer.errors import DataError
from radiotracer.marking.key import Key
from radiotracer.marking.protocol import Design, Protocol
from radiotracer.marking.release import NO_EXTRACTOR, Planted, Release
from radiotracer.marking.twin_mark import TwinConfig, plant_twins

DesignConfig: TypeAlias = TwinConfig
"""The settings of a design, which also say which design it is."""

TESTS: dict[Design, dict[str, JsonValue]] = {
    "twins": {
        "scores": "sign-flip test of the twins' log odds less half of the marking networks' own",
        "labels": "sign-flip test of which twin's label the model names",
        "weighting": "ranks",
    },
}
"""By access, and what else was decided before looking."""


def mark(
    examples: Examples,
    rows: NDArray[np.int64],
    key: Key,
    models: Sequence[nn.Module],
    config: DesignConfig,
    *,
    alpha: float = 0.01,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Release:
    """Mark some examples of a data set by a design, and commit to it.

    Args:
        examples: The data, all of them.
        rows: Which to mark, int64, shape (k,), k at least 1, none twice; see `choose`.
        key: The secret.
        models: The marking networks.
        config: The design and its settings.
        alpha: The level of the audits, in (0, 1).
        progress: Told what is done, how much of it, and of how many.

    Raises:
        InputError: A network that does not fit, or a setting out of range.
        DataError: No rows, or a row that is not there or comes twice.
    """
    rows = np.sort(np.asarray(rows, dtype=np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= len(examples) or (np.diff(rows) == 0).any():
        raise DataError(
            expected=f"different rows from 0 to {len(examples) - 1}, at least one",
            came=f"{len(rows)} rows that are not so",
            do="choose the images to mark with `choose`",
        )
    chosen = examples.take(rows)
    design, planted, extractor_digest = _plant(chosen, key, models, config, progress)
    protocol = Protocol(
        design=design,
        settings=config.model_dump(mode="json"),
        test=TESTS[design],
        alpha=alpha,
        examples=len(examples),
        marked=len(rows),
        marked_classes=tuple(int(c) for c in np.unique(chosen.labels)),
        class_names=examples.class_names,
        image_shape=examples.images.shape[1:],
        source_digest=examples.digest,
        version=version("radiotracer"),
    )
    return Release.make(examples, rows, planted, protocol, key, extractor_digest=extractor_digest)


def _plant(
    chosen: Examples,
    key: Key,
    models: Sequence[nn.Module],
    config: DesignConfig,
    progress: Callable[[str, int, int], None],
) -> tuple[Design, Planted, str]:
    return "twins", plant_twins(chosen, key, models, config, progress=progress), NO_EXTRACTOR
