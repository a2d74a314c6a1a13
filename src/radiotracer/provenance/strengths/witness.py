"""R that a named third party drew when they had seen the commitment."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from radiotracer.errors import DataError
from radiotracer.provenance.randomness import STRENGTHS, Randomness, Strength

if TYPE_CHECKING:
    from radiotracer.provenance.witness import WitnessStatement


class Witness(Strength):
    """See the module, and `provenance.witness` for why statements are numbered."""

    name = "witness"
    least_log10_allowance = math.log10(2)
    sentence = (
        "The coins were drawn by a witness who had signed the commitment before; whoever trusts "
        "this witness to draw once for each commitment need not trust the owner."
    )

    def log10_allowance(self, randomness: Randomness) -> float:
        """n(n + 1) for the n-th statement: the sum of 1 / n(n + 1) is 1."""
        number = _statement(randomness).number
        return math.log10(number) + math.log10(number + 1)

    def allowed_for(self, randomness: Randomness) -> str:
        """The statements that came before."""
        number = _statement(randomness).number
        return f"the commitments that the witness had seen, {number:,} with this one"

    def read(self, path: Path) -> Randomness:
        """The statement."""
        from radiotracer.provenance.witness import WitnessStatement

        statement = WitnessStatement.read(path)
        return Randomness(
            strength=self.name,
            value=statement.value,
            proof={"statement": statement.model_dump(mode="json")},
        )

    def require(
        self, randomness: Randomness, commitment: str, stamped_at: datetime | None
    ) -> datetime | None:
        """The statement's signature, and that it is about this commitment."""
        drawn = _statement(randomness).verified(commitment)
        if drawn.value != randomness.bytes:
            raise DataError(
                expected=f"coins drawn by the witness, {drawn.value.hex()[:12]}",
                came=randomness.value[:12],
                do="restore the record of the release",
            )
        return drawn.time


def _statement(randomness: Randomness) -> WitnessStatement:
    from radiotracer.provenance.witness import WitnessStatement

    try:
        return WitnessStatement.model_validate(randomness.proof.get("statement"))
    except ValidationError as error:
        raise DataError(
            expected="a witness's statement beside the coins",
            came="something else",
            do="restore the record of the release",
        ) from error


STRENGTHS.register(Witness())
