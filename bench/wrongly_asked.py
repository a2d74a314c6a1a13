"""Models that are asked in another form than they were trained on: are they stopped, and told how?

    python -m bench wrongly_asked [--seeds 0 1 2] [--examples 3000] [--epochs 15]

Three small networks on Fashion-MNIST, trained on [0, 1] or on normalised pixels, on the release or
on other images, and asked rightly and in eight wrong ways. A wrong one is *stopped* where the audit
refuses before it counts, and *told* where the options that it names give the accuracy of asking
rightly, within two in a hundred. A right one must not be stopped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.small_networks import KINDS, MEAN, STD, trained
from bench.tables import table
from bench.worlds import key_of
from radiotracer.data import Dataset, open_data
from radiotracer.errors import InputError
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models.mapped import Mapped
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.models.preparation import PLAIN, Preparation, preparation_of
from radiotracer.provenance.models.protocol import Suspect
from radiotracer.provenance.release import Release
from radiotracer.provenance.rightly_asked import require_rightly_asked, unmarked_rows

ORDER = (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)
NORMALISED = Preparation(mean=(MEAN,), std=(STD,))
_SAID = re.compile(r"(layout|scale|mean|std|classes_map)=([^\s:]+)")


@dataclass(frozen=True)
class Case:
    """A way to ask.

    Args:
        name: For the table.
        given: What the network is trained on.
        asked: How it is asked.
        order: Of its classes.
        rightly: Whether that is how it was trained.
    """

    name: str
    given: Callable[[Tensor], Tensor]
    asked: Preparation = PLAIN
    order: tuple[int, ...] | None = None
    rightly: bool = False


def as_they_are(images: Tensor) -> Tensor:
    return images


TRANSPOSED = Preparation(layout="ncwh")
CASES = (
    Case("asked rightly, [0, 1]", as_they_are, rightly=True),
    Case("asked rightly, normalised", NORMALISED, NORMALISED, rightly=True),
    Case("classes in another order", as_they_are, order=ORDER),
    Case("classes in another order, normalised", NORMALISED, NORMALISED, order=ORDER),
    Case("trained on 0..255, asked on [0, 1]", Preparation(scale=255)),
    Case("trained on [0, 1], asked on 0..255", as_they_are, Preparation(scale=255)),
    Case("normalisation missing", NORMALISED),
    Case("normalisation too many", as_they_are, NORMALISED),
    Case("trained on transposed images", TRANSPOSED),
    Case("normalisation missing, classes in another order", NORMALISED, order=ORDER),
)


def main(*, seeds: tuple[int, ...] = (0, 1, 2), examples: int = 3000, epochs: int = 15) -> None:
    """Print the table.

    Args:
        seeds: Of the images and of the trainings.
        examples: How many the release has; as many others train the innocent.
        epochs: Of every training.
    """
    torch.set_num_threads(1)
    found: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for seed in seeds:
        for case, model, release in worlds(seed, examples, epochs):
            found[case.name].append(judged(case, model, release))
            print(seed, case.name, found[case.name][-1], flush=True)
    counts = {name: np.array(each).sum(axis=0) for name, each in found.items()}
    rows = [
        [case.name, len(found[case.name]), *counts[case.name][: 1 if case.rightly else 2]]
        for case in CASES
        if case.name in found
    ]
    print(table(["asked", "models", "stopped", "told how"], [[*row, ""][:4] for row in rows]))


def worlds(seed: int, examples: int, epochs: int) -> Iterator[tuple[Case, nn.Module, Release]]:
    """Every network with every case."""
    data = open_data("fashion-mnist")
    rows = np.random.default_rng(seed).choice(len(data), 2 * examples, replace=False)
    own, other = data.take(rows[:examples]), data.take(rows[examples:])
    marker = trained("mlp", other, seed + 50, epochs=2)
    marked = np.arange(0, examples, 25)
    release = mark(own, marked, key_of("wrongly asked", seed), [marker], TwinConfig(steps=2))
    for kind in KINDS:
        for given in dict.fromkeys(case.given for case in CASES):
            for part in (release.published, other):
                model = trained(kind, part, seed, epochs=epochs, given=given)
                yield from ((case, model, release) for case in CASES if case.given is given)


def judged(case: Case, model: nn.Module, release: Release) -> tuple[bool, bool]:
    """Whether the audit stops, and whether what it tells is right."""
    right = case.given if isinstance(case.given, Preparation) else PLAIN
    suspect = opened(case, model, case.asked)
    try:
        require_rightly_asked(release, suspect, suspect)
    except InputError as error:
        said = dict(_SAID.findall(error.do))
    else:
        return False, False
    order = said.pop("classes_map", None)
    options: dict[str, Any] = {
        name: value if name == "layout" else float(value) if name == "scale" else _listed(value)
        for name, value in said.items()
    }
    kept = {name: getattr(case.asked, name) for name in ("layout", "scale", "mean", "std")}
    told: Suspect = opened(case, model, preparation_of({**kept, **options}))
    if order is not None:
        told = Mapped(told, [int(each) for each in order.split(",")])
    wanted = accuracy(opened(case, model, right, straight=True), release)
    return True, accuracy(told, release) >= wanted - 0.02


def opened(
    case: Case, model: nn.Module, preparation: Preparation, *, straight: bool = False
) -> Suspect:
    if case.order is not None and not straight:
        model = nn.Sequential(model, Reordered(case.order))
    return network_suspect(model, "suspect", {"kind": "test"}, preparation=preparation, classes=10)


class Reordered(nn.Module):
    """Outputs in another order."""

    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = list(order)

    def forward(self, logits: Tensor) -> Tensor:
        return logits[:, self.order]


def accuracy(suspect: Suspect, release: Release) -> float:
    rows: Dataset = release.published.take(unmarked_rows(release))
    return float((suspect.labels(rows.content) == rows.labels).mean())


def _listed(text: str) -> list[float]:
    return [float(each) for each in text.split(",")]
