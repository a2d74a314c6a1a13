"""A release that is prepared: all of it is fixed and committed to, and no coin is drawn yet.

OUT/commitment.json     what to have time-stamped before the coins are drawn
OUT/sealed/examples/    the data before, a DATA argument
OUT/sealed/             what only audits may see; see `sealed`
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, save_examples
from radiotracer.data.modality import nouns
from radiotracer.data.saved import open_saved
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder, write_text
from radiotracer.provenance.bound import (
    COMMITMENT_FILE,
    commitment_of,
    read_commitment,
    read_part,
)
from radiotracer.provenance.coins import CONTROL
from radiotracer.provenance.commitment import Commitment, require_same
from radiotracer.provenance.key import Key
from radiotracer.provenance.planted import Laid
from radiotracer.provenance.protocol import Protocol
from radiotracer.provenance.sealed import (
    PROTOCOL_FILE,
    SEALED,
    read_sealed,
    sealed_errors,
    write_sealed,
)

EXAMPLES = "sealed/examples"

MADE_BY = "`radiotracer mark --coins`"


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything of a release that is fixed before its coins are drawn.

    Args:
        data: All n examples before.
        rows: Which of them are to be marked, ascending, int64, shape (k,).
        laid: What the coins will choose between.
        protocol: What was fixed.
        commitment: To all of this, and to the key.
    """

    data: Dataset
    rows: NDArray[np.int64]
    laid: Laid
    protocol: Protocol
    commitment: Commitment

    @classmethod
    def make(
        cls, data: Dataset, rows: NDArray[np.int64], laid: Laid, protocol: Protocol, key: Key
    ) -> Prepared:
        """Commit to what a design laid down; control keys get a coin, too."""
        laid = laid if CONTROL in laid.coins else replace(laid, coins=(*laid.coins, CONTROL))
        originals = data.modality.take(data.content, rows)
        made = commitment_of(key, protocol, laid, rows, originals, data.modality)
        return cls(data, rows, laid, protocol, made)

    @property
    def chosen(self) -> Dataset:
        """The k examples to be marked."""
        return self.data.take(self.rows)

    @property
    def originals(self) -> Any:
        """Their content."""
        return self.data.modality.take(self.data.content, self.rows)

    def __repr__(self) -> str:
        """What may be told: nothing that is sealed."""
        whole = nouns(self.data.modality, len(self.data))
        return (
            f"Prepared({len(self.rows):,} of {whole} by {self.protocol.design}, commitment "
            f"{self.commitment.digest[:12]})"
        )

    def require_committed(self, key: Key) -> None:
        """Raise unless all of it and the key are what was committed to.

        Raises:
            InputError: They are not; the text names the key, the parts, or the data.
        """
        if self.data.digest != self.protocol.source_digest:
            raise InputError(
                expected=f"the data that were prepared, digest {self.protocol.source_digest[:12]}",
                came=f"others, digest {self.data.digest[:12]}",
                do="restore them, or prepare again",
            )
        now = commitment_of(
            key, self.protocol, self.laid, self.rows, self.originals, self.data.modality
        )
        require_same(self.commitment, now)

    def require_made_of(self, protocol: Protocol, rows: NDArray[np.int64], key: Key) -> None:
        """Raise unless preparing so would end in this.

        Raises:
            InputError: Other data, another key, or other settings; the text names them.
        """
        names = (name for name in Protocol.model_fields if name != "version")
        other = [name for name in names if getattr(protocol, name) != getattr(self.protocol, name)]
        if not other and not np.array_equal(rows, self.rows):
            other = ["rows"]
        if other:
            raise InputError(
                expected="prepared data of the same source, design and settings",
                came=f"some of other {', '.join(other)}",
                do="repeat the command as it was, or prepare anew (overwrite=True)",
            )
        self.require_committed(key)

    def write(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write all of it into a new folder, whole or not at all.

        Raises:
            InputError: The folder exists and must not be replaced.
            StorageError: The disk refused.
        """
        with atomic_folder(Path(folder), marker=COMMITMENT_FILE, overwrite=overwrite) as made:
            (made / SEALED).mkdir(mode=0o700)
            (made / EXAMPLES).mkdir()
            save_examples(self.data, made / EXAMPLES)
            write_sealed(made, self.protocol, self.laid, self.chosen, self.rows, {}, {})
            write_text(made / COMMITMENT_FILE, self.commitment.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Prepared:
        """Read what `write` wrote; whether it is what was committed to is for the key to say.

        Raises:
            InputError: `folder` is none of a prepared release.
            DataError: A part is missing, damaged, or does not belong to the others.
        """
        folder = Path(folder)
        commitment = read_commitment(folder, MADE_BY)
        if not (folder / EXAMPLES).is_dir():
            raise InputError(
                expected=f"a folder that {MADE_BY} wrote",
                came=f"{folder}, which has no {EXAMPLES}: it is released already",
                do="pass the prepared folder",
            )
        protocol = read_part(Protocol, folder / PROTOCOL_FILE, MADE_BY)
        data = open_saved(folder / EXAMPLES)
        with sealed_errors(folder):
            found = read_sealed(folder, protocol, data.modality)
            if not np.array_equal(data.ids[found.rows], found.ids):
                raise ValueError("the manifest speaks of other examples")
        return cls(data, found.rows, found.laid, protocol, commitment)
