"""The benchmark as tables for a terminal; the Markdown page has every metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.detect.result import Cell
from bench.detect.summary import Group, Spread, groups, written

SHOWN = {
    "auprc": "AUPRC",
    "tpr_at_fpr_01": "TPR at\n1% FPR",
    "tpr_at_fpr_001": "TPR at\n.1% FPR",
    "recall": "recall\nflagged",
    "false_positive_rate": "FPR\nflagged",
}


def tables(cells: Sequence[Cell]) -> Iterator[RenderableType]:
    """For each recipe a heading with what became of the attack, and a table of detectors."""
    for group in groups(cells):
        yield Text()
        yield Text(_heading(group))
        if group.detectors:
            yield _detectors(group)
        else:
            yield Text(str(group.cells[0].failure))


def _heading(group: Group) -> str:
    seeds = " ".join(str(cell.seed) for cell in group.cells)
    tampered, _ = written(Spread.of([cell.tampered for cell in group.cells]), 0)
    line = f"{group.title}\nseeds {seeds}; {tampered} of {group.cells[0].examples:,} tampered"
    success, _ = written(Spread.of([cell.attack_success for cell in group.cells]))
    if success != "-":
        clean, _ = written(Spread.of([cell.attack_success_clean for cell in group.cells]))
        line += f"; attack success {success} (clean network {clean})"
    return line


def _detectors(group: Group) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("detector", no_wrap=True)
    for title in SHOWN.values():
        table.add_column(title, justify="right", vertical="bottom", no_wrap=True)
    for name in group.detectors:
        texts = [written(group.spread(name, metric)) for metric in SHOWN]
        table.add_row(name, *(mean for mean, _ in texts))
        if any(span for _, span in texts):
            table.add_row("", *(_short(span) for _, span in texts), style="dim")
    return table


def _short(span: str) -> str:
    """Ranges of shares without the zero before the point: ten columns are all there is."""
    return "-".join(each.removeprefix("0") for each in span.split("-")) if span else ""
