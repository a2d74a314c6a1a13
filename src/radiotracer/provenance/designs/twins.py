"""Twins: two changed versions of each image, of which a secret coin publishes one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue

from radiotracer.provenance.design import Candidates, Change, Design, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._twins.settings import TwinConfig

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

__all__ = ["TwinConfig", "Twins"]


class Twins(Design[TwinConfig]):
    """See `_twins.marking.lay_twins` and `_twins.testing.audit_twins`."""

    name = "twins"
    settings = TwinConfig
    modalities = frozenset({"images"})
    rank = 0
    networks = "several"
    announced: ClassVar[Mapping[str, JsonValue]] = {
        "scores": "sign-flip test of log odds between twins, less what blind networks explain",
        "labels": "the same of how often the label is named at five distances from the middle",
        "weighting": "magnitudes",
    }
    accesses = ("scores", "labels")
    uses = frozenset({"references"})
    choices = "one fair coin for each marked image"

    def candidates(self, data: Dataset, share: float, key: Key, settings: TwinConfig) -> Candidates:
        """All images, the share of them together: coins are tossed image by image."""
        whole = super().candidates(data, share, key, settings)
        return Candidates(whole.eligible, share, per_class=False)

    def require_enough(
        self, data: Dataset, candidates: Candidates, settings: TwinConfig, alpha: float
    ) -> None:
        """Raise `InputError` where there would be too few coins."""
        from radiotracer.provenance.floor import require_coins

        require_coins(data, candidates, alpha)

    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: TwinConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """Both twins of each image, and what the networks make of them."""
        from radiotracer.provenance.designs._twins.marking import lay_twins

        return lay_twins(chosen, networks, settings, kept=kept, progress=progress)

    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: TwinConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """The twin of each image that its coin chose."""
        from radiotracer.provenance.designs._twins.marking import published

        return published(laid, chosen, coins)

    def change(self, release: Release) -> Change:
        """PSNR and the largest change."""
        from radiotracer.provenance.pixels import change_of_pixels

        return change_of_pixels(release)

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """Both twins of every image; for labels at several distances from their middle."""
        from radiotracer.provenance.designs._twins.testing import images_asked

        return images_asked(opened.release, access, opened.coins).images

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """The sign-flip test of which twins the suspect prefers."""
        from radiotracer.provenance.designs._twins.testing import audit_twins

        return audit_twins(
            opened.release, opened.coins, suspect, access, references=inputs.references
        )

    def least_log10_p(self, release: Release, access: Access) -> float:
        """Every coin seen: 2 to the minus number of images."""
        return -len(release.rows) * math.log10(2)


DESIGNS.register(Twins())
