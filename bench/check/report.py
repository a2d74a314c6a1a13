"""The tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from bench.check.cases import PLAIN, Case, Cell
from bench.check.measuring import RATES
from bench.tables import table

Runs = Mapping[int, Mapping[str, Any]]
"""Facts by seed."""

KINDS = {
    "photographs": "photographs, 10 classes",
    "all": "photographs, 10 classes",
    "pair": "photographs, 2 classes",
    "thousand": "photographs, 1,000 made-up labels",
    "fashion-mnist": "Fashion-MNIST",
    "mnist": "MNIST",
}
NOISES = {"clean": "none", "random": "at random", "next": "to the next class"}
CASES: dict[str, Case] = {case.name: case for cases in PLAIN.values() for case in cases}
LEAST = 50
"""Examples of a bin that counts."""


def told(found: Mapping[Cell, Mapping[str, Runs]]) -> str:
    """Every table that there are facts for."""
    images: dict[str, Runs] = {}
    for cell in ("clean", "thousand", "lists", "flips", "all"):
        images |= found.get(cell, {})
    images = {name: images[name] for name in sorted(images, key=_place)}
    clean = {name: runs for name, runs in images.items() if CASES[name].noise == "clean"}
    wrong = {name: runs for name, runs in images.items() if CASES[name].noise != "clean"}
    validated = {name: images[name] for name in images if name in found.get("lists", {})}
    parts: list[tuple[str, Sequence[str], Iterable[Iterable[object]]]] = [
        ("No wrong label", CLEAN, clean_rows(clean)),
        ("Wrong labels", WRONG, wrong_rows(wrong)),
        ("Beside others on the same features", RIVALS, rival_rows(wrong, found.get("rivals", {}))),
        ("Lists without validation examples", LISTS, list_rows(wrong, "lists")),
        ("Lists with 1,000 validation examples", LISTS, list_rows(validated, "validated")),
        ("At least so many are wrong", BOUNDS, bound_rows(validated)),
        ("Texts", [*OTHERS, *TEXTS], other_rows(found.get("texts", {}), TEXTS)),
        ("Tables", [*OTHERS, *TABLES], other_rows(found.get("tables", {}), TABLES)),
        ("Seconds", SECONDS, speed_rows(found.get("speed", {}))),
    ]
    shown = [(title, titles, list(rows)) for title, titles, rows in parts]
    return "\n\n".join(
        f"### {title}\n\n{table(titles, rows)}" for title, titles, rows in shown if rows
    )


CLEAN = ["data", "examples", "seeds", "flagged", "inconclusive", "estimated share", "covers"]
WRONG = [
    *("data", "examples", "wrong", "seeds", "average precision", "inconclusive"),
    *("estimated share", "interval covers", "largest gap of probabilities"),
]
RIVALS = [
    *("data", "examples", "seeds", "check", "cleanlab, C = 1", "best cleanlab"),
    *("check less the best", "neighbours", "loss"),
]
LISTS = [
    *("data", "examples", "wrong", "seeds", "nominal rate", "realised rate"),
    "listed of the best list",
]
BOUNDS = ["data", "examples", "wrong", "seeds", "at least, mean", "true"]
OTHERS = [
    *("data", "examples", "seeds", "average precision", "first tenth holds"),
    *("largest gap", "inconclusive"),
]
TEXTS = {"cleanlab, C = 1": "cleanlab, C=1,", "best cleanlab": "cleanlab"}
TABLES = {
    "cleanlab on the same, as said": "as said",
    "on the same, sharpened": "sharpened",
    "cleanlab with trees of its own": "trees",
}
"""Beginnings of the names of rankings, of which the best one counts."""

SECONDS = ["seed", "first check, s", "second check, s", "cores", "load before", "after"]


def _place(name: str) -> tuple[object, ...]:
    case = CASES[name]
    return list(KINDS).index(case.pool), list(NOISES).index(case.noise), case.share, case.n


def interval(values: Sequence[float], digits: int = 3) -> str:
    """The mean, and Student's 95 % interval of it."""
    mean = float(np.mean(values))
    if len(values) < 2 or np.ptp(values) == 0:
        return f"{mean:.{digits}f}"
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.{digits}f} ({mean - half:.{digits}f} to {mean + half:.{digits}f})"


def of_case(name: str) -> list[str]:
    """Data and size."""
    case = CASES[name]
    return [KINDS[case.pool], f"{case.n:,}"]


def noise_of(name: str) -> str:
    """Share and kind of wrong labels."""
    case = CASES[name]
    return "0" if case.noise == "clean" else f"{case.share:.0%} {NOISES[case.noise]}"


