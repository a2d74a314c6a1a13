"""What a scan's options say about deciding: the rule, and the gate of a build server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.detectors import Rule, Tail


def rule_of(
    threshold: float | None,
    top_k: int | None,
    fdr: float | None,
    tail: Tail,
    *,
    storey: bool,
    clean_reference: Path | None,
) -> Rule | None:
    """The rule that the options ask for; None is the calibrated one.

    Raises:
        InputError: Options that say nothing without another one, or one out of range.
    """
    for given, option, needed in (
        (clean_reference is not None and fdr is None, "--clean-reference", "--fdr"),
        (storey and fdr is None, "--storey", "--fdr"),
        (storey and clean_reference is None, "--storey", "--clean-reference"),
    ):
        if given:
            raise InputError(
                expected=f"{needed} beside {option}", came=f"{option} alone", do=f"pass {needed}"
            )
    if tail != "upper" and threshold is None and top_k is None:
        raise InputError(
            expected="--threshold or --top-k beside --tail",
            came=f"--tail {tail} alone",
            do="pass --threshold or --top-k: every other rule looks at the upper tail",
        )
    if threshold is None and top_k is None and fdr is None:
        return None
    if top_k is not None and top_k < 1:
        raise InputError(
            expected="--top-k of at least 1", came=str(top_k), do="pass, say, --top-k 100"
        )
    from radiotracer.detectors import Rule

    return Rule(threshold=threshold, top_k=top_k, fdr=fdr, storey=storey, tail=tail)


def require_gate(max_flagged: int, junit: Path | None) -> None:
    """Raise `InputError` where the gate of a build server cannot be as asked for."""
    if max_flagged < 0:
        raise InputError(
            expected="--max-flagged of at least 0",
            came=str(max_flagged),
            do="pass, say, --max-flagged 10",
        )
    if junit is not None and junit.is_dir():
        raise InputError(
            expected="a file for --junit", came=f"the folder {junit}", do="pass, say, scan.xml"
        )
