"""What a test found, whatever it tested; what to conclude from it is `evidence.py`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from radiotracer.provenance.models import Access
from radiotracer.views import Shown


@dataclass(frozen=True)
class Control:
    """A question whose answer was known before.

    Args:
        name: Such as ``fresh keys``.
        expected: What a sound test gives, in words.
        came: What it gave, in words and numbers.
        passed: Whether that is so. One that failed makes an audit inconclusive.
    """

    name: str
    expected: str
    came: str
    passed: bool


@dataclass(frozen=True)
class Finding(Shown):
    """The facts of one test of one suspect.

    Args:
        access: What was used of the suspect.
        statistic: What was computed, in words.
        null: What would have made it come so by chance, in words: the null distribution.
        log10_p: log10 of the exact one-sided p-value, at most 0.
        effect: Effect size; 0 is expected by chance.
        effect_means: What `effect` counts, in words, with its range.
        coins: How many independent random choices of the key the test stands on.
        control_log10_p: What the same test said under each of the fresh keys, any number.
        controls: All that was checked.
        details: Numbers for the report and for scripts, by name.
        least_log10_p: The smallest log10 p that the test could have given; None where it cannot be
            counted.
        stands_on: What limits that, in words: ``"12 coins"``.
    """

    access: Access
    statistic: str
    null: str
    log10_p: float
    effect: float
    effect_means: str
    coins: int
    control_log10_p: tuple[float, ...]
    controls: tuple[Control, ...]
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    least_log10_p: float | None = None
    stands_on: str = "the choices that it has"

    def __repr__(self) -> str:
        """The numbers; texts are for displays."""
        return (
            f"Finding(access={self.access!r}, log10_p={self.log10_p:.6g}, "
            f"effect={self.effect:.4g}, coins={self.coins}, {len(self.controls)} controls, "
            f"{sum(not each.passed for each in self.controls)} failed)"
        )
