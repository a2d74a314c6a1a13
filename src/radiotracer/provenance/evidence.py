"""The evidence of an audit: what was found, and no more than may be concluded from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radiotracer.data import MODALITIES
from radiotracer.data.modality import nouns
from radiotracer.errors import InputError, StorageError
from radiotracer.files import write_text
from radiotracer.provenance import wording
from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.key import Key
from radiotracer.provenance.ledger import PastAudit
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.identities import Identity
from radiotracer.provenance.release import Release
from radiotracer.provenance.wording import Verdict
from radiotracer.runs.texts import first_problem, parsed
from radiotracer.stats import uniformity
from radiotracer.views import Shown

EVIDENCE_FILE = "evidence.json"

DECIMALS = 4
"""Of the control p-values that are kept for the chart."""

_MOST_BYTES = 64 * 2**20
"""Evidence is far smaller."""

LogP = Annotated[float, Field(le=0.0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CheckedControl(_Part):
    """A question whose answer was known before; see `finding.Control`."""

    name: str
    expected: str
    came: str
    passed: bool


class Asked(_Part):
    """A model that was asked.

    Args:
        name: For people.
        identity: What it is: its kind, path or address, SHA-256.
        queries: About how many examples it was asked.
        log_sha256: Of the file with its answers.
    """

    name: str
    identity: Identity
    queries: Count
    log_sha256: Digest


class HeldOut(_Part):
    """Unmarked examples that the test used, by their source and `Dataset.digest`."""

    source: str
    digest: Digest


class ControlSummary(_Part):
    """The same test under keys that marked nothing.

    Args:
        count: How many keys.
        at_0_05: The share of them with p at most 0.05.
        at_0_01: At most 0.01.
        at_0_001: At most 0.001.
        uniform_log10_p: Kolmogorov-Smirnov against too many small ones; None without keys.
    """

    count: Count
    at_0_05: Share
    at_0_01: Share
    at_0_001: Share
    uniform_log10_p: LogP | None


class Evidence(_Part, Shown):
    """What ``evidence.json`` says. The report is made from this alone.

    Args:
        verdict: What follows from it.
        claim: The verdict in one sentence that says no more than the p-value supports.
        inconclusive_because: Why nothing follows; None: something does.
        log10_p_value: Of this audit alone.
        adjusted_log10_p_value: After Holm over all audits; this one is held against `alpha`.
        alpha: The level that was committed to.
        control_keys: With how many other keys' marks held-out examples were shown; None: none were.
        audits: All audits of the release until then, the present one among them.
        alternatives: What else should be considered.
    """

    schema_version: Literal[1] = 1
    verdict: Verdict
    claim: str
    inconclusive_because: str | None
    log10_p_value: LogP
    adjusted_log10_p_value: LogP
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)]
    access: Access
    statistic: str
    null: str
    effect: float
    effect_means: str
    coins: Count
    details: dict[str, JsonValue]
    controls: tuple[CheckedControl, ...]
    control_summary: ControlSummary
    control_log10_p: tuple[LogP, ...]
    commitment_verified: Literal[True]
    commitment: Digest
    key: str
    protocol: dict[str, JsonValue]
    suspect: Asked
    references: tuple[Asked, ...]
    held_out: HeldOut | None
    control_keys: int | None = None
    audits: tuple[PastAudit, ...]
    alternatives: tuple[str, ...]
    created: str
    version: str

    def __repr__(self) -> str:
        """The verdict and what it stands on."""
        return (
            f"Evidence({self.verdict!r}, log10_p_value={self.log10_p_value:.6g}, "
            f"adjusted_log10_p_value={self.adjusted_log10_p_value:.6g}, "
            f"suspect={self.suspect.name[:100]!r}, access={self.access!r})"
        )

    __str__ = __repr__

    def counted(self, count: int) -> str:
        """So many examples in the words of their kind: ``"1,200 images"``."""
        modality = MODALITIES.get(str(self.protocol.get("modality")))
        return f"{count:,} examples" if modality is None else nouns(modality, count)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``evidence.json``.

        Raises:
            StorageError: The disk refused.
        """
        write_text(Path(folder) / EVIDENCE_FILE, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Evidence:
        """Read an audit's folder, or its ``evidence.json``.

        Raises:
            InputError: There is none, or it is something else.
            StorageError: It may not be read.
        """
        file = Path(path)
        file = file / EVIDENCE_FILE if file.is_dir() else file
        try:
            with file.open("rb") as stream:
                return parsed(cls, stream.read(_MOST_BYTES))
        except PermissionError as error:
            raise StorageError(
                expected=f"to read {file}",
                came="a refusal: permission was denied",
                do="ask its owner",
            ) from error
        except (OSError, ValueError) as error:
            raise InputError(
                expected=f"evidence that `radiotracer audit` wrote at {file}",
                came=_what_is_wrong(error),
                do="pass the folder that an audit wrote, as it was written",
            ) from error


def conclude(
    finding: Finding,
    release: Release,
    key: Key,
    *,
    adjusted: float,
    audits: Sequence[PastAudit],
    suspect: Asked,
    references: Sequence[Asked],
    held_out: HeldOut | None,
    control_keys: int | None = None,
    created: str,
    version: str,
    positive: Control | None = None,
) -> Evidence:
    """The evidence of a finding; the commitment was opened before.

    Args:
        finding: The facts.
        release: What was audited.
        key: Its key.
        adjusted: The finding's log10 p after Holm over `audits`.
        audits: All audits of the release, this one among them.
        suspect: Who was asked.
        references: Who else was.
        held_out: Unmarked examples that were used.
        control_keys: How many the held-out examples were marked with, too; None: none.
        created: UTC, ISO 8601.
        version: Of radiotracer.
        positive: The known positive. Where even that was not found, finding nothing means nothing;
            what is found all the same stands.
    """
    protocol = release.protocol
    because = wording.why_inconclusive(finding, protocol.alpha)
    if because is None and adjusted > np.log10(protocol.alpha) and positive and not positive.passed:
        because = wording.BLIND
    verdict: Verdict = "no-evidence"
    if because is not None:
        verdict = "inconclusive"
    elif adjusted <= np.log10(protocol.alpha):
        verdict = "trained-on-marked-data"
    return Evidence(
        verdict=verdict,
        claim=wording.claim(verdict, because, finding.log10_p, adjusted, len(audits)),
        inconclusive_because=because,
        log10_p_value=finding.log10_p,
        adjusted_log10_p_value=adjusted,
        alpha=protocol.alpha,
        access=finding.access,
        statistic=finding.statistic,
        null=finding.null,
        effect=finding.effect,
        effect_means=finding.effect_means,
        coins=finding.coins,
        details=dict(finding.details),
        controls=tuple(
            CheckedControl(
                name=each.name, expected=each.expected, came=each.came, passed=each.passed
            )
            for each in (*finding.controls, *([positive] if positive else ()))
        ),
        control_summary=_summary(finding.control_log10_p),
        control_log10_p=tuple(round(each, DECIMALS) + 0.0 for each in finding.control_log10_p),
        commitment_verified=True,
        commitment=release.commitment.digest,
        key=key.fingerprint,
        protocol=protocol.model_dump(mode="json"),
        suspect=suspect,
        references=tuple(references),
        held_out=held_out,
        control_keys=control_keys,
        audits=tuple(audits),
        alternatives=wording.ALTERNATIVES[verdict],
        created=created,
        version=version,
    )


def _summary(control_log10_p: Sequence[float]) -> ControlSummary:
    given = np.array(control_log10_p)

    def share(level: float) -> float:
        return float(np.mean(given <= np.log10(level))) if len(given) else 0.0

    return ControlSummary(
        count=len(given),
        at_0_05=share(0.05),
        at_0_01=share(0.01),
        at_0_001=share(0.001),
        uniform_log10_p=uniformity(given).excess_log10_p if len(given) else None,
    )


def _what_is_wrong(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return f"another content ({first_problem(error)})"
    return "no such file" if isinstance(error, FileNotFoundError) else "something that is no file"
