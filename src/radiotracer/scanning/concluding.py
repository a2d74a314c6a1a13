"""From what all detectors say to what is flagged: the same end for every scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from radiotracer.data import Identity
from radiotracer.detectors import (
    FALLBACK,
    OPINION_DETECTOR,
    Detector,
    Need,
    Ranking,
    Reference,
    Rule,
    against,
    calibrated,
    decide,
    reference_warnings,
)
from radiotracer.errors import InputError
from radiotracer.gradients import Data
from radiotracer.recipes import Manifest
from radiotracer.scanning.ranked import Rankings
from radiotracer.scanning.result import Scan
from radiotracer.scanning.rounding import Rounding
from radiotracer.scanning.source import Source


@dataclass(frozen=True, eq=False)
class Undecided:
    """A scan in which every detector has ranked; see `Scan` for what is not explained here.

    Args:
        detectors: Those that ran, in the order of tables; where there are classes, `FALLBACK` is
            among them.
        ranked: What each of them says.
        notes: What was noticed on the way, sentences for people.
    """

    source: Source
    train: Data
    identity: Identity
    validation: Data | None
    class_names: tuple[str, ...]
    manifest: Manifest | None
    detectors: Sequence[Detector]
    ranked: Rankings
    left_out: Mapping[str, str]
    seed: int
    notes: tuple[str, ...] = ()
    rounding: Mapping[str, Rounding] = field(default_factory=dict)


def deciding(
    must: Sequence[Detector],
    able: Sequence[Detector],
    left_out: Mapping[str, str],
    *,
    default: str,
    has_validation: bool,
) -> str:
    """The name of the detector that decides.

    Args:
        must: Those that were asked for, the one that decides first; without any it is the default.
        able: Those that can run.
        left_out: What each of the others lacks.
        default: Decides where nothing was asked for and it can run; else it is `FALLBACK`, or the
            first that can.
        has_validation: Whether there are validation examples.

    Raises:
        InputError: One that was asked for cannot run.
    """
    for each in must:
        if each.name in left_out:
            helps = not has_validation and each.needs & {Need.VALIDATION, Need.EVERY_CLASS}
            raise InputError(
                expected=f"what {each.name} needs: {left_out[each.name]}",
                came="none",
                do="pass validation=, or let another detector decide"
                if helps
                else "let another detector decide",
            )
    if must:
        return must[0].name
    names = [each.name for each in able]
    return next(each for each in (default, FALLBACK, *names) if each in names)


def concluded(
    found: Undecided,
    detector: str,
    rule: Rule | None = None,
    clean_reference: Reference | None = None,
) -> Scan:
    """Decide by what a detector says.

    Args:
        found: Every detector's rankings.
        detector: The one that decides.
        rule: How; None is calibrated (see `radiotracer.detectors.calibrated`).
        clean_reference: Training examples that are known to be clean, beside a rule with a rate.

    Raises:
        InputError: The rule is a false discovery rate, and there is nothing to estimate it by.
    """
    identity = found.identity
    by_name = _judged(found, detector, rule)
    ranking = by_name[detector]
    fallback = by_name.get(FALLBACK, ranking)
    posteriors = fallback.posteriors if ranking.posteriors is None else ranking.posteriors
    suggested = ranking.suggested if ranking.suggested is not None else fallback.suggested
    assert (suggested is None) == (not found.class_names)  # noqa: S101
    warnings, tested = [*found.notes], None
    if clean_reference is not None and rule is not None and rule.fdr is not None:
        tested = against(ranking.scores, identity.labels, clean_reference, rule.fdr)
        if posteriors is not None:
            warnings += reference_warnings(
                clean_reference, posteriors, identity.labels, identity.ids, by_class=tested.by_class
            )
    decision = (
        calibrated(detector, by_name) if rule is None else decide(ranking, rule, tested, fallback)
    )
    if decision.nearly is not None:
        warnings.append(decision.nearly)
    return Scan(
        source=found.source,
        train=found.train,
        identity=identity,
        validation=found.validation,
        class_names=found.class_names,
        manifest=found.manifest,
        detectors={each.name: each for each in found.detectors},
        rankings=by_name,
        seconds=found.ranked.seconds,
        left_out=found.left_out,
        detector=detector,
        decision=decision,
        suggested=suggested,
        seed=found.seed,
        clean_reference=clean_reference,
        warnings=tuple(warnings),
        rounding=found.rounding,
    )


def _judged(found: Undecided, detector: str, rule: Rule | None) -> Mapping[str, Ranking]:
    """The rankings, which know whether the evidence suffices for a list of the rate in question."""
    own = found.ranked.by_name[detector]
    rate = own.fdr if rule is None or rule.fdr is None else rule.fdr
    grounds = found.source.grounds(rate, own.p_values)
    if grounds is None:
        return found.ranked.by_name
    judged = {}
    for name, each in found.ranked.by_name.items():
        # The detector of opinions judged them at its own rate; others say what else they lack.
        lacks = None if name == OPINION_DETECTOR else each.inconclusive
        judged[name] = replace(each, fdr=rate, inconclusive=grounds.why_not or lacks)
    return judged
