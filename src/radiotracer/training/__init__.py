"""Training for people who have no training of their own: networks, one recorded loop, resuming.

Importing this package imports no torch: its public names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radiotracer.training.building import build_model as build_model
    from radiotracer.training.config import TrainConfig as TrainConfig
    from radiotracer.training.loop import train as train
    from radiotracer.training.network import NETWORKS as NETWORKS
    from radiotracer.training.network import Network as Network

_HOMES = {
    "NETWORKS": "network",
    "Network": "network",
    "TrainConfig": "config",
    "build_model": "building",
    "train": "loop",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name from its home, once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'radiotracer.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"radiotracer.training.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
