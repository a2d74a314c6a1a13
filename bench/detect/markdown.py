"""The benchmark as one page of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.detect.config import DetectConfig
from bench.detect.result import SUCCEEDED, Cell
from bench.detect.summary import METRICS, Group, Spread, groups, written
from bench.tables import table

FILTERS = {
    "before": "nothing",
    "flagged": "the flagged",
    "perfect": "the tampered",
    "random": "random ones",
}
"""Fields of `Repair`, with what was taken out."""

OUTCOME = {"tampered": 0, "clean": 0, "attack_success": 3, "accuracy": 3}
"""Fields of `Outcome`, with their digits."""


def markdown(cells: Sequence[Cell], config: DetectConfig) -> str:
    """What was run, what became of the attacks, and every detector on every recipe."""
    found = groups(cells)
    given = {name: value for name, value in config.settings().items() if value not in (None, [])}
    settings = [f"- {name.replace('_', ' ')}: {value}" for name, value in given.items()]
    lines = [
        "# Detection",
        "",
        f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}, with these settings:",
        "",
        *settings,
        "",
        "Mean over the seeds, in brackets the smallest and the largest. As flagged: the list that",
        "a scan gives without any setting; for detectors other than the deciding one, as many of",
        "their highest scores. Recall in a tenth: among the tenth of all examples with the highest",
        "scores. Recall at precision: the largest recall of a list that is at least",
        f"{config.precision:g} precise. An attack is successful when the victim takes at least",
        f"{SUCCEEDED:.0%} of its images for what the attacker wants.",
        "",
        "## Attacks",
        "",
        table(
            ["data", "protocol", "recipe", "set", "outcome", "seeds", "tampered", "success",
             "success on the clean network", "accuracy", "accuracy of the clean network"],
            [_attack(group) for group in found],
        ),
    ]  # fmt: skip
    lines += [
        "",
        "## Repair",
        "",
        "The victim trained again without some examples: the flagged; the tampered ones and",
        "nothing else (a perfect filter); as many random ones as are flagged.",
        "",
        table(
            ["data", "protocol", "recipe", "outcome", "without", "tampered taken out",
             "clean taken out", "attack success", "accuracy"],
            [row for group in found for row in _repairs(group)],
        ),
    ]  # fmt: skip
    for group in found:
        lines += ["", f"## {group.title}", ""]
        if not group.detectors:
            lines += [f"- seed {cell.seed}: {cell.failure}" for cell in group.cells]
            continue
        rows = (
            [name, *(_cell(group.spread(name, metric), metric) for metric in METRICS)]
            for name in group.detectors
        )
        lines.append(table(["detector", *METRICS.values()], rows))
    return "\n".join(lines) + "\n"


def _attack(group: Group) -> list[str]:
    def over_seeds(field: str, digits: int = 3) -> str:
        return _joined(*written(Spread.of([getattr(c, field) for c in group.cells]), digits))

    return [
        group.data,
        group.protocol,
        group.recipe,
        group.split,
        group.outcome,
        " ".join(str(cell.seed) for cell in group.cells),
        over_seeds("tampered", 0),
        over_seeds("attack_success"),
        over_seeds("attack_success_clean"),
        over_seeds("accuracy"),
        over_seeds("accuracy_clean"),
    ]


def _repairs(group: Group) -> Iterator[list[str]]:
    for name, title in FILTERS.items():
        outcomes = [getattr(c.repair, name) for c in group.cells if c.repair is not None]
        if outcomes:
            yield [
                *(group.data, group.protocol, group.recipe, group.outcome, title),
                *(
                    _joined(*written(Spread.of([getattr(o, field) for o in outcomes]), digits))
                    for field, digits in OUTCOME.items()
                ),
            ]


def _cell(spread: Spread | None, metric: str) -> str:
    digits = {"clean_removed": 0, "false_positive_rate": 4}.get(metric, 3)
    return _joined(*written(spread, digits))


def _joined(mean: str, span: str) -> str:
    return f"{mean} ({span})" if span else mean
