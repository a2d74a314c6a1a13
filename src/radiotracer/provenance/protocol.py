"""What was fixed before a release: how the data were marked, and how they will be audited."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.randomness import StrengthName
from radiotracer.runs import ModelSpec


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
    source_digest: Digest
    version: str

    @property
    def share(self) -> float:
        """The marked share of the examples, in (0, 1]."""
        return self.marked / self.examples
