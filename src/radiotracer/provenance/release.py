"""A marked release: what is published, what stays sealed, and the two records that bind both.

    OUT/release/          the data to publish: a DATA argument, with both records beside it
    OUT/commitment.json   what was fixed, and time-stamped, before the coins were drawn
    OUT/release.json      what the coins were drawn by, and what was published
    OUT/sealed/           what only audits may see; see `sealed`
    OUT/sealed/originals/ the marked examples before

The key is in none of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import MODALITIES, Dataset, save_examples
from radiotracer.data.modality import nouns
from radiotracer.data.saved import open_saved
from radiotracer.errors import DataError
from radiotracer.files import atomic_folder
from radiotracer.provenance.bound import (
    COMMITMENT_FILE,
    PUBLISHED,
    commitment_of,
    examples_root,
    read_part,
    read_records,
    require_unedited,
    write_records,
)
from radiotracer.provenance.coins import Coins, KeyNonces
from radiotracer.provenance.commitment import Commitment, require_same
from radiotracer.provenance.key import Key
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.protocol import Protocol
from radiotracer.provenance.randomness import Randomness
from radiotracer.provenance.record import Record
from radiotracer.provenance.sealed import (
    PROTOCOL_FILE,
    SEALED,
    read_sealed,
    sealed_errors,
    write_sealed,
)
from radiotracer.views import Shown

ORIGINALS = "sealed/originals"
"""A folder with the files of the examples' modality."""

SHOWN = "published"
"""The manifest's column that says which of the marked examples are published, if not all are."""

MADE_BY = "`radiotracer mark`"


@dataclass(frozen=True, eq=False)
class Release(Shown):
    """A marked data set and its secrets, but for the key.

    Args:
        published: All examples as published.
        chosen: The k examples that are marked, before.
        rows: Which of the data before these are, ascending, int64, shape (k,).
        laid: What the coins chose between.
        planted: What they made of it.
        protocol: What was fixed.
        commitment: To all that was fixed before the coins were drawn, and to the key.
        record: What they were drawn by, and what was published.
        digests: Of the published examples when they were marked, shape (n,).
        has_originals: Whether `chosen` are the examples before; of a bundle that does not open
            them, they are as they were published.
    """

    published: Dataset
    chosen: Dataset
    rows: NDArray[np.int64]
    laid: Laid
    planted: Planted
    protocol: Protocol
    commitment: Commitment
    record: Record
    digests: NDArray[np.str_]
    has_originals: bool = True

    @classmethod
    def make(cls, prepared: Prepared, planted: Planted, randomness: Randomness) -> Release:
        """Put what the coins made into the data, and record it.

        Args:
            prepared: What was committed to.
            planted: What to publish in place of the chosen examples.
            randomness: What the coins were drawn by.
        """
        data, rows, shown = prepared.data, prepared.rows, planted.shown
        if shown is None:
            published = data.with_content(rows, planted.content)
        else:
            stays = np.ones(len(data), dtype=np.bool_)
            stays[rows[~shown]] = False
            published = data.with_content(rows[shown], planted.content).take(stays)
        root = examples_root(published, published.digests)
        return cls(
            published=published,
            chosen=prepared.chosen,
            rows=rows,
            laid=prepared.laid,
            planted=planted,
            protocol=prepared.protocol,
            commitment=prepared.commitment,
            record=Record.of(prepared.commitment.digest, randomness, root),
            digests=published.digests,
        )

    @property
    def originals(self) -> Any:
        """The marked examples before, in the form of their modality; None: they are not opened."""
        return self.chosen.content if self.has_originals else None

    @property
    def ids(self) -> NDArray[np.str_]:
        """Ids of the marked examples, shape (k,)."""
        return self.chosen.ids

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the marked examples, shape (k,)."""
        return self.chosen.labels

    @property
    def places(self) -> NDArray[np.int64]:
        """Where among the published examples the marked ones are, ascending, shape (k,) or less.

        Those that are withheld are nowhere.
        """
        return places_of(self.rows, self.planted.shown)

    def coins(self, key: Key) -> Coins:
        """What `key` draws in this release."""
        return Coins(KeyNonces(key), self.record.randomness.bytes)

    def __repr__(self) -> str:
        """What may be told: nothing that is sealed."""
        whole = nouns(self.published.modality, len(self.published))
        return (
            f"Release({len(self.places):,} of {whole} marked by {self.protocol.design}, commitment "
            f"{self.commitment.digest[:12]})"
        )

    def opened(self, key: Key) -> Opened:
        """This release as what audits take, once all of it and the key are what was committed to.

        Raises:
            InputError: They are not; the text names the key, the parts, or the edited examples.
            DataError: It was published otherwise than its record says.
        """
        require_unedited(self.published, self.digests)
        require_same(
            self.commitment,
            commitment_of(
                key,
                self.protocol,
                self.laid,
                self.rows,
                self.originals,
                self.published.modality,
            ),
        )
        now = Record.of(
            self.commitment.digest,
            self.record.randomness,
            examples_root(self.published, self.digests),
        )
        if now != self.record:
            raise DataError(
                expected=f"what release record {self.record.digest[:8]} says",
                came="another commitment"
                if self.record.commitment != self.commitment.digest
                else "other published data",
                do="restore what was published",
            )
        return Opened(self, self.coins(key), key)

    def write(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write all of it into a new folder, whole or not at all.

        Args:
            folder: The folder to make.
            overwrite: Replace an earlier release.

        Raises:
            InputError: The folder exists and must not be replaced.
            StorageError: The disk refused.
        """
        with atomic_folder(Path(folder), marker=COMMITMENT_FILE, overwrite=overwrite) as made:
            (made / PUBLISHED).mkdir()
            (made / SEALED).mkdir(mode=0o700)
            about = {"commitment": self.commitment.digest, "record": self.record.digest}
            save_examples(self.published, made / PUBLISHED, provenance=about)
            (made / ORIGINALS).mkdir()
            self.chosen.modality.save(self.chosen, made / ORIGINALS)
            shown = self.planted.shown
            digests = np.frombuffer(bytes.fromhex("".join(self.digests)), dtype=np.uint8)
            write_sealed(
                made,
                self.protocol,
                self.laid,
                self.chosen,
                self.rows,
                {**self.planted.columns, **({} if shown is None else {SHOWN: shown})},
                {"published_digests": digests.reshape(-1, 32)},
            )
            write_records(made, self.commitment, self.record)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Release:
        """Read what `write` wrote; whether it is what was committed to is for the key to say.

        Raises:
            InputError: `folder` is no marked release, or of a kind of examples that nobody knows.
            DataError: A part is missing, damaged, or does not belong to the others.
        """
        folder = Path(folder)
        commitment, record = read_records(folder, MADE_BY)
        protocol = read_part(Protocol, folder / PROTOCOL_FILE, MADE_BY)
        modality = MODALITIES[protocol.modality]
        published = open_saved(folder / PUBLISHED)
        with sealed_errors(folder):
            found = read_sealed(folder, protocol, published.modality)
            rows, originals = found.rows, modality.load(folder / ORIGINALS)
            if modality.length(originals) != len(rows):
                raise ValueError(f"{len(rows)} marked, {modality.length(originals)} originals")
            digests = np.array([each.tobytes().hex() for each in found.arrays["published_digests"]])
            if digests.shape != published.ids.shape:
                raise ValueError(f"{len(published)} published examples, {len(digests)} digests")
            shown = found.columns.pop(SHOWN, None)
            places = places_of(rows, shown)
            marked = published.take(places)
            require_published(found.ids, found.labels, marked, shown)
            chosen = replace(
                published, content=originals, labels=found.labels, ids=found.ids, originals=None
            )
            planted = Planted(marked.content, found.columns, shown)
            laid = found.laid
            return cls(
                published, chosen, rows, laid, planted, protocol, commitment, record, digests
            )


