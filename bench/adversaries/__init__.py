"""Dishonest owners: what each of their strategies ends in, at two strengths of coins.

    python -m bench adversaries [--rounds 20] [--innocents 6]

Real digits, clean networks, twins of 400 images. For each strategy and strength: how many of the
rounds end in an accusation of an innocent network beyond the level of 0.01, the strongest log10 p
and the one that decides, and what tells of it. Exit status 1 if one accuses at strength beacon.
"""

from __future__ import annotations

from bench.tables import table


def main(*, rounds: int = 20, innocents: int = 6) -> int:
    """Print the table.

    Args:
        rounds: How often each strategy that chooses is tried; those that forge, once.
        innocents: How many innocent networks are accused.
    """
    from bench.adversaries import forging, gaining
    from bench.adversaries.ground import Level, Outcome, Strategy, ground

    at, lines, wrong = ground(innocents), [], 0
    levels: tuple[Level, ...] = ("owner", "beacon")
    chosen: list[tuple[str, Strategy, int]] = [
        (each.__name__, each, rounds) for each in gaining.STRATEGIES
    ]
    written = [(name, each, 1) for name, each in forging.STRATEGIES]
    for name, strategy, times in [*chosen, *written]:
        for level in levels:
            found: list[Outcome] = [strategy(at, level) for _ in range(times)]
            accusing = sum(each.accuses for each in found)
            wrong += accusing if level == "beacon" else 0
            lines.append(
                [
                    name.replace("_", " "),
                    level,
                    f"{accusing} of {times}",
                    _least([each.log10_p for each in found]),
                    _least([each.deciding for each in found]),
                    found[0].told,
                ]
            )
            print(*lines[-1], sep="  ", flush=True)
    print(table(["strategy", "coins", "accused", "log10 p", "decides", "told"], lines))
    return int(wrong > 0)


def _least(values: list[float | None]) -> str:
    there = [each for each in values if each is not None]
    return f"{min(there):.1f}" if there else "-"
