"""Snippets for the cards of models and data sets: Markdown that says what a result supports."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiotracer.data.modality import Modality, nouns
from radiotracer.errors import InputError
from radiotracer.integrations.frames import to_arrow
from radiotracer.integrations.published import Published, published
from radiotracer.legible import percent, visible
from radiotracer.provenance import wording
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence
from radiotracer.provenance.known_positive import KNOWN_POSITIVE
from radiotracer.review.changes import plain
from radiotracer.review.scanned import SUMMARY, Scanned, read_scan
from radiotracer.scanning.provenance import name_of

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
)
"""Hugging Face's size categories: fewer examples than, and what that is called."""


def card(folder: str | os.PathLike[str], **options: Any) -> str:
    """Markdown for the card of a data set or a model, by what the folder holds.

    A section for an existing card where it is a scan or an audit; a whole card with the front
    matter of Hugging Face where it is data. Names are shown and not obeyed. Nothing sealed is read.

    Args:
        folder: What `radiotracer scan`, `audit`, `mark`, `review --export` or `data store` wrote.
        options: Of `open_data`, for cleaned data that need some: ``image_size=32``.

    Raises:
        InputError: It is none of these, it is damaged, or evidence claims more than its p-value
            supports.
    """
    folder = Path(folder)
    if (folder / EVIDENCE_FILE).is_file():
        return _of_audit(Evidence.read(folder))
    if (folder / SUMMARY).is_file():
        return _of_scan(folder)
    return _of_data(published(folder, **options))


def _of_scan(folder: Path) -> str:
    scanned = read_scan(folder)
    summary, n, flagged = scanned.summary, len(scanned), int(scanned.is_flagged.sum())
    detector, rule = (str(summary.get(name)) for name in ("detector", "rule"))
    name = plain(name_of(scanned.recorded("data")))
    inconclusive = scanned.recorded("inconclusive")
    if inconclusive is not None:
        found = f"**Inconclusive**: {plain(inconclusive)}. That is neither found nor clean."
    else:
        found = f"**{flagged:,}** ({percent(flagged / n)}) were flagged."
        if not flagged:
            found += " That does not prove that the data are clean."
    has_reference = bool(to_arrow(folder)["is_reference"].to_numpy().any())
    notes = [str(each) for each in summary.get("notes", [])]
    if isinstance(summary.get("grounds"), dict):
        return _of_check(scanned, name, found)
    return _text(
        "## Scan for tampered training examples",
        f"radiotracer followed the {n:,} training examples of {name} through a recorded training. "
        f"{found} Detector: {plain(detector)}; rule: {plain(rule)}.",
        _rates(summary, detector, rule, has_reference=has_reference),
        "A scan finds changed labels and collisions with a target; a pattern that goes with wrong "
        "labels, in networks trained from scratch, it mostly misses.",
        "\n".join(f"- {plain(each)}" for each in notes),
        f"Data, SHA-256 over ids, examples and labels: `{plain(scanned.data_digest)}`",
    )


def _of_check(scanned: Scanned, name: str, found: str) -> str:
    """A check for wrong labels: what the models know, first."""
    summary = scanned.summary
    try:
        grounds = summary["grounds"]
        low, high = (float(each) for each in grounds["wrong_share_interval"])
        wrong = summary["expected_wrong"]["list"]
        accuracy, chance, share = (
            float(grounds[key]) for key in ("accuracy", "chance", "wrong_share")
        )
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            expected=f"what a check knows in {SUMMARY} of {scanned.folder}",
            came="something else",
            do="check the data again",
        ) from error
    likely = "" if wrong is None else f" Of those flagged {percent(wrong)} are likely wrong."
    detector, rule = (plain(str(summary.get(key))) for key in ("detector", "rule"))
    return _text(
        "## Check for wrong labels",
        f"radiotracer asked models that never saw an example about the labels of the "
        f"{len(scanned):,} examples of {name} ({plain(str(grounds.get('models')))}). "
        f"{found}{likely} "
        f"Detector: {detector}; rule: {rule}.",
        f"The models name the given label in {percent(accuracy)} of all cases "
        f"(guessing: {percent(chance)}). Estimated share of wrong labels: "
        f"{percent(share)} ({percent(low)} to {percent(high)}), if they fall on "
        "all classes alike. Mistakes that follow a pattern are partly learned by the models.",
        "\n".join(f"- {plain(str(each))}" for each in summary.get("notes", [])),
        f"Data, SHA-256 over ids, examples and labels: `{plain(scanned.data_digest)}`",
    )


def _rates(summary: Mapping[str, Any], detector: str, rule: str, *, has_reference: bool) -> str:
    """Error rates, or why there are none."""
    row = summary.get("detectors", {}).get(detector, {})
    if row.get("recall") is not None:
        return (
            "Measured against a manifest that says which examples were tampered with: "
            f"recall {percent(row['recall'])}, false-positive rate "
            f"{percent(row['false_positive_rate'])}, precision {percent(row['precision'])}, "
            f"average precision {row['auprc']:.4f}."
        )
    why = "No error rates are given: nobody knows which examples really are tampered."
    if "false discovery rate" not in rule:
        return why
    if has_reference:
        return (
            f"{why} The false discovery rate of the rule is kept on average if the reference "
            "examples are a random sample of the clean ones."
        )
    return (
        f"{why} The false discovery rate of the rule is an estimate: it assumes validation "
        "examples that nobody tampered with and that are like the clean training examples."
    )


