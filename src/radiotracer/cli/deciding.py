"""What a scan's options say about deciding: the rule, and the gate of a build server."""

from __future__ import annotations

from pathlib import Path

from radiotracer.detectors import Rule, Tail
from radiotracer.errors import InputError


def rule_of(
    threshold: float | None,
    top: int | None,
    fdr: float | None,
    tail: Tail,
    *,
    storey: bool,
    reference: Path | None,
) -> Rule | None:
    """The rule that the options ask for; None is the calibrated one.

    Raises:
        InputError: Options that say nothing without another one, or one out of range.
    """
    for given, option, needed in (
        (reference is not None and fdr is None, "--reference", "--fdr"),
        (storey and fdr is None, "--storey", "--fdr"),
        (storey and reference is None, "--storey", "--reference"),
    ):
        if given:
            raise InputError(
                expected=f"{needed} beside {option}", came=f"{option} alone", do=f"pass {needed}"
            )
    if tail != "upper" and threshold is None and top is None:
        raise InputError(
            expected="--threshold or --top beside --tail",
            came=f"--tail {tail} alone",
            do="pass --threshold or --top: every other rule looks at the upper tail",
        )
    if threshold is None and top is None and fdr is None:
        return None
    if top is not None and top < 1:
        raise InputError(expected="--top of at least 1", came=str(top), do="pass, say, --top 100")
    return Rule(threshold=threshold, top=top, fdr=fdr, storey=storey, tail=tail)


def require_gate(budget: int, junit: Path | None) -> None:
    """Raise `InputError` where the gate of a build server cannot be as asked for."""
    if budget < 0:
        raise InputError(
            expected="--budget of at least 0", came=str(budget), do="pass, say, --budget 10"
        )
    if junit is not None and junit.is_dir():
        raise InputError(
            expected="a file for --junit", came=f"the folder {junit}", do="pass, say, scan.xml"
        )
