"""A marked release: what is published, what stays sealed, and the commitment that binds both.

    OUT/release/          the data to publish: a DATA argument, with the commitment beside it
    OUT/commitment.json   what to have time-stamped before that
    OUT/sealed/           what only audits may see: originals, arrays, manifest, protocol, extractor

The key is in none of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from radiotracer.data import MODALITIES, Dataset, save_examples
from radiotracer.data.modality import nouns
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.data.saved import open_saved
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, atomic_folder
from radiotracer.provenance.bound import (
    COMMITMENT_FILE,
    PROTOCOL_FILE,
    PUBLISHED,
    read_commitment,
    read_part,
    require_unedited,
    roots_of,
    weights_bytes,
    weights_digest,
    write_bound,
)
from radiotracer.provenance.commitment import Commitment, commit, require_opens
from radiotracer.provenance.key import Key
from radiotracer.provenance.protocol import Protocol
from radiotracer.views import Shown

__all__ = [
    "ARRAYS",
    "COMMITMENT_FILE",
    "EXTRACTOR",
    "MANIFEST",
    "ORIGINALS",
    "PROTOCOL_FILE",
    "PUBLISHED",
    "Opened",
    "Planted",
    "Release",
    "open_marked",
]

MANIFEST = "sealed/manifest.parquet"
ARRAYS = "sealed/arrays.npz"
EXTRACTOR = "sealed/extractor.safetensors"
ORIGINALS = "sealed/originals"
"""A folder with the files of the examples' modality."""

MADE_BY = "`radiotracer mark`"

_FROM_ANY_FILE = (OSError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, eq=False)
class Planted:
    """What a design made of the chosen examples; row ``i`` of every column is the same example.

    Args:
        content: What to publish in their place: k examples, in the form of their modality.
        columns: Numbers for the manifest by name, such as ``psnr``, each of shape (k,).
        arrays: What else an audit needs, by name; any shapes, first axis first; texts in arrays of
            fixed width.
        extractor: The marking network's weights by name, where audits need it; else None.
    """

    content: Any
    columns: Mapping[str, NDArray[Any]]
    arrays: Mapping[str, NDArray[Any]]
    extractor: Mapping[str, Tensor] | None = None

    def __repr__(self) -> str:
        """Names alone: the rest is sealed."""
        return f"Planted(columns: {', '.join(self.columns)}; arrays: {', '.join(self.arrays)})"


