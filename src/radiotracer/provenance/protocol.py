"""What was fixed before a release: how the data were marked, and how they will be audited."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from radiotracer.provenance.commitment import Digest
from radiotracer.runs import ModelSpec

Design = Literal["twins", "carriers", "tags"]
"""What is planted, and so what an audit needs: see `docs/architecture.md`."""


class AnyProtocol(BaseModel):
    """What a commitment binds of every release, whatever its examples are.

    Args:
        design: What was planted.
        settings: The settings of the design, as its config's fields.
        test: The test in words and numbers, as the audit will make it.
        alpha: The level of the audits: how often an innocent model may be accused over all looks.
        examples: How many examples the data have.
        marked: How many of them were marked.
        marked_classes: Which classes have marked examples.
        class_names: The names of all classes.
        source_digest: `Dataset.digest`, or `Dataset.digest`, of the data before marking.
        version: Of radiotracer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    design: Design
    settings: dict[str, JsonValue]
    test: dict[str, JsonValue]
    alpha: float = Field(default=0.01, gt=0, lt=1)
    examples: int = Field(ge=1)
    marked: int = Field(ge=1)
    marked_classes: tuple[int, ...]
    class_names: tuple[str, ...]
    source_digest: Digest
    version: str

    @property
    def share(self) -> float:
        """The marked share of the examples, in (0, 1]."""
        return self.marked / self.examples


class Protocol(AnyProtocol):
    """The protocol of marked images.

    Args:
        image_shape: Height, width and channels.
        extractor: The network whose weights are sealed, where audits need it; else None.
    """

    image_shape: tuple[int, int, int]
    extractor: ModelSpec | None = None


class TextProtocol(AnyProtocol):
    """The protocol of marked texts.

    Args:
        examples_are: That they are texts: a release of images is no release of texts.
        coins: How many coins were tossed.
    """

    examples_are: Literal["texts"] = "texts"
    coins: int = Field(ge=1)
