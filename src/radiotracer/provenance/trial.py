"""Before a release: would a network that was trained on it be found?"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from scipy.special import ndtri_exp

from radiotracer.data import Dataset
from radiotracer.provenance.audit import audit_opened, design_of
from radiotracer.provenance.design import Inputs, Progress
from radiotracer.provenance.known_positive import Power
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Opened
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train

_LN10 = float(np.log(10.0))


def power_of(
    opened: Opened,
    training: TrainConfig,
    *,
    held_out: Dataset | None = None,
    progress: Progress = lambda *_: None,
) -> Power:
    """Train a network on what is to be published, and audit it in every way the design allows.

    Where evidence does not grow with the share as coins add up, no smallest share is estimated.

    Args:
        opened: The marked data.
        training: How a suspect might train; its recording is thrown away.
        held_out: For tests that need unmarked examples.
        progress: Told the epoch, how many examples of it are done, and how many there are.

    Raises:
        InputError: Held-out examples are missing, or such a network cannot be trained.
    """
    release = opened.release
    with tempfile.TemporaryDirectory() as folder:
        _, model = train(release.published, training, Path(folder) / "run", progress=progress)
    suspect = network_suspect(
        model, "a network of our own", {"kind": "network"}, modality=release.published.modality
    )
    design, share, alpha = design_of(release), release.protocol.share, release.protocol.alpha
    inputs = Inputs(held_out=held_out, progress=progress)
    found: dict[str, float] = {
        access: audit_opened(opened, suspect, access, inputs).log10_p for access in design.accesses
    }
    return Power(
        training=training.model_dump(mode="json"),
        share=share,
        alpha=alpha,
        log10_p=found,
        smallest_share={
            access: smallest_share(log10_p, share, alpha) if design.grows_with_share else None
            for access, log10_p in found.items()
        },
    )


def smallest_share(log10_p: float, share: float, alpha: float) -> float | None:
    """The share whose test would have come to alpha, were evidence to grow with the square root.

    Independent coins add up so: z of k of them is z of one times the square root of k. Carriers
    gain more from a larger share, so that for them this is too low rather than too high.

    Args:
        log10_p: What came at `share`, at most 0.
        share: In (0, 1].
        alpha: The level, in (0, 1).
    """
    z, needed = -ndtri_exp(log10_p * _LN10), -ndtri_exp(np.log(alpha))
    if z <= 0:
        return None
    smallest = float(share * (needed / z) ** 2)
    return smallest if smallest <= 1 else None
