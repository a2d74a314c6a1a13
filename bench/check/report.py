"""The tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    "pair": "photographs, 2 classes",
    "all": "photographs, 10 classes",
    "thousand": "photographs, 1,000 made-up labels",
}
NOISES = {"clean": "none", "random": "at random", "next": "to the next class"}
CASES: dict[str, Case] = {case.name: case for cases in PLAIN.values() for case in cases}
LEAST = 50
"""Examples of a bin that counts."""


def told(found: Mapping[Cell, Mapping[str, Runs]]) -> str:
    """Every table that there are facts for."""
    images = {
        name: runs
        for cell in ("clean", "thousand", "lists", "flips", "all")
        for name, runs in found.get(cell, {}).items()
    }
    clean = {name: runs for name, runs in images.items() if CASES[name].noise == "clean"}
    wrong = {name: runs for name, runs in images.items() if CASES[name].noise != "clean"}
    parts = [
        ("No wrong label", ["data", "examples", "seeds", "flagged", "inconclusive"], clean_rows),
        ("Average precision", ["data", "examples", "wrong", "seeds", "precision"], precise_rows),
        ("Lists without validation examples", LISTS, without),
        ("Lists with 1,000 validation examples", LISTS, with_validation),
        ("Probabilities", ["data", "examples", "wrong", "largest gap", "of one seed"], gap_rows),
        ("Share of wrong labels", SHARES, share_rows),
    ]
    given: dict[Callable[..., Any], Mapping[str, Runs]] = {clean_rows: clean, precise_rows: wrong}
    tables = [
        (title, table(titles, rows))
        for title, titles, make in parts
        if (rows := list(make(given.get(make, images))))
    ]
    rivals = list(rival_rows(wrong, found.get("rivals", {})))
    if rivals:
        tables.append(("Beside others on the same features", table(RIVALS, rivals)))
    for cell in ("texts", "tables"):
        for title, text in others(found.get(cell, {})):
            tables.append((f"{cell.capitalize()}: {title}", text))
    if "speed" in found:
        rows = [
            [seed, run["first"], run["second"], run["cores"], *run["load"]]
            for runs in found["speed"].values()
            for seed, run in runs.items()
        ]
        titles = ["seed", "first check, s", "second, s", "cores", "load before", "after"]
        tables.append(("Seconds", table(titles, rows)))
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in tables)


LISTS = [
    *("data", "examples", "wrong", "seeds", "nominal rate", "realised rate"),
    *("listed of the best list", "inconclusive"),
]
SHARES = [
    *("data", "examples", "truth", "seeds", "estimate", "mean interval", "covers"),
    "bound holds",
]
RIVALS = [
    *("data", "examples", "seeds", "check", "cleanlab, C = 1", "best cleanlab"),
    *("check less the best", "neighbours", "loss"),
]


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
    return [KINDS.get(case.pool, case.pool), f"{case.n:,}"]


def noise_of(name: str) -> str:
    """Share and kind of wrong labels."""
    case = CASES[name]
    return "0" if case.noise == "clean" else f"{case.share:.0%} {NOISES[case.noise]}"


def clean_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        flagged = [run["lists"]["0.05"]["listed"] / run["n"] for run in runs.values()]
        silent = sum(run["inconclusive"] is not None for run in runs.values())
        shown = f"{np.mean(flagged):.2%} (at most {max(flagged):.2%})"
        yield [*of_case(name), len(runs), shown, f"{silent} of {len(runs)}"]


def precise_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        values = [run["precision"] for run in runs.values()]
        yield [*of_case(name), noise_of(name), len(runs), interval(values)]


def without(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    wrong = {name: runs for name, runs in found.items() if CASES[name].noise != "clean"}
    yield from list_rows(wrong, "lists")


def with_validation(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    yield from list_rows(found, "validated")


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
            silent = sum(run["inconclusive"] is not None for run in runs.values())
            yield [
                *of_case(name),
                noise_of(name),
                len(runs),
                f"{rate:.0%}",
                interval(false),
                interval(power, 2) if power else "-",
                f"{silent} of {len(runs)}",
            ]


def gap(bins: Iterable[Any]) -> float | None:
    """Largest distance of the mean probability of a bin from its share of wrong labels."""
    gaps = [
        abs(expected - wrong) / count
        for count, expected, wrong in np.sum(list(bins), axis=0)
        if count >= LEAST
    ]
    return max(gaps, default=None)


def gap_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        if CASES[name].noise == "clean":
            continue
        together = gap(run["bins"] for run in runs.values())
        alone = [value for run in runs.values() if (value := gap([run["bins"]])) is not None]
        shown = "-" if together is None else f"{together:.3f}"
        most = f"{np.mean(alone):.3f}, at most {max(alone):.3f}" if alone else "-"
        yield [*of_case(name), noise_of(name), shown, most]


def share_rows(found: Mapping[str, Runs]) -> Iterator[list[object]]:
    for name, runs in found.items():
        truths = np.array([run["wrong"] / run["n"] for run in runs.values()])
        shares = np.array([run["share"] for run in runs.values()])
        covers = (shares[:, 1] <= truths) & (truths <= shares[:, 2])
        bounds = [run["at least"] <= run["wrong"] for run in runs.values() if "at least" in run]
        yield [
            *of_case(name),
            noise_of(name),
            len(runs),
            interval(shares[:, 0].tolist()),
            f"{shares[:, 1].mean():.3f} to {shares[:, 2].mean():.3f}",
            f"{covers.sum()} of {len(covers)}",
            f"{sum(bounds)} of {len(bounds)}" if bounds else "-",
        ]


def best_of(run: Mapping[str, float], start: str) -> float:
    return max(value for key, value in run.items() if key.startswith(start))


def rival_rows(found: Mapping[str, Runs], others: Mapping[str, Runs]) -> Iterator[list[object]]:
    """Of the seeds that both have; the best of cleanlab's is chosen for each seed."""
    for name, runs in others.items():
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


def others(found: Mapping[str, Runs]) -> Iterator[tuple[str, str]]:
    """Texts or tables, with every rival."""
    if not found:
        return
    by_tables = any("trees, self_confidence" in run["rivals"] for run in _all(found))
    starts = ["as said", "sharpened", "trees"] if by_tables else ["cleanlab, C=1,", "cleanlab"]
    names = (
        ["cleanlab, as said", "cleanlab, sharpened", "cleanlab, trees of its own"]
        if by_tables
        else ["cleanlab, C = 1", "best cleanlab"]
    )
    rows = []
    for name, runs in found.items():
        every = list(runs.values())
        rows.append(
            [
                *(name, f"{every[0]['n']:,}", len(every)),
                interval([run["precision"] for run in every]),
                *(interval([best_of(run["rivals"], start) for run in every]) for start in starts),
                interval([run["tenth"] for run in every]),
                interval([gap([run["bins"]]) or 0.0 for run in every], 2),
                f"{sum(run['inconclusive'] is not None for run in every)} of {len(every)}",
            ]
        )
    titles = ["data", "examples", "seeds", "check", *names, "first tenth holds", "largest gap"]
    yield "10 % of the labels flipped", table([*titles, "inconclusive"], rows)


def _all(found: Mapping[str, Runs]) -> Iterator[Mapping[str, Any]]:
    return (run for runs in found.values() for run in runs.values())
