"""What a report says, as one frozen, JSON-able model: the page is drawn from nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from radiotracer.present.fields import Count, FilePath, Frozen, Lines, Share, Text, Thumbnail
from radiotracer.present.health_findings import Health


class Dataset(Frozen):
    """The training examples that were scanned; `noun` is what one of them is.

    There are no class names where examples have no classes.
    """

    name: Text
    examples: Count
    class_names: tuple[Text, ...]
    noun: Text = "example"
    nouns: Text = "examples"


class LeftOut(Frozen):
    """What was left out of the data, and why."""

    part: Text
    path: Text
    reason: Text


class Copy(Frozen):
    """One of several examples that are the same."""

    part: Text
    id: Text
    label: Text


class Certain(Frozen):
    """Examples that are the same, and cannot all be right; what is shown is the first of them."""

    thumbnail: Thumbnail = None
    text: Lines | None = None
    path: FilePath = None
    copies: tuple[Copy, ...]
    more: Count = 0


class Read(Frozen):
    """What was read of the data; the lists are the first ones of as many as the counts say."""

    sentence: Text
    notes: tuple[Text, ...] = ()
    warnings: tuple[Text, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    left_out_count: Count = 0
    certain: tuple[Certain, ...] = ()
    certain_in_words: tuple[Text, ...] = ()
    certain_count: Count = 0


class Validation(Frozen):
    """The clean examples whose predictions were asked about."""

    count: Count
    source: Text


class Decision(Frozen):
    """How a ranking became a list of flagged examples.

    `inconclusive` is the reason why no answer can be given, or None when there is one: a detector
    that failed must never read as "nothing found".
    """

    detector: Text
    rule: Text
    flagged: Count
    threshold: float | None = None
    higher_means: Text = "A higher score is more suspicious."
    inconclusive: Text | None = None


class DetectorRow(Frozen):
    """One detector's results; the metrics are None where no manifest says what is true."""

    name: Text
    description: Text
    seconds: Annotated[float, Field(ge=0.0)]
    auroc: Share | None = None
    auprc: Share | None = None
    tpr_at_fpr_0_01: Share | None = Field(
        default=None,
        validation_alias=AliasChoices("tpr_at_fpr_0.01", "tpr_at_fpr_0_01"),
        serialization_alias="tpr_at_fpr_0.01",
    )
    tpr_at_fpr_0_001: Share | None = Field(
        default=None,
        validation_alias=AliasChoices("tpr_at_fpr_0.001", "tpr_at_fpr_0_001"),
        serialization_alias="tpr_at_fpr_0.001",
    )
    precision: Share | None = None
    recall: Share | None = None
    false_positive_rate: Share | None = None
    is_default: bool = False
    is_baseline: bool = False


class Opponent(Frozen):
    """A validation example whose loss training on the example raised: its influence is negative."""

    id: Text
    thumbnail: Thumbnail = None
    text: Lines | None = None
    path: FilePath = None
    label: Text | None = None
    influence: Annotated[float, Field(lt=0.0)]


class Example(Frozen):
    """One example of a gallery: its picture, its text, or both; without a label if none has one.

    `original_label` and `is_tampered` are the manifest's words.
    """

    rank: Annotated[int, Field(ge=1)]
    id: Text
    thumbnail: Thumbnail = None
    text: Lines | None = None
    path: FilePath = None
    label: Text | None = None
    score: float
    suggested_label: Text | None = None
    is_flagged: bool = True
    is_tampered: bool | None = None
    original_label: Text | None = None
    opponents: tuple[Opponent, ...] = ()


class LabelFlow(Frozen):
    """How many flagged examples carry the label `given` where `suggested` would fit better."""

    given: Text
    suggested: Text
    count: Annotated[int, Field(ge=1)]


class Group(Frozen):
    """The bars of one group in the score distribution, one count per bin."""

    name: Text
    counts: tuple[Count, ...]
    is_suspicious: bool


class Distribution(Frozen):
    """Histogram of the default detector's score; the bins are even on the axis named by `scale`."""

    axis_title: Text
    scale: Literal["linear", "log", "symlog"]
    symlog_constant: Annotated[float, Field(gt=0.0)] = 1.0
    edges: Annotated[tuple[float, ...], Field(min_length=2)]
    groups: tuple[Group, ...]
    threshold: float | None = None

    @model_validator(mode="after")
    def _one_count_per_bin(self) -> Self:
        if any(len(group.counts) != len(self.edges) - 1 for group in self.groups):
            raise ValueError("every group needs one count per bin")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("bin edges must rise")
        return self


class Curve(Frozen):
    """A detector's precision at rising recall."""

    detector: Text
    recall: Annotated[tuple[Share, ...], Field(max_length=200)]
    precision: Annotated[tuple[Share, ...], Field(max_length=200)]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.recall) != len(self.precision):
            raise ValueError("recall and precision must pair up")
        return self


class Findings(Frozen):
    """Everything that a report says.

    `tampered` is how many examples the manifest calls tampered, or None when no manifest exists;
    then no metric, curve or false positive can be known. `judge` is who finds that an example looks
    like a class, and `opposes` what an opponent of a flagged one is. `grounds` says what the
    evidence is worth, where it was measured; then what is flagged are labels to check, and without
    any the `leading` examples of the ranking are shown.
    """

    title: Text
    dataset: Dataset
    validation: Validation | None = None
    tampered: Count | None = None
    decision: Decision
    detectors: tuple[DetectorRow, ...] = ()
    flagged: tuple[Example, ...] = ()
    false_positives: tuple[Example, ...] = ()
    label_flow: tuple[LabelFlow, ...] = ()
    distribution: Distribution | None = None
    curves: tuple[Curve, ...] = ()
    provenance: tuple[tuple[Text, Text], ...] = ()
    notes: tuple[Text, ...] = ()
    judge: Text = "the network"
    opposes: Text = "validation examples that the model got worse at by training on the flagged one"
    read: Read | None = None
    grounds: tuple[Text, ...] = ()
    expected_wrong: Share | None = None
    leading: tuple[Example, ...] = ()
    health: Health | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.decision.flagged > self.dataset.examples:
            raise ValueError("more examples are flagged than exist")
        if self.tampered is None and (self.curves or self.false_positives):
            raise ValueError("curves and false positives need a manifest (set `tampered`)")
        if sum(row.is_default for row in self.detectors) > 1:
            raise ValueError("only one detector can be the default")
        return self

    def __repr__(self) -> str:
        """What it is about, in one short line."""
        return (
            f"Findings({self.title[:100]!r}, {self.decision.flagged:,} of "
            f"{self.dataset.examples:,} flagged)"
        )

    __str__ = __repr__

    @property
    def default(self) -> DetectorRow | None:
        """The row of the detector that the decision rests on."""
        return next((row for row in self.detectors if row.is_default), None)

    def to_json(self) -> str:
        """Deterministic JSON, with the metric names that `summary.json` uses."""
        return self.model_dump_json(by_alias=True, indent=2)
