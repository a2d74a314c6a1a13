"""A finished scan: who ranked the examples, what was decided, and what it rests on."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Identity
from radiotracer.data.account import Account
from radiotracer.detectors import (
    OPINION_DETECTOR,
    Decided,
    Decision,
    Detection,
    Detector,
    Ranking,
    Reference,
    Rule,
    calibrated,
    decide,
    decided,
    detection,
)
from radiotracer.gradients import Data
from radiotracer.health import Health
from radiotracer.opinions.grounds import Grounds
from radiotracer.recipes import Manifest
from radiotracer.scanning.rounding import Rounding
from radiotracer.scanning.source import Source
from radiotracer.views import Shown


@dataclass(frozen=True, eq=False)
class Scan(Shown):
    """A finished scan; every array has one row per training example, in the order of the data.

    Args:
        source: Where its evidence comes from: a recorded training, or out-of-fold opinions.
        train: The training examples.
        identity: Their ids, digests and labels.
        validation: The validation examples, or None.
        class_names: One per class; none where targets are no class numbers, as of documents.
        manifest: The ground truth, where there is one.
        detectors: Those that ran, by name.
        rankings: By detector name.
        seconds: By detector name.
        left_out: Detectors that could not run, with what they lack.
        detector: The one that decides.
        decision: What it flags.
        suggested: The class that each example more likely belongs to, shape (n,); None where there
            are no classes.
        seed: The scan's seed.
        clean_reference: The examples that were known to be clean, or None.
        warnings: What speaks against the reference, what was divided for lack of memory, what
            mixed precision did, and what a higher rate would flag where nothing is, for people.
        rounding: By detector: how far mixed precision is from the precision of the weights; empty
            where there is none.
    """

    source: Source
    train: Data
    identity: Identity
    validation: Data | None
    class_names: tuple[str, ...]
    manifest: Manifest | None
    detectors: Mapping[str, Detector]
    rankings: Mapping[str, Ranking]
    seconds: Mapping[str, float]
    left_out: Mapping[str, str]
    detector: str
    decision: Decision
    suggested: NDArray[np.int64] | None
    seed: int
    clean_reference: Reference | None = None
    warnings: tuple[str, ...] = ()
    rounding: Mapping[str, Rounding] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What was decided, in one short line."""
        flagged = int(self.decision.is_flagged.sum())
        said = f"{flagged:,} of {len(self.scores):,} examples flagged by {self.detector}"
        return f"Scan({said}: {self.decision.words[:150]})"

    @functools.cached_property
    def account(self) -> Account | None:
        """What was read; None of data in memory that are no `Dataset`."""
        if not isinstance(self.train, Dataset):
            return None
        held = self.validation
        return Account(self.train, held if isinstance(held, Dataset) else None)

    @property
    def health(self) -> Health | None:
        """What stands out beside single labels; None of recorded trainings, which do not say."""
        return self.source.health

    @property
    def certain_lines(self) -> list[str]:
        """Errors that need no network, in words: copies under different labels."""
        return [] if self.account is None else self.account.certain_lines()

    @functools.cached_property
    def grounds(self) -> Grounds | None:
        """Whether the evidence is worth anything, as it measured itself; None of a training."""
        ranking = self.rankings[self.detector]
        return self.source.grounds(ranking.fdr, self.decision.p_values)

    def expected_wrong(self, first: int) -> float | None:
        """The expected share of wrong labels among the first so many, where there are estimates."""
        chances = self.rankings[self.detector].posteriors
        if chances is None or not first:
            return None
        return float(chances[self.decision.ranks <= first].mean())

    @property
    def issues(self) -> Any:
        """One row per training example, in their order, as users of cleanlab know it.

        Returns:
            A pandas frame where pandas is installed, else an Arrow table: ``id``,
            ``is_label_issue`` (what is flagged), ``label_score`` (float64 in [0, 1], the lower the
            more suspicious: the probability of the given label out of fold, or the share of
            examples that are at least as suspicious), ``given_label``, ``predicted_label`` (the
            class that fits best if the given one is wrong) and ``probability`` (that the label is
            wrong; null where nothing estimates it).
        """
        import pyarrow as pa

        every = slice(None)
        chances = self.rankings[self.detector].posteriors
        table = pa.table(
            {
                "id": self.identity.ids,
                "is_label_issue": self.decision.is_flagged,
                "label_score": np.exp(-self.scores)
                if self.detector == OPINION_DETECTOR
                else self.decision.ranks / len(self.scores),
                "given_label": pa.array(self.labels_of(every), pa.string()),
                "predicted_label": pa.array(self.suggested_of(every), pa.string()),
                "probability": pa.nulls(len(self.scores), pa.float64())
                if chances is None
                else chances,
            }
        )
        return table.to_pandas() if find_spec("pandas") is not None else table

    @property
    def scores(self) -> NDArray[np.float64]:
        """The deciding detector's scores, shape (n,)."""
        return self.rankings[self.detector].scores

    def labels_of(self, rows: NDArray[np.int64] | slice) -> list[str | None]:
        """Names of the labels that some examples carry; None where there are no classes."""
        return self._named(self.identity.labels[rows])

    def suggested_of(self, rows: NDArray[np.int64] | slice) -> list[str | None]:
        """Names of the classes that some examples more likely belong to; None without classes."""
        none = self.identity.labels if self.suggested is None else self.suggested
        return self._named(none[rows])

    def _named(self, labels: NDArray[np.int64]) -> list[str | None]:
        if not self.class_names:
            return [None] * len(labels)
        names: list[str | None] = np.array(self.class_names, dtype=object)[labels].tolist()
        return names

    def quality(self, name: str) -> tuple[Detection, Decided] | None:
        """How well a detector's ranking and its decision do, where a manifest says what is true.

        A detector with p-values is judged by its own calibrated rule, every other one at as many
        examples as the deciding one flagged.
        """
        if self.manifest is None or not 0 < self.manifest.is_tampered.sum() < len(self.scores):
            return None
        truth = self.manifest.is_tampered
        ranking = self.rankings[name]
        if name == self.detector:
            flagged = self.decision.is_flagged
        elif ranking.p_values is not None:
            flagged = calibrated(name, self.rankings).is_flagged
        else:
            flagged = decide(ranking, Rule(top_k=int(self.decision.is_flagged.sum()))).is_flagged
        return detection(ranking.scores, truth), decided(flagged, truth)