def _of_audit(evidence: Evidence) -> str:
    _require_supported(evidence)
    audits = len(evidence.audits)
    claim = wording.claim(evidence.verdict, evidence.inconclusive_because, evidence.chance)
    passed = sum(each.passed for each in evidence.controls)
    digest = evidence.suspect.identity.get("sha256")
    rows = [
        ("model", evidence.suspect.name + (f", SHA-256 {digest}" if digest else "")),
        ("asked for", f"{evidence.access}, {evidence.counted(evidence.suspect.queries)}"),
        ("p-value, at most", wording.ten_to(evidence.log10_p_value)),
        (f"after Holm over {audits} audit{'s' * (audits != 1)}", _adjusted(evidence)),
        (f"coins drawn by {evidence.drawing.strength}, with the allowance", _deciding(evidence)),
        ("level, committed to before", f"{evidence.alpha:g}"),
        ("controls passed", f"{passed} of {len(evidence.controls)}"),
        ("commitment", evidence.commitment),
        ("key, fingerprint", evidence.key),
        ("made", f"{evidence.created}, radiotracer {evidence.version}"),
    ]
    return _text(
        "## Audit: trained on marked data?",
        f"**{evidence.headline}.** {plain(claim)}",
        "\n".join(
            ["| | |", "|---|---|", *(f"| {plain(name)} | {plain(it)} |" for name, it in rows)]
        ),
        "To consider:",
        "\n".join(f"- {plain(each)}" for each in wording.ALTERNATIVES[evidence.verdict]),
        "The commitment was opened for the audit. Who holds the key can compute all of it again: "
        "`radiotracer verify AUDIT --key KEY --marked MARKED`.",
    )


def _deciding(evidence: Evidence) -> str:
    return wording.ten_to(evidence.deciding_log10_p_value)


def _adjusted(evidence: Evidence) -> str:
    return wording.ten_to(evidence.adjusted_log10_p_value)


def _require_supported(evidence: Evidence) -> None:
    """Raise `InputError` where the verdict is not what the numbers beside it give."""
    charged = min(0.0, evidence.adjusted_log10_p_value + evidence.drawing.log10_allowance)
    small = max(charged, evidence.deciding_log10_p_value) <= math.log10(evidence.alpha)
    # Where even the known positive was not found, what is found all the same stands.
    failed = any(
        not each.passed and not (small and each.name == KNOWN_POSITIVE)
        for each in evidence.controls
    )
    because = evidence.inconclusive_because
    supported = {
        "inconclusive": because is not None,
        "trained-on-marked-data": because is None and not failed and small,
        "no-evidence": because is None and not failed and not small,
    }[evidence.verdict]
    if not supported:
        level = f"level {evidence.alpha:g}" + ", a control failed" * failed
        raise InputError(
            expected="evidence whose verdict follows from its p-value, level and controls",
            came=f"{evidence.verdict} at {wording.ten_to(charged)}, {level}",
            do="do not publish it; check it with `radiotracer verify`",
        )


def _of_data(data: Published) -> str:
    n, names, modality = len(data.examples), data.examples.class_names, data.examples.modality
    marked = data.commitment is not None
    return (
        _front_matter(data)
        + "\n"
        + _text(
            f"# {plain(data.name)}",
            f"{nouns(modality, n)} in {len(names)} class{'es' * (len(names) != 1)}.",
            _about_marks(data.commitment, modality) if data.commitment is not None else "",
            "## Cleaning\n\nExamples that a radiotracer scan flagged were reviewed by a person: "
            "some were dropped or relabelled. `CHANGES.md` counts them."
            if data.kind == "cleaned"
            else "",
            "## Check what you have",
            f"SHA-256 over every id, {modality.noun} and label, in order"
            + (", as in `data.json`" if data.kind != "cleaned" else "")
            + f": `{data.examples.digest}`"
            + (
                "\n\nThe commitment is in `commitment.json`, what the coins were drawn by in "
                "`release.json`."
                if marked
                else ""
            ),
        )
    )


def _about_marks(commitment: str, modality: Modality) -> str:
    return (
        "## These data are marked\n\n"
        f"Some of the {modality.noun}s were changed under a secret key, so that training on "
        "these data can be shown. How they were marked, and how models will be audited, is fixed "
        f"by the commitment, SHA-256:\n\n    {commitment}\n\n"
        "Where it was time-stamped, the stamp shows since when.\n\n"
        "To ask whether a model was trained on these data, turn to the publisher, who holds the "
        "key, with the model or a way to ask it: its scores or its labels may be enough. The "
        "answer is a p-value with its controls. An audit that finds nothing is "
        "not evidence of innocence."
    )


def _front_matter(data: Published) -> str:
    n = len(data.examples)
    size = next((name for limit, name in _SIZES if n < limit), None)
    task = data.examples.modality.task
    tags = ["radiotracer", f"{data.kind}-data"]
    if data.commitment is not None and data.kind != "marked":
        tags.append("marked-data")
    lines = [
        "---",
        # JSON's texts are YAML's, and nothing in them ends the line.
        f"pretty_name: {json.dumps(visible(data.name))}",
        *([] if task is None else ["task_categories:", f"- {task}"]),
        *([] if size is None else ["size_categories:", f"- {size}"]),
        "tags:",
        *(f"- {tag}" for tag in tags),
        "---",
        "",
    ]
    return "\n".join(lines)


def _text(*paragraphs: str) -> str:
    return "\n\n".join(each for each in paragraphs if each) + "\n"
