"""Is the false discovery rate kept? Realised rate and recall of `scan --fdr`, with a reference.

    python -m bench false_discovery --simulate
    python -m bench false_discovery [--out bench-fdr] [--seeds 0 1 ...] [--recipes ...]

Each real cell is a training on 5,000 random MNIST images, a share of which was tampered with, and
one scan of it. A reference is a random sample of training examples, reviewed: what the manifest
calls tampered is not in it. Every detector is decided at every rate in three ways: against each
reference, the same with the share of clean examples estimated (Storey), and without a reference.
Finished cells are kept in --out, so that what was stopped goes on where it was. With
--simulate, scores are standard normal, and higher by --shift where tampered. Prints means over the
seeds; the interval of the realised rate is Student's, at 95 %.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from scipy import stats

from bench.keeping import finished
from bench.tables import table
from radiotracer.data import Dataset, open_data
from radiotracer.detectors import Ranking, Reference, Rule, Tested, against, decide
from radiotracer.recipes import Manifest, patch_backdoor, random_flip, targeted_flip
from radiotracer.reproduce.demo import sample
from radiotracer.scanning import scan
from radiotracer.training.loop import TrainConfig, train

DETECTORS = ("contrast", "label-posterior", "loss")
RATES = (0.01, 0.05, 0.1)
SHARES = (0.01, 0.05, 0.1, 0.2)
Recipe = Literal["random-flip", "targeted-flip", "patch-backdoor"]
RECIPES: tuple[Recipe, ...] = get_args(Recipe)
QUERIES, WIDTH, EPOCHS, CHECKPOINT_EVERY = 1000, 16, 6, 2

Outcome = dict[str, float | bool]
Found = dict[tuple[str, float], list[dict[str, Outcome]]]
"""Outcomes of every setting by recipe and share, one a seed."""


def main(
    *,
    out: Path = Path("bench-fdr"),
    simulate: bool = False,
    worlds: int = 500,
    shift: float = 4.0,
    seeds: tuple[int, ...] = tuple(range(20)),
    recipes: tuple[Recipe, ...] = RECIPES,
    shares: tuple[float, ...] = SHARES,
    data: str = "mnist",
    examples: int = 5000,
    reference: tuple[int, ...] = (500, 2000),
) -> None:
    """Print the two tables.

    Args:
        out: Folder of finished cells.
        simulate: Gaussian scores, no training.
        worlds: Simulated data sets.
        shift: Of simulated tampered scores.
        seeds: Of the data, the tampering and the training.
        recipes: How the data are tampered with.
        shares: How much of them is.
        data: Training data that have a test split.
        examples: Training examples.
        reference: Examples that are reviewed.
    """
    found: Found
    if simulate:
        found = {
            ("gaussian", share): [
                simulated(share, seed, examples, reference, shift) for seed in range(worlds)
            ]
            for share in shares
        }
    else:
        found = {place: [] for place in product(recipes, shares)}
        for seed in seeds:  # the outer loop: what was stopped has every setting, too
            for recipe, share in product(recipes, shares):
                make = functools.partial(
                    cell, recipe, share, seed, data=data, examples=examples, sizes=reference
                )
                path = out / f"{data}-{recipe}-{share:g}-{seed}.json"
                settings = {"examples": examples, "reference": reference}
                found[recipe, share].append(finished(path, make, settings))
    print(settings_table(found))
    print()
    print(summary(found))


def simulated(
    share: float, seed: int, n: int, sizes: tuple[int, ...], shift: float
) -> dict[str, Outcome]:
    """One data set of Gaussian scores, decided in every way that needs no detector."""
    random = np.random.default_rng([seed, round(share * 1e6)])
    tampered = np.arange(n) < round(share * n)
    ranking = Ranking(random.standard_normal(n) + shift * tampered)
    labels = random.integers(0, 10, n)
    return dict(
        outcomes(
            "gaussian",
            ranking,
            fallback=None,
            labels=labels,
            tampered=tampered,
            references={size: reviewed(tampered, size, seed) for size in sizes},
        )
    )


def cell(
    recipe: Recipe, share: float, seed: int, *, data: str, examples: int, sizes: tuple[int, ...]
) -> dict[str, Outcome]:
    """One training and its scan."""
    clean = sample(open_data(data), examples, seed)
    tampered_data, manifest = tampered_by(recipe, clean, share, seed)
    config = TrainConfig(
        architecture="resnet18",
        width=WIDTH,
        epochs=EPOCHS,
        checkpoint_every=CHECKPOINT_EVERY,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        run, model = train(tampered_data, config, Path(folder) / "run")
        queries = sample(open_data(f"{data}:test"), QUERIES, seed)
        rankings = scan(model, run, tampered_data, queries, detectors=DETECTORS, seed=seed).rankings
    tampered = manifest.is_tampered
    references = {size: reviewed(tampered, size, seed) for size in sizes}
    fallback = rankings["label-posterior"]
    return {
        key: outcome
        for name in DETECTORS
        for key, outcome in outcomes(
            name,
            rankings[name],
            fallback=fallback,
            labels=tampered_data.labels,
            tampered=tampered,
            references=references,
        )
    }


def tampered_by(
    recipe: Recipe, clean: Dataset, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """A share of all examples, of the 3s (called 9), or of all but the 0s (patched, called 0)."""
    if recipe == "random-flip":
        return random_flip(clean, share=share, seed=seed)
    if recipe == "targeted-flip":
        return targeted_flip(clean, share=share, seed=seed, from_class=3, to_class=9)
    return patch_backdoor(clean, share=share, seed=seed, to_class=0)


def reviewed(tampered: np.ndarray, size: int, seed: int) -> Reference:
    """A random sample that a person has looked at: what was tampered with is found and left out."""
    drawn = np.random.default_rng([seed, 7]).choice(len(tampered), size, replace=False)
    return Reference(drawn[~tampered[drawn]], "reviewed")


def outcomes(
    name: str,
    ranking: Ranking,
    *,
    fallback: Ranking | None,
    labels: np.ndarray,
    tampered: np.ndarray,
    references: dict[int, Reference],
) -> Iterator[tuple[str, Outcome]]:
    """Every rule at every rate: false discovery proportion, recall, and whether it could tell."""
    for rate in RATES:
        rules: dict[str, tuple[Rule, Tested | None]] = {
            f"{size} reviewed{', Storey' if storey else ''}": (
                Rule(fdr=rate, storey=storey),
                against(ranking.scores, labels, reference, rate),
            )
            for size, reference in references.items()
            for storey in (False, True)
        }
        if fallback is not None:
            rules["no reference"] = (Rule(fdr=rate), None)
        for said, (rule, tested) in rules.items():
            decision = decide(ranking, rule, tested, fallback)
            flagged = decision.is_flagged
            yield (
                f"{name} | {said} | {rate:g}",
                {
                    "proportion": float((flagged & ~tampered).sum() / max(1, flagged.sum())),
                    "recall": float(flagged[tampered].mean()),
                    "inconclusive": decision.inconclusive is not None,
                },
            )


def settings_table(found: Found) -> str:
    """One row per recipe, share, detector, rule and nominal rate."""
    names = "recipe, share, detector, rule, nominal, realised (95 %), recall, inconclusive, n"
    rows = []
    for (recipe, share), worlds in found.items():
        for key in worlds[0]:
            rates, recalls, unsure = (
                np.array([world[key][what] for world in worlds], dtype=np.float64)
                for what in ("proportion", "recall", "inconclusive")
            )
            numbers = (interval(rates), f"{recalls.mean():.3f}", f"{unsure.mean():.2f}")
            rows.append([recipe, f"{share:g}", *key.split(" | "), *numbers, len(worlds)])
    return table(names.split(", "), rows)


def summary(found: Found) -> str:
    """One row per rule and nominal rate, over all recipes, shares and detectors."""
    names = (
        "rule, nominal, settings, anything flagged, mean realised, highest, "
        "interval wholly above nominal"
    )
    settings: dict[tuple[str, str], list[np.ndarray]] = {}
    flagged: dict[tuple[str, str], int] = {}
    for worlds in found.values():
        for key in worlds[0]:
            _, rule, rate = key.split(" | ")
            rates = np.array([world[key]["proportion"] for world in worlds], dtype=np.float64)
            settings.setdefault((rule, rate), []).append(rates)
            some = any(world[key]["recall"] or world[key]["proportion"] for world in worlds)
            flagged[rule, rate] = flagged.get((rule, rate), 0) + some
    rows = []
    for (rule, rate), each in settings.items():
        means = [rates.mean() for rates in each]
        above = sum(limits(rates)[0] > float(rate) for rates in each)
        numbers = (f"{np.mean(means):.4f}", f"{np.max(means):.4f}", above)
        rows.append([rule, rate, len(each), flagged[rule, rate], *numbers])
    return table(names.split(", "), rows)


def interval(values: np.ndarray) -> str:
    """Mean and Student's interval, cut off at 0 and 1."""
    if len(values) < 2:
        return f"{values.mean():.4f}"
    low, high = limits(values)
    return f"{values.mean():.4f} ({low:.4f} to {high:.4f})"


def limits(values: np.ndarray) -> tuple[float, float]:
    """Student's interval of the mean at 95 %, cut off at 0 and 1."""
    mean = float(values.mean())
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return max(0.0, mean - half), min(1.0, mean + half)
