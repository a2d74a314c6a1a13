"""Canaries: a line of random words in each text, one of two, of which a secret coin publishes one.

See `_canaries.planting` for why, and for where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue

from radiotracer.provenance.design import Candidates, Change, Design, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._canaries.settings import CanaryConfig

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

__all__ = ["Canaries", "CanaryConfig"]


class Canaries(Design[CanaryConfig]):
    """See `_canaries.planting` and `_canaries.testing`."""

    name = "canaries"
    settings = CanaryConfig
    modalities = frozenset({"texts"})
    announced: ClassVar[Mapping[str, JsonValue]] = {
        "scores": "sign-flip test of the log odds of the label between the two canaries of a coin, "
        "or of the log-likelihood of the canary, asked alone",
        "labels": "the same of how often the label is named, alone and with words of another class",
        "weighting": "magnitudes",
    }
    accesses = ("scores", "labels")
    uses = frozenset({"references"})
    shows_originals = frozenset({"labels"})
    choices = "one fair coin for each canary"

    def candidates(
        self, data: Dataset, share: float, key: Key, settings: CanaryConfig
    ) -> Candidates:
        """Texts that are long enough, the share of every class."""
        from radiotracer.provenance.designs._canaries.planting import long_enough, require_one_long

        long = long_enough(data, settings)
        require_one_long(data, long, settings)
        return Candidates(long, share, per_class=True)

    def require_enough(
        self, data: Dataset, candidates: Candidates, settings: CanaryConfig, alpha: float
    ) -> None:
        """Raise `InputError` where there would be too few coins."""
        from radiotracer.provenance.floor import require_coins

        require_coins(data, candidates, alpha, repeats=settings.repeats)

    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: CanaryConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """Both canaries of each coin."""
        from radiotracer.provenance.designs._canaries.planting import lay_canaries

        return lay_canaries(chosen, key, settings)

    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: CanaryConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """The texts with the canaries that the coins chose."""
        from radiotracer.provenance.designs._canaries.planting import published

        return published(laid, chosen, coins, settings)

    def change(self, release: Release) -> Change:
        """How long a canary is, and how many there are."""
        from radiotracer.provenance.designs._canaries.planting import coins_in

        settings = CanaryConfig.model_validate(release.protocol.settings)
        coins = len(coins_in(release))
        return Change(
            f"a line of {settings.words} words in each, {coins:,} different ones",
            {"words": settings.words, "coins": coins},
        )

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """Both canaries of every coin; for labels, with words of another class, too."""
        from radiotracer.provenance.designs._canaries.testing import texts_asked

        return texts_asked(opened.release, access)

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """The sign-flip test of which canaries the suspect prefers."""
        from radiotracer.provenance.designs._canaries.testing import audit_canaries

        return audit_canaries(
            opened.release, opened.coins, suspect, access, references=inputs.references
        )

    def least_log10_p(self, release: Release, access: Access) -> float:
        """Every coin seen."""
        from radiotracer.provenance.designs._canaries.planting import coins_in

        return -len(coins_in(release)) * math.log10(2)


DESIGNS.register(Canaries())
