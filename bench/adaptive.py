"""An attack that knows `contrast`, against `contrast`: what is left of each.

    python -m bench adaptive [--out bench-adaptive] [--counts 1 2 5 10 25 50] [--seeds 0 1 2]
                             [--data mnist fashion-mnist] [--settings none ...] [--quick]

Each cell is that of `python -m bench detect --protocols head-only`, with the same targets: 5,000
training examples, a frozen extractor that saw 20,000 others, 2,000 validation examples. The poisons
are those of `bullseye-polytope`, without a bound on the pixels; and the attacker knows the
detector. It can make fewer poisons, and add penalties for what `contrast` would see to what it
minimises (`SETTINGS`, chosen on seeds of 100 and above). With a linear last layer it cannot have
everything: where a head fitted to clean examples refuses the target, it also refuses the mean of
the poisons that is to be the target, so in the penultimate layer some doubt remains.

Prints a Markdown table: how often the attack worked, what `contrast` flagged by its own rule, and
how other detectors rank the poisons. Finished cells are kept in --out, each in a JSON file, and are
not done again, so the benchmark can be stopped and started.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bench.detect.config import DetectConfig
from bench.detect.ground import Ground, ground_of, parts_of, validation
from bench.keeping import finished
from bench.tables import spread, table
from radiotracer.data import Dataset
from radiotracer.detectors.linear import fit_head, standardised
from radiotracer.files import write_text
from radiotracer.gradients import PENULTIMATE, Objective, inputs_for, represent
from radiotracer.recipes import Crafted, success
from radiotracer.recipes.bullseye_polytope import RATE
from radiotracer.recipes.parts.aim import Aim, relative_distance
from radiotracer.recipes.parts.pixels import Box, descend, to_pixels
from radiotracer.recipes.parts.surrogate import LOOK_BATCH, surrogate
from radiotracer.reproduce.demo import sample
from radiotracer.scanning import scan
from radiotracer.scanning.survey import surveyed_layers
from radiotracer.training.loop import train
from radiotracer.training.predictions import predictions

OTHERS = ("loss", "activation-clustering", "deep-knn")
CONFIG = DetectConfig()
STEPS = 200
NEAR = 0.15
"""Relative distance within which `bullseye-polytope` takes its poisons for made."""

FLOOR = 0.003
"""What `contrast` adds to a probability before it takes the logarithm."""

VOUCHING = 5
"""Poisons are to be as far apart as this clean neighbour is: fewer vouch for a crowd of them."""


@dataclass(frozen=True)
class Setting:
    """Weights of the penalties, beside the squared relative distance to the target.

    Args:
        doubt: Of the doubt that the attacker's own heads have, in nats.
        crowd: Of how far the poisons crowd, in [0, 1].
    """

    doubt: float
    crowd: float


Name = Literal["none", "doubt", "light", "heavy"]

SETTINGS: dict[Name, Setting] = {
    "none": Setting(0.0, 0.0),
    "doubt": Setting(0.01, 0.0),
    "light": Setting(0.01, 0.03),
    "heavy": Setting(0.03, 0.1),
}


class Imitation:
    """`contrast` as the attacker imagines it, differentiable in the images.

    The attacker does not have the validation examples, but as many other clean ones, drawn alike.
    """

    def __init__(self, network: Objective, clean: Dataset, base: int) -> None:
        self.network, self.base = network, base
        self.layers = surveyed_layers(network, clean)
        with torch.no_grad():
            parts = [
                self.see(inputs_for(network, clean.content[start : start + LOOK_BATCH]))
                for start in range(0, len(clean), LOOK_BATCH)
            ]
        self.own: dict[str, Tensor] = {}
        self.heads: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
        for name in self.layers:
            points = torch.cat([part[name] for part in parts])
            self.own[name] = points[np.flatnonzero(clean.labels == base)]
            head = fit_head(standardised(points.numpy()), clean.labels)
            scale = points.std(dim=0, correction=0) + 1e-6  # as `standardised` has it
            weights = torch.from_numpy(head.coef_).float()
            bias = torch.from_numpy(head.intercept_).float()
            self.heads[name] = (points.mean(dim=0), scale, weights, bias)

    def see(self, inputs: Tensor) -> dict[str, Tensor]:
        return represent(self.network.model, inputs, self.layers, head=self.network.head).layers

    def doubt(self, shown: Mapping[str, Tensor]) -> Tensor:
        """``-log(q(base | x) + FLOOR)``, mean over layers and images."""
        each = []
        for name, (middle, scale, weights, bias) in self.heads.items():
            logits = (shown[name] - middle) / scale @ weights.T + bias
            each.append(-(logits.softmax(dim=1)[:, self.base] + FLOOR).log().mean())
        return torch.stack(each).mean()

    def crowd(self, shown: Mapping[str, Tensor]) -> Tensor:
        """How far poisons are inside the radius that few clean examples of the class vouch for.

        1 where all are in one place, 0 where none has another within its radius.
        """
        each = []
        for name, points in shown.items():
            to_clean = torch.cdist(points, self.own[name]).detach()
            radius = to_clean.topk(VOUCHING, largest=False)[0][:, -1:]
            row, column = np.nonzero(~np.eye(len(points), dtype=np.bool_))
            apart = (points[row] - points[column]).norm(dim=1) / radius[row, 0]
            each.append((1 - apart).clamp_min(0).sum() / max(1, len(row)))
        return torch.stack(each).mean()


def aim_at(ground: Ground, count: int, seed: int) -> tuple[Aim, str]:
    """The target, with its id, and the base class: those of the detection benchmark."""
    test, classes = ground.test, len(ground.victim.class_names)
    generator = np.random.default_rng([seed, 1])
    generator.choice(classes, size=2, replace=False)  # there, the classes of targeted flips
    right = predictions(ground.clean, test).argmax(dim=1).numpy() == test.labels
    row = int(generator.choice(np.flatnonzero(right)))
    label = int(test.labels[row])
    base = int((label + generator.integers(1, classes)) % classes)
    target = test.take([row])
    aim = Aim.at(ground.victim, target, base_class=base, count=count, recipe="adaptive")
    return aim, str(test.ids[row])


def craft(aim: Aim, imitation: Imitation, setting: Setting) -> Crafted:
    """As `bullseye_polytope`, with penalties, and however far the poisons stay from the target.

    Who gives up some of the way in order not to be seen is judged by what the victim does.
    """
    network = imitation.network
    rows = aim.nearest(network)
    bases = aim.examples.content[rows]
    with torch.no_grad():
        goal = imitation.see(inputs_for(network, aim.target.content))[PENULTIMATE]

    def distance(shown: Mapping[str, Tensor]) -> Tensor:
        return relative_distance(shown[PENULTIMATE].mean(dim=0, keepdim=True), goal)[0]

    def loss(images: Tensor) -> Tensor:
        shown = imitation.see(images)
        total = distance(shown).square()
        if setting.doubt:
            total = total + setting.doubt * imitation.doubt(shown)
        if setting.crowd:
            total = total + setting.crowd * imitation.crowd(shown)
        return total

    start = inputs_for(network, bases)
    box = Box.around(bases, None, start.device)  # a tighter one would only weaken the attack
    poisons = to_pixels(descend(start, box, loss, steps=STEPS, rate=RATE))
    with torch.no_grad():
        reached = float(distance(imitation.see(inputs_for(network, poisons))))
    return aim.crafted("adaptive", rows, poisons, np.array([reached]))


class Place:
    """What all cells of a data set and a seed share."""

    def __init__(self, data: str, seed: int, out: Path) -> None:
        self.seed = seed
        folder = out / "networks" / f"{data}-{seed}"
        self.ground = ground_of(
            parts_of(data, CONFIG, seed), CONFIG, "head-only", seed=seed, folder=folder
        )
        base = aim_at(self.ground, 1, seed)[0].base_class
        clean = sample(self.ground.victim, CONFIG.queries, seed)
        with surrogate(self.ground.clean, clean, seed=seed, with_head=True) as network:
            self.imitation = Imitation(network, clean, base)

    def cell(self, setting: Setting, count: int) -> dict[str, Any]:
        """Craft, train the victim, scan it, and judge."""
        ground = self.ground
        aim, target = aim_at(ground, count, self.seed)
        crafted = craft(aim, self.imitation, setting)
        with tempfile.TemporaryDirectory() as folder:
            run, victim = train(
                crafted.examples, ground.training, Path(folder) / "run", start=ground.start
            )
            found = scan(
                victim,
                run,
                crafted.examples,
                validation(ground.test, CONFIG.queries, self.seed, without=target),
                manifest=crafted.manifest,
                detectors=("contrast", *OTHERS),
                seed=self.seed,
            )
        judged = {name: found.quality(name) for name in ("contrast", *OTHERS)}
        ranks = {name: each[0] for name, each in judged.items() if each is not None}
        truth, flagged = crafted.manifest.is_tampered, found.decision.is_flagged
        return {
            "distance": float(crafted.distances[0]),
            "success": success(victim, crafted.attack),
            "success_clean": success(ground.clean, crafted.attack),
            "auprc": {name: each.auprc for name, each in ranks.items()},
            "recall": float(flagged[truth].mean()),
            "false_positive_rate": float(flagged[~truth].mean()),
            "clean_removed": int((flagged & ~truth).sum()),
        }


def rows_of(cells: Sequence[dict[str, Any]]) -> list[str]:
    """One line of the table: cells that differ in the seed alone."""

    def times(happened: Sequence[bool]) -> str:
        return f"{sum(happened)} of {len(happened)}"

    return [
        *(str(cells[0][name]) for name in ("data", "setting", "count")),
        " ".join(str(cell["seed"]) for cell in cells),
        spread([cell["distance"] for cell in cells]),
        times([cell["distance"] <= NEAR for cell in cells]),
        times([cell["success"] > 0.5 for cell in cells]),
        times([cell["success_clean"] > 0.5 for cell in cells]),
        times([cell["success"] > 0.5 and cell["recall"] < 0.5 for cell in cells]),
        spread([cell["auprc"]["contrast"] for cell in cells]),
        spread([cell["recall"] for cell in cells]),
        spread([cell["false_positive_rate"] for cell in cells], 4),
        spread([cell["clean_removed"] for cell in cells], 0),
        *(spread([cell["auprc"][name] for cell in cells]) for name in OTHERS),
    ]


TITLES = (
    *("data", "setting", "poisons", "seeds", "distance of the mean", f"within {NEAR:g}"),
    *("success", "of the clean network", "success, under half flagged", "contrast: AUPRC"),
    *("recall, as flagged", "false-positive rate, as flagged", "clean removed"),
    *(f"{name}: AUPRC" for name in OTHERS),
)


def main(
    *,
    out: Path = Path("bench-adaptive"),
    counts: tuple[int, ...] = (1, 2, 5, 10, 25, 50),
    seeds: tuple[int, ...] = (0, 1, 2),
    data: tuple[str, ...] = ("mnist", "fashion-mnist"),
    settings: tuple[Name, ...] = tuple(SETTINGS),
    quick: bool = False,
) -> None:
    """Print the table.

    Args:
        out: Folder of finished cells.
        counts: Numbers of poisons.
        seeds: Of the data's parts, the targets and the trainings.
        data: Training data that have a test split.
        settings: What the attacker pays attention to.
        quick: MNIST, seed 0, two counts.
    """
    if quick:
        data, seeds, counts = ("mnist",), (0,), (5, 50)
    done: dict[tuple[str, str, int], list[dict[str, Any]]] = {
        place: [] for place in product(data, settings, counts)
    }
    for seed, each in product(seeds, data):  # the outer loop: what is stopped early has whole rows
        place = functools.cache(functools.partial(Place, each, seed, out))
        for count, name in product(counts, settings):
            path = out / f"{each}--{name}--{count}--{seed}.json"
            make = functools.partial(_cell, place, SETTINGS[name], count)
            where = {"data": each, "setting": name, "count": count, "seed": seed}
            done[each, name, count].append(
                {**where, **finished(path, make, asdict(SETTINGS[name]))}
            )
    text = table(TITLES, (rows_of(cells) for cells in done.values()))
    write_text(out / "adaptive.md", text + "\n")
    print(text)


def _cell(place: Callable[[], Place], setting: Setting, count: int) -> dict[str, Any]:
    return place().cell(setting, count)
