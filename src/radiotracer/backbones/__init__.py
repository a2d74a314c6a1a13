"""Frozen networks that turn examples into vectors: which there are, and features kept on the disk.

Importing this package imports no torch: its public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radiotracer.backbones.backbone import BACKBONES as BACKBONES
    from radiotracer.backbones.backbone import Backbone as Backbone
    from radiotracer.backbones.backbone import Look as Look
    from radiotracer.backbones.backbone import backbones_for as backbones_for
    from radiotracer.backbones.backbone import default_backbone as default_backbone
    from radiotracer.backbones.features import features_of as features_of
    from radiotracer.backbones.given import read_features as read_features
    from radiotracer.backbones.given import read_probabilities as read_probabilities
    from radiotracer.backbones.named import backbone_of as backbone_of

_HOMES = {
    "BACKBONES": "backbone",
    "Backbone": "backbone",
    "Look": "backbone",
    "backbone_of": "named",
    "backbones_for": "backbone",
    "default_backbone": "backbone",
    "features_of": "features",
    "read_features": "given",
    "read_probabilities": "given",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'radiotracer.backbones' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"radiotracer.backbones.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
