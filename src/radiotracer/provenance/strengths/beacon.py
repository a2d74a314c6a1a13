"""R from a public beacon: a pulse that came after the commitment, its signature checked offline."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

from radiotracer.errors import DataError
from radiotracer.provenance.randomness import STRENGTHS, Randomness, Strength

TRIES = 40
"""log2 of how many pairs of a commitment and a pulse an owner is charged for. Each costs as many
hashes as there are coins, so that this is a stated number and no bound: a large computer's days."""


class Beacon(Strength):
    """See the module."""

    name = "beacon"
    needs_stamp = True
    least_log10_allowance = TRIES * math.log10(2)
    sentence = (
        "The coins were drawn by a public beacon after the commitment, so that nobody chose them; "
        "of all commitments that an owner may have made before, the luckiest could be shown, which "
        "the allowance is for."
    )

    def log10_allowance(self, randomness: Randomness) -> float:
        """A stated number: how many commitments there were nobody counted."""
        return self.least_log10_allowance

    def allowed_for(self, randomness: Randomness) -> str:
        """The stated number."""
        return f"2^{TRIES} commitments that may have been thrown away"

    def read(self, path: Path) -> Randomness:
        """A pulse, as it was served."""
        from radiotracer.provenance.pulses import read_pulse

        pulse = read_pulse(path)
        return Randomness(
            strength=self.name,
            value=pulse.verified().value.hex(),
            proof={"pulse": pulse.content.decode()},
        )

    def require(
        self, randomness: Randomness, commitment: str, stamped_at: datetime | None
    ) -> datetime | None:
        """The pulse's own signature, its value, and that it is younger than the stamp."""
        from radiotracer.provenance.pulses import read_pulse

        drawn = read_pulse(str(randomness.proof.get("pulse", "")).encode()).verified()
        if drawn.value != randomness.bytes:
            raise DataError(
                expected=f"coins drawn by the pulse beside them, {drawn.value.hex()[:12]}",
                came=randomness.value[:12],
                do="restore the record of the release",
            )
        if stamped_at is not None and drawn.time <= stamped_at:
            raise DataError(
                expected=f"a pulse after the time stamp of the commitment, {stamped_at:%F %T} UTC",
                came=f"one of {drawn.time:%F %T} UTC",
                do="draw by a later pulse: what came before may have been known",
            )
        return drawn.time


STRENGTHS.register(Beacon())
