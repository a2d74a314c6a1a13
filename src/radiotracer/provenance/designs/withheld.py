"""Withheld: of two examples of a class a secret coin publishes one; the other is kept back.

See `_withheld.pairing` for why, and for where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue

from radiotracer.provenance.design import Candidates, Change, Design, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._withheld.settings import WithheldConfig

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.coins import Coins
    from radiotracer.provenance.finding import Finding
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.key import Key
    from radiotracer.provenance.models import Access, Suspect
    from radiotracer.provenance.planted import Laid, Planted
    from radiotracer.provenance.release import Opened, Release

__all__ = ["Withheld", "WithheldConfig"]


class Withheld(Design[WithheldConfig]):
    """See `_withheld.pairing` and `_withheld.testing.audit_withheld`."""

    name = "withheld"
    settings = WithheldConfig
    modalities = frozenset({"images", "texts", "tables", "vectors"})
    rank = 20
    networks = "any"
    announced: ClassVar[Mapping[str, JsonValue]] = {
        "scores": "sign-flip test of the log odds of the label between the examples of a pair, or "
        "of the log-likelihood per byte, mean over views, less what blind networks explain",
        "labels": "the same of how often the label is named",
        "weighting": "magnitudes",
    }
    accesses = ("scores", "labels")
    uses = frozenset({"references"})
    shows_originals = frozenset({"scores", "labels"})
    choices = "one fair coin for each pair"

    def candidates(
        self, data: Dataset, share: float, key: Key, settings: WithheldConfig
    ) -> Candidates:
        """Examples that come once, twice the share of every class: half of them is withheld."""
        from radiotracer.errors import DataError, InputError
        from radiotracer.provenance.designs._withheld.pairing import alone

        if share >= 0.5:
            raise InputError(
                expected="share= below 0.5: as many examples as are withheld are their pairs",
                came=f"{share:g}",
                do="pass, say, share=0.01",
            )
        once = alone(data)
        if not once.any():
            raise DataError(
                expected=f"{data.modality.name} that come once, to withhold some of them",
                came="copies alone",
                do="remove the copies",
            )
        return Candidates(once, 2.0 * share, per_class=True, whole_tail=True)

    def require_enough(
        self, data: Dataset, candidates: Candidates, settings: WithheldConfig, alpha: float
    ) -> None:
        """Raise `InputError` where there would be too few pairs."""
        from radiotracer.errors import InputError
        from radiotracer.provenance.choosing import counts

        needed = max(1, math.ceil(-math.log2(alpha) - 1e-9))
        pairs = sum(each // 2 for each in counts(data, candidates))
        if pairs < needed:
            raise InputError(
                expected=f"at least {needed} pairs, for n fair coins cannot show less than 2^-n "
                f"and alpha={alpha:g}",
                came=f"share={candidates.share / 2.0:g}, which makes {pairs}",
                do=f"pass a larger share, bring more {data.modality.name}, or raise alpha=",
            )

    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: WithheldConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """Pairs, and which of each the networks know better."""
        from radiotracer.provenance.designs._withheld.pairing import lay_pairs

        return lay_pairs(chosen, key, networks, settings)

    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: WithheldConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """The example of each pair that its coin chose."""
        from radiotracer.provenance.designs._withheld.pairing import published

        return published(laid, chosen, coins)

    def change(self, release: Release) -> Change:
        """How many are left out: nothing else is changed."""
        from radiotracer.provenance.designs._withheld.pairing import PAIRS

        pairs = len(release.laid.arrays[PAIRS])
        share = pairs / release.protocol.examples
        return Change(
            f"{pairs:,} of them withheld ({share:.2%} of all), nothing changed",
            {"withheld": pairs},
        )

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """Both examples of every pair, in several views."""
        from radiotracer.provenance.designs._withheld.testing import questions_of

        return questions_of(opened.release, opened.coins).content

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """The sign-flip test of which examples the suspect knows."""
        from radiotracer.provenance.designs._withheld.testing import audit_withheld

        return audit_withheld(
            opened.release, opened.coins, suspect, access, references=inputs.references
        )

    def least_log10_p(self, release: Release, access: Access) -> float:
        """Every coin seen: 2 to the minus number of pairs."""
        from radiotracer.provenance.designs._withheld.pairing import PAIRS

        return -len(release.laid.arrays[PAIRS]) * math.log10(2)


DESIGNS.register(Withheld())