def places_of(rows: NDArray[np.int64], shown: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Where rows of the data before are among those that are published; see `Release.places`."""
    if shown is None:
        return rows
    return np.asarray((rows - np.cumsum(~shown))[shown], dtype=np.int64)


def require_published(
    ids: NDArray[np.str_],
    labels: NDArray[np.int64],
    published: Dataset,
    shown: NDArray[np.bool_] | None,
) -> None:
    """Raise `ValueError` unless marked examples have the ids and labels that were published.

    The record binds those. Labels of withheld examples are bound by their design.

    Args:
        ids: Of the marked examples, shape (k,).
        labels: Theirs, shape (k,).
        published: Those of them that are published.
        shown: Which these are, shape (k,); None: all.
    """
    some = slice(None) if shown is None else shown
    for one, other in ((ids, published.ids), (labels, published.labels)):
        if not np.array_equal(one[some], other):
            raise ValueError("the manifest speaks of other examples")


@dataclass(frozen=True, eq=False)
class Opened:
    """A release whose commitment was opened: `Release.opened` and `open_marked` make them.

    Args:
        release: All of it is what was committed to.
        coins: What was drawn.
        key: The one that opened it; None: a bundle was opened, without it.
        folder: Where it was read, and where the ledger of its audits lies; None: in memory alone.
    """

    release: Release
    coins: Coins
    key: Key | None = None
    folder: Path | None = None

    def __repr__(self) -> str:
        """What may be told."""
        return f"Opened({self.release!r}, {self.key or 'no key'!r})"


def open_marked(folder: str | os.PathLike[str], key: Key) -> Opened:
    """Read a marked release and open its commitment: once for everything that an audit does.

    Raises:
        InputError: `folder` is no marked release, or this is not what was committed to.
        DataError: A part is missing, damaged, or does not belong to the others.
    """
    return replace(Release.read(folder).opened(key), folder=Path(folder))
