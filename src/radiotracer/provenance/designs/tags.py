"""Tags: secret patterns with secret labels, which marked images teach by their gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue

from radiotracer.errors import InputError
from radiotracer.provenance.design import Candidates, Change, Design, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._tags.settings import TagConfig

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

__all__ = ["TagConfig", "Tags"]


class Tags(Design[TagConfig]):
    """See `_tags.marking.plant_tags` and `_tags.testing.audit_tags`."""

    name = "tags"
    settings = TagConfig
    modalities = frozenset({"images"})
    networks = "several"
    marks_after_coins = True
    announced: ClassVar[Mapping[str, JsonValue]] = {
        "labels": "binomial test of how many tags are given the label that was drawn for them",
    }
    accesses = ("labels",)
    choices = "each tag has a label that was drawn from all classes"
    # They are as many at every share, and how many of them a smaller one would teach cannot be told
    # from one network.
    grows_with_share = False

    def candidates(self, data: Dataset, share: float, key: Key, settings: TagConfig) -> Candidates:
        """All images; of every class so many that `share` of all can be expected to be changed.

        Which classes tags teach is drawn later, so that those of the others stay as they are.
        """
        import numpy as np

        from radiotracer.provenance.designs._tags.marking import share_chosen

        share = share_chosen(settings, len(data.class_names), share)
        return Candidates(np.ones(len(data), dtype=np.bool_), share, per_class=True)

    def require_enough(
        self, data: Dataset, candidates: Candidates, settings: TagConfig, alpha: float
    ) -> None:
        """Raise `InputError` where not even naming the label of every tag would be enough."""
        classes = len(data.class_names)
        needed = max(1, math.ceil(-math.log(alpha) / math.log(max(classes, 2)) - 1e-9))
        if settings.tags < needed:
            raise InputError(
                expected=f"at least {needed} tags: with {classes} classes, n tags cannot show less "
                f"than {classes}^-n, and alpha={alpha:g}",
                came=f"tags={settings.tags}",
                do=f"pass tags={needed} or more",
            )

    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: TagConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """The tags; which label each of them gets is for its coin to say."""
        from radiotracer.provenance.designs._tags.marking import lay_tags

        return lay_tags(chosen, key, settings)

    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: TagConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """Images whose gradients are those of the tags with their labels."""
        from radiotracer.provenance.designs._tags.marking import plant_tags

        return plant_tags(laid, chosen, coins, networks, settings, kept=kept, progress=progress)

    def change(self, release: Release) -> Change:
        """PSNR and the largest change, and how many images are of classes that tags teach."""
        from radiotracer.provenance.pixels import change_of_pixels

        found = change_of_pixels(release)
        changed = int((release.planted.columns["max_difference"] > 0).sum())
        return Change(
            f"{changed:,} of them, of the classes that tags teach, changed: {found.text}",
            {**found.numbers, "changed": changed},
        )

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """All tags."""
        from radiotracer.provenance.designs._tags.testing import tags_asked

        return tags_asked(opened.release)

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """The binomial test of how many tags are given their label."""
        from radiotracer.provenance.designs._tags.testing import audit_tags

        return audit_tags(opened.release, opened.coins, suspect, access)

    def least_log10_p(self, release: Release, access: Access) -> float:
        """Every tag hit."""
        tags = TagConfig.model_validate(release.protocol.settings).tags
        return -tags * math.log10(len(release.protocol.class_names))


DESIGNS.register(Tags())