@dataclass(frozen=True, eq=False)
class Release(Shown):
    """A marked data set and its secrets, but for the key.

    Args:
        published: All n examples as published.
        rows: Which of them are marked, ascending, int64, shape (k,).
        originals: These examples before: k of them, in the form of their modality.
        planted: What was made of them.
        protocol: What was fixed.
        commitment: To all of this, and to the key.
        digests: Of the published examples when they were marked, shape (n,).
    """

    published: Dataset
    rows: NDArray[np.int64]
    originals: Any
    planted: Planted
    protocol: Protocol
    commitment: Commitment
    digests: NDArray[np.str_]

    @classmethod
    def make(
        cls,
        examples: Dataset,
        rows: NDArray[np.int64],
        planted: Planted,
        protocol: Protocol,
        key: Key,
    ) -> Release:
        """Put the planted examples into the data, and commit to the whole of it.

        Args:
            examples: The data before.
            rows: Which were marked, ascending.
            planted: What to publish in their place.
            protocol: How it will be audited.
            key: The secret.
        """
        published = examples.with_content(rows, planted.content)
        originals = examples.modality.take(examples.content, rows)
        roots = roots_of(published, published.digests, rows, originals, planted.arrays)
        return cls(
            published=published,
            rows=rows,
            originals=originals,
            planted=planted,
            protocol=protocol,
            commitment=commit(
                key, protocol.model_dump(mode="json"), weights_digest(planted.extractor), roots
            ),
            digests=published.digests,
        )

    @property
    def ids(self) -> NDArray[np.str_]:
        """Ids of the marked examples, shape (k,)."""
        return self.published.ids[self.rows]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the marked examples, shape (k,)."""
        return self.published.labels[self.rows]

    def __repr__(self) -> str:
        """What may be told: nothing that is sealed."""
        whole = nouns(self.published.modality, len(self.published))
        return (
            f"Release({len(self.rows):,} of {whole} marked by {self.protocol.design}, commitment "
            f"{self.commitment.digest[:12]})"
        )

    def opened(self, key: Key) -> Opened:
        """This release as what audits take, once all of it and the key are what was committed to.

        Raises:
            InputError: They are not; the text names the key, the parts, or the edited examples.
        """
        require_unedited(self.published, self.digests)
        require_opens(
            self.commitment,
            key,
            self.protocol.model_dump(mode="json"),
            weights_digest(self.planted.extractor),
            roots_of(self.published, self.digests, self.rows, self.originals, self.planted.arrays),
        )
        return Opened(self, key)

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
            (made / "sealed").mkdir(mode=0o700)
            about = {"commitment": self.commitment.digest}
            save_examples(self.published, made / PUBLISHED, provenance=about)
            (made / ORIGINALS).mkdir()
            originals = replace(self.published.take(self.rows), content=self.originals)
            self.published.modality.save(originals, made / ORIGINALS)
            manifest = {
                "id": self.ids.tolist(),
                "row": self.rows,
                "label": self.labels,
                **self.planted.columns,
            }
            with atomic_file(made / MANIFEST) as temporary:
                pq.write_table(pa.table(manifest), temporary, compression="zstd")
            digests = np.frombuffer(bytes.fromhex("".join(self.digests)), dtype=np.uint8)
            with atomic_file(made / ARRAYS) as temporary:
                write_npz(
                    temporary,
                    {
                        "published_digests": digests.reshape(-1, 32),
                        **{f"planted/{name}": it for name, it in self.planted.arrays.items()},
                    },
                )
            if self.planted.extractor is not None:
                with atomic_file(made / EXTRACTOR) as temporary:
                    temporary.write_bytes(weights_bytes(self.planted.extractor))
            write_bound(made, self.protocol, self.commitment)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Release:
        """Read what `write` wrote; whether it is what was committed to is for the key to say.

        Raises:
            InputError: `folder` is no marked release, or of a kind of examples that nobody knows.
            DataError: A part is missing, damaged, or does not belong to the others.
        """
        folder = Path(folder)
        commitment = read_commitment(folder, MADE_BY)
        protocol = read_part(Protocol, folder / PROTOCOL_FILE, MADE_BY)
        modality = MODALITIES[protocol.modality]
        published = open_saved(folder / PUBLISHED)
        arrays = read_arrays(folder / ARRAYS)
        try:
            if published.modality is not modality:
                raise ValueError(f"a protocol of {modality.name}")
            with (folder / MANIFEST).open("rb") as stream:
                table = pq.ParquetFile(stream).read()
            columns = {name: table[name].to_numpy() for name in table.column_names}
            if any(array.ndim == 0 for array in arrays.values()):
                raise ValueError(f"a single number in {ARRAYS}")
            ids, rows = columns.pop("id").astype(str), columns.pop("row").astype(np.int64)
            columns.pop("label")
            if not np.array_equal(published.ids[rows], ids):
                raise ValueError("the manifest speaks of other examples")
            originals = modality.load(folder / ORIGINALS)
            if modality.length(originals) != len(rows):
                raise ValueError(f"{len(rows)} marked, {modality.length(originals)} originals")
            digests = np.array([each.tobytes().hex() for each in arrays.pop("published_digests")])
            if digests.shape != published.ids.shape:
                raise ValueError(f"{len(published)} published examples, {len(digests)} digests")
            planted = Planted(
                content=modality.take(published.content, rows),
                columns=columns,
                arrays={
                    name.removeprefix("planted/"): array
                    for name, array in arrays.items()
                    if name.startswith("planted/")
                },
                extractor=None if protocol.extractor is None else load_file(folder / EXTRACTOR),
            )
            return cls(published, rows, originals, planted, protocol, commitment, digests)
        except (*_FROM_ANY_FILE, pa.ArrowException, SafetensorError, DataError) as error:
            raise DataError(
                expected=f"the sealed half of a release in {folder / 'sealed'}",
                came=re.sub(r"\s+", " ", str(error))[:200],
                do="restore it; without it there is nothing to audit with",
            ) from error


@dataclass(frozen=True, eq=False)
class Opened:
    """A release whose commitment was opened: `Release.opened` and `open_marked` make them.

    Args:
        release: All of it is what was committed to.
        key: The one that opened it.
        folder: Where it was read, and where the ledger of its audits lies; None: in memory alone.
    """

    release: Release
    key: Key
    folder: Path | None = None

    def __repr__(self) -> str:
        """What may be told."""
        return f"Opened({self.release!r}, {self.key!r})"


def open_marked(folder: str | os.PathLike[str], key: Key) -> Opened:
    """Read a marked release and open its commitment: once for everything that an audit does.

    Raises:
        InputError: `folder` is no marked release, or this is not what was committed to.
        DataError: A part is missing, damaged, or does not belong to the others.
    """
    return Opened(Release.read(folder).opened(key).release, key, Path(folder))
