"""R that the owner drew: nothing keeps an owner from drawing again until the coins please."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.key import Key
from radiotracer.provenance.randomness import STRENGTHS, Randomness, Strength


class Owner(Strength):
    """See the module."""

    name = "owner"
    sentence = (
        "The coins were drawn by the owner of the data, and nothing excludes that they were drawn "
        "until they fell so: this rests on the owner's word."
    )

    def log10_allowance(self, randomness: Randomness) -> float:
        """Nothing is charged: no number would be enough, and the claim says so."""
        return 0.0

    def allowed_for(self, randomness: Randomness) -> str:
        """Nothing."""
        return ""

    def read(self, path: Path) -> Randomness:
        """There is no file: R follows from the key."""
        raise InputError(
            expected="no file for coins that the owner draws",
            came=str(path),
            do="leave it out, or prepare with coins=beacon or coins=witness",
        )

    def require(
        self, randomness: Randomness, commitment: str, stamped_at: datetime | None
    ) -> datetime | None:
        """Nothing can be shown, and nothing may pretend to be."""
        if randomness.proof:
            raise DataError(
                expected="no proof beside coins that the owner drew",
                came=", ".join(randomness.proof)[:80],
                do="restore the record of the release",
            )
        return None


def owners(key: Key) -> Randomness:
    """R as the key gives it: the same release whenever it is made again."""
    return Randomness(strength="owner", value=key.derive("coins/owner").hex())


STRENGTHS.register(Owner())
