"""Before a release: would a network that was trained on it be found?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import ndtri_exp

from radiotracer.data import Images
from radiotracer.provenance import Key
from radiotracer.provenance.audit import USES, audit
from radiotracer.provenance.known_positive import Power
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import Release
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model

_LN10 = float(np.log(10.0))


def power_of(
    release: Release,
    key: Key,
    training: TrainConfig,
    *,
    held_out: Images | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Power:
    """Train a network on what is to be published, and audit it in every way the design allows.

    For tags no smallest share is estimated: they are as many at every share, and how many of them a
    smaller one would teach cannot be told from one network.

    Args:
        release: The marked data.
        key: Their secret.
        training: How a suspect might train; its recording is thrown away.
        held_out: For tests that need unmarked images.
        progress: Told the epoch, how many examples of it are done, and how many there are.

    Raises:
        InputError: The commitment does not open, or held-out images are missing.
    """
    release.require_committed(key)
    with tempfile.TemporaryDirectory() as folder:
        _, model = train(release.published, training, Path(folder) / "run", progress=progress)
    suspect = network_suspect(model, "a network of our own", {"kind": "network"})
    design, share = release.protocol.design, release.protocol.share
    found: dict[str, float] = {
        access: audit(release, key, suspect, access, held_out=held_out, build=build_model).log10_p
        for access in USES[design]
    }
    alpha = release.protocol.alpha
    return Power(
        training=training.model_dump(mode="json"),
        share=share,
        alpha=alpha,
        log10_p=found,
        smallest_share={
            access: None if design == "tags" else smallest_share(log10_p, share, alpha)
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
