"""The evidence of an audit: what was found, and no more than may be concluded from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radiotracer.data import MODALITIES
from radiotracer.data.modality import nouns
from radiotracer.errors import InputError, StorageError
from radiotracer.files import write_text
from radiotracer.provenance import wording
from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.drawing import Drawing
from radiotracer.provenance.ledger import PastAudit, settings_of
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.identities import Identity
from radiotracer.provenance.wording import Verdict
from radiotracer.runs.texts import first_problem, parsed
from radiotracer.views import Shown

EVIDENCE_FILE = "evidence.json"

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
        counts: Whether the test that decides uses it: a reference that was not committed to before
            the coins were drawn does not count.
    """

    name: str
    identity: Identity
    queries: Count
    log_sha256: Digest
    counts: bool = True


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
        adjusted_log10_p_value: After Holm over all audits.
        deciding_log10_p_value: After the allowance for the coins, too; this one is held against
            `alpha`.
        alpha: The level that was committed to.
        control_keys: With how many other keys' marks held-out examples were shown; None: none were.
        drawing: What the coins were drawn by, and what that is worth.
        beside: log10 p of the test with references that do not count, too; None: there are none.
        first_seen: When the suspect was first seen, ISO 8601; None: not said.
        audits: All audits of the release until then, the present one among them.
        ledger_head: The digest of the last line of the ledger then; see `ledger`.
        alternatives: What else should be considered.
    """

    schema_version: Literal[1] = 1
    verdict: Verdict
    claim: str
    inconclusive_because: str | None
    log10_p_value: LogP
    adjusted_log10_p_value: LogP
    deciding_log10_p_value: LogP
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
    record: Digest
    drawing: Drawing
    first_seen: str | None = None
    key: str
    protocol: dict[str, JsonValue]
    suspect: Asked
    references: tuple[Asked, ...]
    beside: LogP | None = None
    held_out: HeldOut | None
    control_keys: int | None = None
    audits: tuple[PastAudit, ...]
    ledger_head: Digest
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

    @property
    def log(self) -> str | None:
        """The log that the commitment names, which others hold; None: there is none."""
        name = self.protocol.get("log")
        return None if name is None else str(name)

    @property
    def present(self) -> PastAudit:
        """This audit as it stands among `audits`, but for what is before it."""
        return PastAudit(
            time=self.created,
            version=self.version,
            name=self.suspect.name,
            suspect=self.suspect.identity,
            access=self.access,
            log10_p=self.log10_p_value,
            settings=settings_of(
                self.control_keys, None if self.held_out is None else self.held_out.digest
            ),
        )

    @property
    def chance(self) -> wording.Chance:
        """What the claim stands on."""
        return wording.Chance(
            self.log10_p_value,
            self.adjusted_log10_p_value,
            len(self.audits),
            self.deciding_log10_p_value,
            self.drawing.allowed_for,
            self.drawing.sentence,
            self.log,
        )

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


def _what_is_wrong(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return f"another content ({first_problem(error)})"
    return "no such file" if isinstance(error, FileNotFoundError) else "something that is no file"
