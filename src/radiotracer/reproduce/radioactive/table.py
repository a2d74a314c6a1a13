"""The cells as Markdown: one row per setting, with the mean over the seeds and its range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.reproduce.radioactive.result import AuditCell


def markdown(cells: Sequence[AuditCell], config: AuditConfig) -> str:
    """A table of what the audits said of suspects, and one of innocent networks.

    Args:
        cells: Finished ones.
        config: What they share.
    """
    groups: dict[tuple[object, ...], list[AuditCell]] = {}
    for cell in cells:
        place = (cell.data, cell.design, cell.suspect, cell.augment, cell.share, cell.radius)
        groups.setdefault(place, []).append(cell)
    tests = list(dict.fromkeys(name for cell in cells for name in cell.audits))
    head = ["data", "design", "suspect", "training", "share", "radius", "PSNR", "seeds"]
    head += [f"log10 p: {name}" for name in tests] + ["learned", "accuracy", "accuracy drop"]
    lines = [_row(head), _row(["---"] * len(head))]
    for (data, design, kind, augment, share, radius), group in groups.items():
        drops = [c.accuracy_clean - c.accuracy for c in group if c.accuracy_clean is not None]
        lines.append(
            _row(
                [
                    str(data),
                    str(design),
                    str(kind),
                    str(augment),
                    f"{share:.2%}",
                    str(radius),
                    f"{np.mean([c.psnr for c in group]):.2f}",
                    str(len(group)),
                    *(
                        _spread([c.audits[n].log10_p for c in group if n in c.audits], 1)
                        for n in tests
                    ),
                    f"{np.mean([c.learned for c in group]):.1%}",
                    f"{np.mean([c.accuracy for c in group]):.2%}",
                    _spread([100 * drop for drop in drops], 2),
                ]
            )
        )
    innocent = [a.log10_p for cell in cells for a in cell.innocent.values()]
    last = f"lowest {min(innocent):.2f} of {len(innocent)}" if innocent else "none asked"
    limit = "" if config.psnr is None else f"; no twin below {config.psnr:g} dB"
    about = (
        f"Suspects, references and marking networks: {config.model}, width {config.width}, "
        f"{config.epochs} epochs ({config.marking_epochs} of marking networks), peak rate "
        f"{config.learning_rate:g}; {config.examples or 'all'} examples; images chosen: "
        f"{config.choose}{limit}; {config.marking_networks} marking networks, {config.references} "
        f"references. Mean over the seeds (lowest to highest); accuracy drop in percentage points."
    )
    return f"{about}\n\n" + "\n".join(lines) + f"\n\nInnocent networks, log10 p: {last}.\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "-"
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"