def shares_of(runs: Runs) -> list[str]:
    """The estimated share of wrong labels, and how often its interval holds the true one."""
    truths = np.array([run["wrong"] / run["n"] for run in runs.values()])
    shares = np.array([run["share"] for run in runs.values()])
    covers = int(((shares[:, 1] <= truths) & (truths <= shares[:, 2])).sum())
    return [interval(shares[:, 0].tolist()), f"{covers} of {len(truths)}"]


def silent(runs: Runs) -> str:
    """How often nothing was said."""
    count = sum(run["inconclusive"] is not None for run in runs.values())
    return f"{count} of {len(runs)}"


def clean_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        flagged = [run["lists"]["0.05"]["listed"] / run["n"] for run in runs.values()]
        most = f"{np.mean(flagged):.2%}" + (
            f" (at most {max(flagged):.2%})" if any(flagged) else ""
        )
        yield [*of_case(name), len(runs), most, silent(runs), *shares_of(runs)]


def wrong_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    """The gap is that of all seeds together, and the largest one of a seed."""
    for name, runs in found.items():
        values = [run["precision"] for run in runs.values()]
        together = gap(run["bins"] for run in runs.values())
        alone = [value for run in runs.values() if (value := gap([run["bins"]])) is not None]
        shown = "-" if together is None else f"{together:.3f}"
        most = f" (of one seed {max(alone):.3f})" if alone else ""
        yield [
            *(*of_case(name), noise_of(name), len(runs), interval(values), silent(runs)),
            *(*shares_of(runs), shown + most),
        ]


def list_rows(found: Mapping[str, Runs], which: str) -> Iterator[list[object]]:
    for name, runs in found.items():
        if not all(which in run for run in runs.values()):
            continue
        for rate in RATES:
            lists = [run[which][str(rate)] for run in runs.values()]
            false = [each["right"] / max(each["listed"], 1) for each in lists]
            power = [
                (each["listed"] - each["right"]) / each["best"] for each in lists if each["best"]
            ]
            yield [
                *(*of_case(name), noise_of(name), len(runs), f"{rate:.0%}", interval(false)),
                interval(power, 2) if power else "-",
            ]


def bound_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        bounds = [run["at least"] for run in runs.values()]
        held = sum(run["at least"] <= run["wrong"] for run in runs.values())
        mean = f"{np.mean(bounds):.0f}"
        yield [*of_case(name), noise_of(name), len(runs), mean, f"{held} of {len(runs)}"]


def gap(bins: Iterable[Any]) -> float | None:
    """Largest distance of the mean probability of a bin from its share of wrong labels."""
    gaps = [
        abs(expected - wrong) / count
        for count, expected, wrong in np.sum(list(bins), axis=0)
        if count >= LEAST
    ]
    return max(gaps, default=None)


def best_of(run: Mapping[str, float], start: str) -> float:
    return max(value for key, value in run.items() if key.startswith(start))


def rival_rows(found: Mapping[str, Runs], others: Mapping[str, Runs]) -> Iterator[list[object]]:
    """Of the seeds that both have; the best of cleanlab's is chosen for each seed."""
    for name in sorted(others, key=_place):
        runs = others[name]
        seeds = sorted(set(runs) & set(found.get(name, {})))
        if not seeds:
            continue
        ours = [found[name][seed]["precision"] for seed in seeds]
        usual = [best_of(runs[seed], "cleanlab, C=1,") for seed in seeds]
        best = [best_of(runs[seed], "cleanlab") for seed in seeds]
        yield [
            *of_case(name),
            len(seeds),
            interval(ours),
            interval(usual),
            interval(best),
            interval([a - b for a, b in zip(ours, best, strict=True)]),
            interval([runs[seed]["neighbours"] for seed in seeds]),
            interval([runs[seed]["loss"] for seed in seeds]),
        ]


def other_rows(found: Mapping[str, Runs], rivals: Mapping[str, str]) -> Iterator[list[object]]:
    """Texts or tables, a tenth of the labels flipped, with the rivals that are asked for."""
    for name, runs in found.items():
        every = list(runs.values())
        together = gap(run["bins"] for run in every)
        yield [
            *(name, f"{every[0]['n']:,}", len(every)),
            interval([run["precision"] for run in every]),
            interval([run["tenth"] for run in every]),
            *("-" if together is None else f"{together:.3f}", silent(runs)),
            *(
                interval([best_of(run["rivals"], start) for run in every])
                for start in rivals.values()
            ),
        ]


def speed_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for runs in found.values():
        for seed, run in runs.items():
            yield [seed, run["first"], run["second"], run["cores"], *run["load"]]
