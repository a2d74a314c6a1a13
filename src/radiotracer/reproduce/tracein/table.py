"""The experiment as Markdown: what was run, and recall beside false positives in every cell."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.reproduce.tracein.experiment import COLUMNS
from radiotracer.reproduce.tracein.points import KINDS
from radiotracer.reproduce.tracein.result import Found, TraceInResult, Trial


def markdown(result: TraceInResult) -> str:
    """One table per row of the experiment: methods down, the two networks across."""
    settings = ", ".join(f"{name} {value}" for name, value in result.settings.items())
    budget = result.settings["tampered"]
    lines = [
        f"Run: {settings}.",
        "",
        "Each cell: recall / false-positive rate, mean over the seeds (smallest-largest). Own",
        f"rule: as the method decides by itself. Top {budget}: its {budget} highest scores, as a",
        "fixed gamma depends on the scale of the gradients. Clean model: trained without",
        "tampering, then asked about the tampered points; poisoned model: trained on them.",
    ]
    for kind in KINDS:
        trials = [trial for trial in result.trials if trial.kind == kind]
        if trials:
            lines += ["", f"### {kind}", "", *_section(trials, budget)]
    return "\n".join(lines) + "\n"


def _section(trials: Sequence[Trial], budget: object) -> list[str]:
    lines = [f"- seed {trial.seed}: {trial.failure}" for trial in trials if trial.failure]
    done = [trial for trial in trials if not trial.failure]
    if not done:
        return lines
    lines.append(
        f"Tampered {_spread([t.tampered for t in done], 0)} of "
        f"{_spread([t.asked for t in done], 0)} asked; "
        + "; ".join(f"{name}: {_network(done, name)}" for name in COLUMNS)
        + "."
    )
    titles = [
        f"{column}, {what}" for column in COLUMNS for what in ("own rule", f"top {budget}", "AUPRC")
    ]
    lines += ["", f"| method | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for method in done[0].found[COLUMNS[0]]:
        cells = []
        for column in COLUMNS:
            found = [trial.found[column][method] for trial in done]
            cells += [_own(found), _top(found), _spread([each.auprc for each in found])]
        rule = done[0].found[COLUMNS[0]][method].rule
        named = f"{method} ({rule})" if rule else method
        lines.append(f"| {named} | {' | '.join(cells)} |")
    return lines


def _network(trials: Sequence[Trial], column: str) -> str:
    text = f"accuracy {_spread([trial.accuracy[column] for trial in trials])}"
    if trials[0].attack_success:
        text += f", attack success {_spread([t.attack_success[column] for t in trials], 2)}"
    return text


def _own(found: Sequence[Found]) -> str:
    recalls = [each.recall for each in found if each.recall is not None]
    rates = [e.false_positive_rate for e in found if e.false_positive_rate is not None]
    return f"{_spread(recalls)} / {_spread(rates)}" if recalls else "-"


def _top(found: Sequence[Found]) -> str:
    recalls = _spread([each.recall_top for each in found])
    return f"{recalls} / {_spread([each.false_positive_rate_top for each in found])}"


def _spread(values: Sequence[float], digits: int = 3) -> str:
    low, high = min(values), max(values)
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if low == high else f"{mean} ({low:.{digits}f}-{high:.{digits}f})"
