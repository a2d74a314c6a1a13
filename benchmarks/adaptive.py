"""An attack that knows `contrast` against `contrast`: what is left of each.

    python benchmarks/adaptive.py [--out bench-adaptive] [--counts 1 2 5 10 25 50] [--seeds 0 1 2]
                                  [--data mnist fashion-mnist] [--settings ...] [--quick]

Each cell is that of `radiotracer bench detect --protocol head-only`: 5,000 training examples, a
frozen extractor that saw 20,000 others, 2,000 trusted queries, and the same targets. The poisons
are those of `bullseye-polytope`, except that the attacker knows the detector too and has two ways
to please it: fewer poisons, and an objective with penalties for what `contrast` would see
(`SETTINGS`; chosen on seeds of 100 and above). Prints a Markdown table: how often the attack
succeeds, and what `contrast` and three other detectors find. Finished cells are kept in --out, with
a JSON file each, and are not done again.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from radiotracer.data import Examples
from radiotracer.detectors.linear import fit_head, standardised
from radiotracer.files import write_text
from radiotracer.gradients import Objective, represent
from radiotracer.lab.demo import sample
from radiotracer.lab.detect.config import DetectConfig
from radiotracer.lab.detect.ground import Ground, ground_of, parts_of, trusted
from radiotracer.lab.predictions import predictions
from radiotracer.lab.train import train
from radiotracer.recipes import Crafted, success
from radiotracer.recipes.aim import Aim, relative_distance
from radiotracer.recipes.bullseye_polytope import RATE
from radiotracer.recipes.pixels import Box, descend, to_pixels
from radiotracer.recipes.surrogate import LOOK_BATCH, inputs_for, surrogate
from radiotracer.scanning import scan
from radiotracer.scanning.survey import PENULTIMATE, surveyed_layers

DETECTORS = ("contrast", "loss", "activation-clustering", "deep-knn")
EPSILON = 0.2
STEPS = 200
REACHED = 0.15
"""Relative distance within which `bullseye-polytope` counts its poisons as made."""
FLOOR = 0.003
"""What `contrast` adds to a probability before it takes the logarithm."""
VOUCHING = 5
"""The clean neighbour whose distance says how far apart poisons have to be."""


@dataclass(frozen=True)
class Setting:
    """Weights of the penalties, beside the squared relative distance to the target."""

    doubt: float
    crowd: float


SETTINGS = {
    "none": Setting(0.0, 0.0),
    "weak": Setting(0.03, 0.0),
    "strong": Setting(0.3, 0.0),
    "both": Setting(0.1, 0.3),
}


class Imitation:
    """`contrast` as an attacker imagines it, who has clean examples but not the trusted ones.

    The detector's heads and neighbours are those of trusted examples; the attacker takes as many
    clean ones of its own, which are drawn alike. All of it is differentiable in the images.
    """

    def __init__(self, network: Objective, clean: Examples, base: int) -> None:
        self.network, self.base = network, base
        self.layers = surveyed_layers(network, clean)
        with torch.no_grad():
            parts = [
                self.see(inputs_for(network, clean.images[start : start + LOOK_BATCH]))
                for start in range(0, len(clean), LOOK_BATCH)
            ]
        self.own: dict[str, Tensor] = {}
        self.heads: dict[str, tuple[Tensor, ...]] = {}
        for name in self.layers:
            points = torch.cat([part[name] for part in parts])
            self.own[name] = points[np.flatnonzero(clean.labels == base)]
            head = fit_head(standardised(points.numpy()), clean.labels)
            scale = points.std(dim=0, correction=0) + 1e-6
            weights, bias = (torch.from_numpy(each).float() for each in (head.coef_, head.intercept_))
            self.heads[name] = (points.mean(dim=0), scale, weights, bias)

    def see(self, inputs: Tensor) -> dict[str, Tensor]:
        return represent(self.network.model, inputs, self.layers, head=self.network.head).layers

    def doubt(self, shown: Mapping[str, Tensor]) -> Tensor:
        """Mean over layers and images of -log(q(base) + FLOOR)."""
        total = torch.zeros(())
        for name, (middle, scale, weights, bias) in self.heads.items():
            logits = (shown[name] - middle) / scale @ weights.T + bias
            total = total - (logits.softmax(dim=1)[:, self.base] + FLOOR).log().mean()
        return total / len(self.heads)

    def crowd(self, shown: Mapping[str, Tensor]) -> Tensor:
        """How far, on average, poisons are inside the radius within which clean ones are few."""
        total = torch.zeros(())
        for name, points in shown.items():
            with torch.no_grad():
                to_clean = torch.cdist(points, self.own[name])
                radius = to_clean.topk(VOUCHING, largest=False)[0][:, -1:]
            apart = torch.cdist(points, points) / radius
            off = ~torch.eye(len(points), dtype=torch.bool)
            total = total + (1 - apart[off]).clamp_min(0).sum() / max(1, int(off.sum()))
        return total / len(shown)
