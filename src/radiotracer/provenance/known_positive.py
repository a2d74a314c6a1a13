"""What the owner of a release found on a network of their own: the known positive of its audits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from radiotracer.errors import DataError
from radiotracer.provenance.finding import Control
from radiotracer.provenance.models import Access

POWER_FILE = "sealed/power.json"
"""Inside of a marked folder."""

KNOWN_POSITIVE = "known positive"
"""The control's name."""


class Power(BaseModel):
    """What audits said of a network that was trained on the release.

    Args:
        training: How it was trained.
        share: Which share of the examples is marked.
        alpha: The level of the audits.
        log10_p: By access.
        smallest_share: By access: which share would just have been found, as far as that can be
            told from one network; None where nothing was found to tell it from, where it is above
            1, and where evidence does not grow with the share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: dict[str, JsonValue]
    share: float
    alpha: float
    log10_p: dict[str, float]
    smallest_share: dict[str, float | None]

    @property
    def weak(self) -> bool:
        """Whether no access found the network."""
        return bool(min(self.log10_p.values()) > np.log10(self.alpha))


def known_positive(marked: Path, access: Access) -> Control | None:
    """Whether this access found the owner's own network; None where that was not tried.

    Args:
        marked: The folder of the release.
        access: What the present audit uses.

    Raises:
        DataError: The file is damaged.
    """
    path = marked / POWER_FILE
    if not path.is_file():
        return None
    try:
        power = Power.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(
            expected=f"{path} as `radiotracer power` wrote it",
            came="another content",
            do="remove it, or run `radiotracer power` again",
        ) from error
    if access not in power.log10_p:
        return None
    found = power.log10_p[access]
    training = ", ".join(
        str(power.training[name]) for name in ("architecture", "augment") if name in power.training
    )
    return Control(
        name=KNOWN_POSITIVE,
        expected=f"a network trained on the release is found at level {power.alpha:g}",
        came=f"log10 p {found:.1f} ({training}, {power.training.get('epochs', '?')} epochs)",
        passed=bool(found <= np.log10(power.alpha)),
    )
