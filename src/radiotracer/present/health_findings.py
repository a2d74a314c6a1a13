"""What a report says of data as a whole: near copies, outliers, classes that are mixed up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from radiotracer.present.fields import Count, FilePath, Frozen, Lines, Share, Text, Thumbnail


class NearCopy(Frozen):
    """One of several examples that are nearly the same; only the first few are shown."""

    thumbnail: Thumbnail = None
    text: Lines | None = None
    path: FilePath = None
    part: Text
    id: Text
    label: Text


class NearCopies(Frozen):
    """Examples that are nearly the same."""

    copies: tuple[NearCopy, ...]
    similarity: Share
    more: Count = 0


class Outlier(Frozen):
    """An example that is unlike all others."""

    thumbnail: Thumbnail = None
    text: Lines | None = None
    path: FilePath = None
    id: Text
    label: Text
    score: float


class ClassPair(Frozen):
    """Two classes, how many examples are expected to be of the one in place of the other."""

    first: Text
    second: Text
    count: Annotated[float, Field(ge=0.0)]
    share: Share | None = None


class Health(Frozen):
    """What else stands out; the lists are the first ones of as many as the counts say."""

    near_copies: tuple[NearCopies, ...] = ()
    near_copies_count: Count = 0
    outliers: tuple[Outlier, ...] = ()
    outliers_count: Count = 0
    overlaps: tuple[ClassPair, ...] = ()
    overlaps_count: Count = 0
    swaps: tuple[ClassPair, ...] = ()
    swaps_count: Count = 0
    wrong: Annotated[float, Field(ge=0.0)] = 0.0
    notes: tuple[Text, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.near_copies or self.outliers or self.overlaps or self.swaps or self.notes)
