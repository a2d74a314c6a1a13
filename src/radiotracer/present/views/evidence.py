"""Evidence as people see it: the report, a notebook's display, a row of a table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from radiotracer.data import MODALITIES
from radiotracer.present import AuditControl, Audited, render_audit
from radiotracer.present import PastAudit as ShownAudit
from radiotracer.present import notebook as shown
from radiotracer.present.controls import controls_column
from radiotracer.provenance.evidence import Evidence
from radiotracer.stats import holm
from radiotracer.views import VIEWS, View


def describe(evidence: Evidence, *, command: str = "") -> Audited:
    """Everything that the page says of an audit.

    Args:
        evidence: What was found.
        command: What the user typed.
    """
    now = evidence.present
    after = holm(np.array([each.log10_p for each in evidence.audits]))
    return Audited(
        title=f"Audit of {evidence.suspect.name}",
        verdict=evidence.verdict,
        headline=evidence.headline,
        claim=evidence.claim,
        access=evidence.access,
        log10_p=evidence.log10_p_value,
        adjusted_log10_p=evidence.adjusted_log10_p_value,
        deciding_log10_p=evidence.deciding_log10_p_value,
        coins=_coins(evidence),
        alpha=evidence.alpha,
        effect=evidence.effect,
        effect_means=evidence.effect_means,
        queries=evidence.suspect.queries,
        examples=_nouns(evidence),
        control_log10_p=evidence.control_log10_p,
        controls=tuple(AuditControl(**each.model_dump()) for each in evidence.controls),
        audits=tuple(
            ShownAudit(
                time=each.time,
                suspect=each.name,
                identity=_identity(each.suspect),
                access=each.access + (f", {_brief(each.settings)}" if each.settings else ""),
                log10_p=each.log10_p,
                adjusted=adjusted,
                is_present=each.is_again(now),
            )
            for each, adjusted in zip(evidence.audits, after.tolist(), strict=True)
        ),
        facts=_facts(evidence, command),
        numbers=tuple((name.replace("_", " "), _said(v)) for name, v in evidence.details.items()),
        alternatives=evidence.alternatives,
        verify="radiotracer verify AUDIT --key KEY --marked MARKED",
    )


def _facts(evidence: Evidence, command: str) -> tuple[tuple[str, str], ...]:
    protocol = evidence.protocol
    whole = evidence.counted(int(str(protocol.get("examples", 0))))
    rows = [
        ("Suspect", f"{evidence.suspect.name}: {_identity(evidence.suspect.identity)}"),
        *(
            (
                "Answers like",
                f"{each.name}, audited {each.time}: one network, as far as public examples tell",
            )
            for each in evidence.answers_like
        ),
        ("Access", evidence.access),
        ("Statistic", evidence.statistic),
        ("Null distribution", evidence.null),
        ("Independent coins", f"{evidence.coins:,}"),
        (
            "Marked",
            f"{protocol.get('marked', 0):,} of {whole}, design {protocol.get('design')}",
        ),
        ("Level", f"{evidence.alpha:g}, over all audits"),
        ("Commitment", f"{evidence.commitment}, opened with the key"),
        ("Time stamp", evidence.drawing.stamped_at or "none shown"),
        ("Coins", f"{_coins(evidence)}, by {evidence.drawing.value}"),
        ("Release record", evidence.record),
        ("Suspect first seen", evidence.first_seen or "not said"),
        ("Key", f"fingerprint {evidence.key}"),
        *(
            (
                "Reference" if each.counts else "Reference that does not count",
                f"{each.name}: {_identity(each.identity)}",
            )
            for each in evidence.references
        ),
    ]
    if evidence.held_out is not None:
        rows.append(("Held-out", f"{evidence.held_out.source}, digest {evidence.held_out.digest}"))
    rows += [
        ("Answers", f"queries.jsonl, SHA-256 {evidence.suspect.log_sha256}"),
        ("Made", f"{evidence.created}, radiotracer {evidence.version}"),
    ]
    return (*rows, *((("Command", command),) if command else ()))


def _coins(evidence: Evidence) -> str:
    """Who drew the coins, and what is allowed for."""
    drawing = evidence.drawing
    when = "" if drawing.drawn_at is None else f" at {drawing.drawn_at}"
    allowed = f", allowance for {drawing.allowed_for}" if drawing.allowed_for else ""
    return f"coins drawn by {drawing.strength}{when}{allowed}"


def _nouns(evidence: Evidence) -> str:
    """What several of the examples are called that the suspect was asked about."""
    modality = MODALITIES.get(evidence.protocol.get("modality"))
    return "examples" if modality is None else f"{modality.noun}s"


def _identity(identity: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in identity.items())


def _brief(settings: str) -> str:
    """Settings of an audit without the digest in full."""
    *before, digest = settings.split(" ")
    return " ".join([*before, digest[:12]])


def _said(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def frame_of(evidence: Evidence) -> pa.Table:
    """One row: ``verdict, claim, suspect, access, strength, log10_p_value,
    adjusted_log10_p_value, deciding_log10_p_value, alpha, effect, effect_means, coins, audits,
    controls, control_log10_p, commitment, key, created, version``; `audits` is how many. All of it
    is copied: it is small.
    """
    names = (
        "log10_p_value",
        "adjusted_log10_p_value",
        "deciding_log10_p_value",
        "alpha",
        "effect",
        "effect_means",
        "coins",
    )
    return pa.table(
        {
            "verdict": [evidence.verdict],
            "claim": [evidence.claim],
            "suspect": [evidence.suspect.name],
            "access": [evidence.access],
            "strength": [evidence.drawing.strength],
            **{name: [getattr(evidence, name)] for name in names},
            "audits": [len(evidence.audits)],
            "controls": controls_column(evidence.controls),
            "control_log10_p": pa.array([list(evidence.control_log10_p)], pa.list_(pa.float64())),
            **{name: [getattr(evidence, name)] for name in ("commitment", "key", "created")},
            "version": [evidence.version],
        }
    )


def _page(evidence: Evidence, *, command: str = "") -> str:
    return render_audit(describe(evidence, command=command))


VIEWS.register(
    View(
        of=Evidence,
        html=lambda evidence: shown.render(shown.of_audited(describe(evidence))),
        frame=frame_of,
        page=_page,
    )
)
