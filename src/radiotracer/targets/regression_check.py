"""What was found among targets that are numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegressionCheck:
    """Which targets look wrong.

    Args:
        targets: As given, float64, shape (n,).
        predicted: By models that did not see them, shape (n,).
        spread: Of what order their error is at such an example, above 0, shape (n,).
        low: Lower end of the interval in which the target should lie, at level 1 - rate, shape
            (n,); minus infinity where validation examples are too few for that level.
        high: Upper end.
        wrong: Estimated probability that the target is wrong, shape (n,).
        is_flagged: bool, shape (n,).
        p_values: Against the validation examples, shape (n,); None without them.
        decided_by: ``"validation"`` where the p-values decided, else ``"estimate"``.
        share: Estimated share of wrong targets.
        share_low: Lower end of its 95 % interval.
        share_high: Upper end.
        at_least: Lower bound at 95 % on how many targets are wrong; None without validation
            examples.
        absolute_error: Mean |target - prediction|, out of fold.
        constant_error: The same of the median of the targets.
        r_squared: Out of fold; wrong targets can make it negative.
        inconclusive: Why nothing can be said; None where something can.
        rate: Share of right targets among those flagged: at most this, as far as the estimate goes;
            with validation examples a false discovery rate.
        words: Who predicted.
        notes: What else a reader should know.
        seed: From which everything random follows.
        seconds: What it took.
    """

    targets: Floats = field(repr=False)
    predicted: Floats = field(repr=False)
    spread: Floats = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    wrong: Floats = field(repr=False)
    is_flagged: NDArray[np.bool_] = field(repr=False)
    p_values: Floats | None = field(repr=False)
    decided_by: Literal["estimate", "validation"]
    share: float
    share_low: float
    share_high: float
    at_least: int | None
    absolute_error: float
    constant_error: float
    r_squared: float
    inconclusive: str | None
    rate: float
    words: str
    notes: tuple[str, ...]
    seed: int
    seconds: float

    @property
    def scores(self) -> Floats:
        """In [0, 1], the lower the more suspicious, shape (n,): the p-value where
        that decided, else P(right).
        """
        if self.decided_by == "validation" and self.p_values is not None:
            return self.p_values
        return 1.0 - self.wrong

    @property
    def issues(self) -> pa.Table:
        """One row per example in their order, in cleanlab's shape.

        ``is_label_issue`` (bool), ``label_score``, ``given_label``, ``predicted_label``, ``low``
        and ``high`` (float64).
        """
        return pa.table(
            {
                "is_label_issue": self.is_flagged,
                "label_score": self.scores,
                "given_label": self.targets,
                "predicted_label": self.predicted,
                "low": self.low,
                "high": self.high,
            }
        )
