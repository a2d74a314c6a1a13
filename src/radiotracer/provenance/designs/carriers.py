"""Carriers: features that are moved along one secret direction per class (radioactive data)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import JsonValue

from radiotracer.errors import InputError
from radiotracer.provenance.design import Change, Design, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._carriers.settings import CONTROL_KEYS, CarrierConfig

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

__all__ = ["CarrierConfig", "Carriers"]


class Carriers(Design[CarrierConfig]):
    """See `_carriers.marking`, `_carriers.testing` and, with control keys, `held_out_test`."""

    name = "carriers"
    settings = CarrierConfig
    modalities = frozenset({"images"})
    networks = "one"
    marks_after_coins = True
    announced: ClassVar[Mapping[str, JsonValue]] = {
        "weights": "cosines of classifier rows with the carriers, combined by Fisher",
        "scores": "the same of a linear classifier on the extractor's features, fitted to scores",
        CONTROL_KEYS: "ranks of held-out images with the key's marks among control "
        "keys' by the log odds of the label, by class, combined by Fisher",
    }
    accesses = ("weights", "scores")
    uses = frozenset({"held_out", "control_keys"})

    def prepare(
        self,
        chosen: Dataset,
        key: Key,
        networks: Sequence[nn.Module],
        settings: CarrierConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Laid:
        """The network whose features will be moved; where to is for coins to say."""
        from radiotracer.provenance.designs._carriers.marking import lay_carriers

        return lay_carriers(chosen, networks[0])

    def publish(
        self,
        laid: Laid,
        chosen: Dataset,
        coins: Coins,
        networks: Sequence[nn.Module],
        settings: CarrierConfig,
        *,
        kept: Kept | None = None,
        progress: Progress = lambda *_: None,
    ) -> Planted:
        """Images that are moved along what was drawn."""
        from radiotracer.provenance.designs._carriers.marking import plant_carriers

        return plant_carriers(chosen, coins, networks[0], settings, kept=kept, progress=progress)

    def change(self, release: Release) -> Change:
        """PSNR and the largest change."""
        from radiotracer.provenance.pixels import change_of_pixels

        return change_of_pixels(release)

    def accesses_with(self, inputs: Inputs) -> tuple[Access, ...]:
        """Only scores can be compared with control keys."""
        return self.accesses if inputs.control_keys is None else ("scores",)

    def questions(self, opened: Opened, access: Access, inputs: Inputs) -> Any:
        """The held-out images; with control keys, about so many marked ones: they come later."""
        held_out = _held_out(inputs)
        if inputs.control_keys is not None:
            from radiotracer.provenance.designs._carriers.held_out_marks import (
                how_many,
                require_classes,
            )

            require_classes(held_out, opened.release)
            return how_many(opened.release, held_out.labels, inputs.control_keys)
        return held_out.content if access == "scores" else 0

    def test(self, opened: Opened, suspect: Suspect, access: Access, inputs: Inputs) -> Finding:
        """Cosines with the carriers, or ranks among control keys' marks."""
        from radiotracer.provenance.designs._carriers.held_out_marks import require_classes
        from radiotracer.provenance.designs._carriers.held_out_test import audit_held_out
        from radiotracer.provenance.designs._carriers.testing import audit_carriers
        from radiotracer.training.building import build_model

        held_out, build = _held_out(inputs), inputs.build or build_model
        release, coins = opened.release, opened.coins
        if inputs.control_keys is None:
            return audit_carriers(release, coins, suspect, access, held_out.content, build)
        require_classes(held_out, release)
        return audit_held_out(
            release,
            coins,
            suspect,
            held_out.content,
            held_out.labels,
            build,
            keys=inputs.control_keys,
            kept=inputs.kept,
            progress=inputs.progress,
        )

    def least_log10_p(self, release: Release, access: Access) -> None:
        """Directions are no coins: a single one can show any p-value."""


def _held_out(inputs: Inputs) -> Dataset:
    if inputs.held_out is None:
        raise InputError(
            expected="held-out, unmarked images to align the suspect with the extractor",
            came="held_out=None",
            do="pass, for example, the test split (held_out=)",
        )
    return inputs.held_out


DESIGNS.register(Carriers())
