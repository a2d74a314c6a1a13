"""What an explanation says, as one frozen, JSON-able model: file and page are made from this alone.

Pictures and texts of examples are for the page only: the JSON leaves them out. Names are shown and
not obeyed, as in `radiotracer.present.findings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from radiotracer.present.fields import Count, FilePath, Frozen, Lines, Share, Text, Uri

SCHEMA_VERSION: Literal[1] = 1

SIGN = (
    "Positive influence: a proponent; training on the example lowered the query's loss under the "
    "label explained, and so pushed the model towards that label. Negative: an opponent; it pushed "
    "the model away."
)

SignedShare = Annotated[float, Field(ge=-1.0, le=1.0)]
Picture = Annotated[Uri | None, Field(exclude=True, repr=False)]
Excerpt = Annotated[Lines | None, Field(exclude=True, repr=False)]


class Push(Frozen):
    """A group of training examples: its summed influence, and that over all absolute influence."""

    label: Text
    examples: Count
    influence: float
    share: SignedShare


class Cause(Frozen):
    """A proponent or an opponent. `is_tampered` and `original_label` are the manifest's words."""

    rank: Annotated[int, Field(ge=1)]
    row: Count
    id: Text
    label: Text
    influence: float
    share: SignedShare
    is_tampered: bool | None = None
    original_label: Text | None = None
    thumbnail: Picture = None
    text: Excerpt = None
    path: FilePath = None


class Reason(Frozen):
    """Why one query is predicted as it is.

    `classes` has one entry per given label of the training examples, the strongest push towards
    `explained_label` first; `tampered` is the push of all tampered examples, where a manifest says
    which they are.
    """

    row: Count
    id: Text
    given_label: Text
    predicted_label: Text
    probability: Share
    explained_label: Text
    proponents: tuple[Cause, ...]
    opponents: tuple[Cause, ...]
    classes: tuple[Push, ...]
    tampered: Push | None = None
    thumbnail: Picture = None
    text: Excerpt = None
    path: FilePath = None

    @property
    def is_wrong(self) -> bool:
        """Whether the model predicts another label than the one given."""
        return self.predicted_label != self.given_label


class Reasons(Frozen):
    """Everything that ``explanation.json`` and ``explanation.html`` say."""

    schema_version: Literal[1] = SCHEMA_VERSION
    title: Text
    run: Text
    data: Text
    data_digest: Text
    query_data: Text
    examples: Count
    noun: Text = "example"
    tampered: Count | None = None
    method: Text
    traced: tuple[Text, ...]
    checkpoints: Count
    label: Text
    top_k: Annotated[int, Field(ge=1)]
    sign: Text = SIGN
    queries: Annotated[tuple[Reason, ...], Field(min_length=1)]
    provenance: tuple[tuple[Text, Text], ...] = ()
    notes: tuple[Text, ...] = ()

    def __repr__(self) -> str:
        """What it is about, in one short line."""
        return f"Reasons({self.title[:100]!r}, {len(self.queries):,} queries)"

    __str__ = __repr__

    @property
    def tampered_proponents(self) -> tuple[int, int]:
        """How many of the proponents listed are tampered with, and how many are listed."""
        listed = [cause for reason in self.queries for cause in reason.proponents]
        return sum(bool(cause.is_tampered) for cause in listed), len(listed)

    def to_json(self) -> str:
        """Deterministic JSON, without pictures and texts of examples."""
        return self.model_dump_json(indent=2)
