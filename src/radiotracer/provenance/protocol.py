"""What was fixed before a release: how the data were marked, and how they will be audited."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from radiotracer.errors import InputError
from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.randomness import StrengthName
from radiotracer.runs import ModelSpec

_LONGEST = 200
"""Characters of the name of a log: it stands in claims."""


def _shown(name: str) -> str:
    if not (name.isprintable() and 0 < len(name) <= _LONGEST):
        raise ValueError(f"no name of at most {_LONGEST} printable characters")
    return name


LogName = Annotated[str, AfterValidator(_shown)]
"""What others find a log by: a path, an address, or words."""


def require_log_name(name: str | None) -> None:
    """Raise `InputError` unless a log can have this name, or there is none."""
    try:
        _shown("none" if name is None else name)
    except ValueError as error:
        raise InputError(
            expected=f"log= of at most {_LONGEST} printable characters",
            came=f"{len(name or ''):,} others" if name else "none",
            do="pass the path or the address that others find the log by",
        ) from error


class Protocol(BaseModel):
    """What a commitment binds of every release, whatever its examples are.

    Args:
        modality: What the examples are, by the name of their modality.
        shape: What all of them have in common, as `Modality.shape` has it.
        design: What was planted.
        settings: The settings of the design, as its config's fields.
        test: The test in words and numbers, as the audit will make it.
        alpha: The level of the audits: how often they may reject the null for a model that was not
            trained on the release, over all audits.
        examples: How many examples the data have.
        marked: How many of them were marked.
        marked_classes: Which classes have marked examples.
        class_names: The names of all classes.
        extractor: The network whose weights are sealed, where audits need it; else None.
        networks: The fingerprint of each marking network, SHA-256; see `kept.fingerprint_of`.
        coins: What the coins will be drawn by: the name of a strength.
        references: SHA-256 of each reference that audits may count; see `references`.
        log: The log that every audit is written to, which others hold; see `looks`. None: there is
            none.
        source_digest: `Dataset.digest` of the data before marking.
        version: Of radiotracer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    modality: str
    shape: dict[str, int | str]
    design: str
    settings: dict[str, JsonValue]
    test: dict[str, JsonValue]
    alpha: float = Field(default=0.01, gt=0, lt=1)
    examples: int = Field(ge=1)
    marked: int = Field(ge=1)
    marked_classes: tuple[int, ...]
    class_names: tuple[str, ...]
    extractor: ModelSpec | None = None
    networks: tuple[Digest, ...] = ()
    coins: StrengthName = "owner"
    references: tuple[Digest, ...] = ()
    log: LogName | None = None
    source_digest: Digest
    version: str

    @property
    def share(self) -> float:
        """The marked share of the examples, in (0, 1]."""
        return self.marked / self.examples
