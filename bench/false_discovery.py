"""Is the false discovery rate kept? Realised rate and power of `scan --fdr`, with a reference.

    python benchmarks/false_discovery.py --simulated
    python benchmarks/false_discovery.py [--out bench-fdr] [--seeds 0 1 ...] [--recipes ...]

Each real cell is a training on 5,000 random MNIST images, a share of which was tampered with, and
one scan of it. A reference is a random sample of training examples, reviewed: what the manifest
calls tampered is not in it. Every detector is decided at every rate in three ways: against each
reference, the same with the share of honest examples estimated (Storey), and without a reference.
Finished cells are kept in --out, so that what was stopped goes on where it was. With
--simulated, scores are standard normal, and higher by --shift where tampered. Prints means over the
seeds; the interval of the realised rate is Student's, at 95 %.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy import stats

from radiotracer.data import Dataset, open_data
from radiotracer.detectors import Ranking, Reference, Rule, Tested, against, decide
from radiotracer.files import write_text
from radiotracer.recipes import Manifest, patch_backdoor, random_flip, targeted_flip
from radiotracer.reproduce.demo import sample
from radiotracer.scanning import scan
from radiotracer.training.loop import TrainConfig, train

DETECTORS = ("contrast", "label-posterior", "loss")
RATES = (0.01, 0.05, 0.1)
SHARES = (0.01, 0.05, 0.1, 0.2)
RECIPES = ("random-flip", "targeted-flip", "patch-backdoor")
QUERIES, WIDTH, EPOCHS, CHECKPOINT_EVERY = 1000, 16, 6, 2

Outcome = dict[str, float | bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-fdr"))
    parser.add_argument("--simulated", action="store_true", help="Gaussian scores, no training")
    parser.add_argument("--worlds", type=int, default=500, help="simulated data sets")
    parser.add_argument("--shift", type=float, default=4.0, help="of simulated tampered scores")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    parser.add_argument("--shares", type=float, nargs="+", default=list(SHARES))
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument(
        "--reference", type=int, nargs="+", default=[500, 2000], help="examples that are reviewed"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.simulated:
        found = {
            ("gaussian", share): [
                simulated(share, seed, options.examples, options.reference, options.shift)
                for seed in range(options.worlds)
            ]
            for share in options.shares
        }
    else:
        found = {(recipe, share): [] for recipe in options.recipes for share in options.shares}
        for seed in options.seeds:  # the outer loop: what was stopped has every setting, too
            for recipe, share in found:
                found[recipe, share].append(cell(recipe, share, seed, options))
    print(*table(found), sep="\n")
    print()
    print(*summary(found), sep="\n")


def simulated(
    share: float, seed: int, n: int, sizes: list[int], shift: float
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
            posteriors=None,
            labels=labels,
            tampered=tampered,
            references={size: reviewed(tampered, size, seed) for size in sizes},
        )
    )


def cell(recipe: str, share: float, seed: int, options: argparse.Namespace) -> dict[str, Outcome]:
    """One training and its scan, unless it is in the folder already."""
    path = options.out / f"{options.data}-{recipe}-{share:g}-{seed}.json"
    settings = {"examples": options.examples, "reference": options.reference}
    if path.is_file():
        kept = json.loads(path.read_bytes())
        if kept["settings"] != settings:
            raise SystemExit(f"{path} was made with {kept['settings']}: choose another --out")
        return dict(kept["outcomes"])
    begun = time.perf_counter()
    clean = sample(open_data(options.data), options.examples, seed)
    examples, manifest = tampered_by(recipe, clean, share, seed)
    config = TrainConfig(
        architecture="resnet18",
        width=WIDTH,
        epochs=EPOCHS,
        checkpoint_every=CHECKPOINT_EVERY,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        run, model = train(examples, config, Path(folder) / "run")
        queries = sample(open_data(f"{options.data}:test"), QUERIES, seed)
        rankings = scan(model, run, examples, queries, detectors=DETECTORS, seed=seed).rankings
    tampered = manifest.is_tampered
    references = {size: reviewed(tampered, size, seed) for size in options.reference}
    posteriors = rankings["label-posterior"].posteriors
    found = {
        key: outcome
        for name in DETECTORS
        for key, outcome in outcomes(
            name,
            rankings[name],
            posteriors=posteriors,
            labels=examples.labels,
            tampered=tampered,
            references=references,
        )
    }
    seconds = round(time.perf_counter() - begun, 1)
    write_text(
        path, json.dumps({"settings": settings, "seconds": seconds, "outcomes": found}, indent=1)
    )
    print(f"{path.name}: {seconds} s", flush=True)
    return found


def tampered_by(recipe: str, clean: Dataset, share: float, seed: int) -> tuple[Dataset, Manifest]:
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
    posteriors: np.ndarray | None,
    labels: np.ndarray,
    tampered: np.ndarray,
    references: dict[int, Reference],
) -> Iterator[tuple[str, Outcome]]:
    """Every rule at every rate: false discovery proportion, power, and whether it could tell."""
    for rate in RATES:
        rules: dict[str, tuple[Rule, Tested | None]] = {
            f"{size} reviewed{', Storey' if storey else ''}": (
                Rule(fdr=rate, storey=storey),
                against(ranking.scores, labels, reference, rate),
            )
            for size, reference in references.items()
            for storey in (False, True)
        }
        if posteriors is not None:
            rules["no reference"] = (Rule(fdr=rate), None)
        for said, (rule, tested) in rules.items():
            decision = decide(ranking, rule, tested, posteriors)
            suspects = decision.suspects
            yield (
                f"{name} | {said} | {rate:g}",
                {
                    "proportion": float((suspects & ~tampered).sum() / max(1, suspects.sum())),
                    "power": float(suspects[tampered].mean()),
                    "inconclusive": decision.inconclusive is not None,
                },
            )


def table(found: dict[tuple[str, float], list[dict[str, Outcome]]]) -> Iterator[str]:
    """Markdown, one row per recipe, share, detector, rule and nominal rate."""
    names = "recipe, share, detector, rule, nominal, realised (95 %), power, inconclusive, n"
    yield f"| {names.replace(', ', ' | ')} |"
    yield "| --- " * 9 + "|"
    for (recipe, share), worlds in found.items():
        for key in worlds[0]:
            rates, powers, unsure = (
                np.array([world[key][what] for world in worlds], dtype=np.float64)
                for what in ("proportion", "power", "inconclusive")
            )
            yield (
                f"| {recipe} | {share:g} | {key} | {interval(rates)} | {powers.mean():.3f} "
                f"| {unsure.mean():.2f} | {len(worlds)} |"
            )


def summary(found: dict[tuple[str, float], list[dict[str, Outcome]]]) -> Iterator[str]:
    """Markdown, one row per rule and nominal rate, over all recipes, shares and detectors."""
    names = (
        "rule, nominal, settings, anything flagged, mean realised, highest, "
        "interval wholly above nominal"
    )
    yield f"| {names.replace(', ', ' | ')} |"
    yield "| --- " * 7 + "|"
    settings: dict[tuple[str, str], list[np.ndarray]] = {}
    flagged: dict[tuple[str, str], int] = {}
    for worlds in found.values():
        for key in worlds[0]:
            _, rule, rate = key.split(" | ")
            rates = np.array([world[key]["proportion"] for world in worlds], dtype=np.float64)
            settings.setdefault((rule, rate), []).append(rates)
            some = any(world[key]["power"] or world[key]["proportion"] for world in worlds)
            flagged[rule, rate] = flagged.get((rule, rate), 0) + some
    for (rule, rate), each in settings.items():
        means = [rates.mean() for rates in each]
        above = sum(limits(rates)[0] > float(rate) for rates in each)
        yield (
            f"| {rule} | {rate} | {len(each)} | {flagged[rule, rate]} | {np.mean(means):.4f} "
            f"| {np.max(means):.4f} | {above} |"
        )


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


if __name__ == "__main__":
    main()
