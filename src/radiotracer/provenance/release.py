"""A marked release: what is published, what stays sealed, and the commitment that binds both.

    OUT/release/          the data to publish: a DATA argument, with the commitment beside it
    OUT/commitment.json   what to have time-stamped before that
    OUT/sealed/           what only audits may see: originals, twins, manifest, protocol, extractor

The key is in none of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from radiotracer.data import Dataset, Images, open_data, save_examples
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError, InputError
from radiotracer.files import atomic_file
from radiotracer.provenance.bound import (
    COMMITMENT_FILE,
    PROTOCOL_FILE,
    PUBLISHED,
    examples_root,
    is_of_texts,
    read_commitment,
    read_part,
    require_unedited,
    write_bound,
)
from radiotracer.provenance.commitment import Commitment, commit, require_opens
from radiotracer.provenance.key import Key
from radiotracer.provenance.merkle import merkle_root
from radiotracer.provenance.protocol import Protocol
from radiotracer.views import Shown

__all__ = [
    "ARRAYS",
    "COMMITMENT_FILE",
    "EXTRACTOR",
    "MANIFEST",
    "PROTOCOL_FILE",
    "PUBLISHED",
    "Planted",
    "Release",
]

MANIFEST = "sealed/manifest.parquet"
ARRAYS = "sealed/arrays.npz"
EXTRACTOR = "sealed/extractor.safetensors"

MADE_BY = "`radiotracer mark`"

_FROM_ANY_FILE = (OSError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, eq=False)
class Planted:
    """What a design made of the chosen images; row ``i`` of every column is the same image.

    Args:
        content: What to publish in their place, k examples.
        columns: Numbers for the manifest by name, such as ``psnr``, each of shape (k,).
        arrays: What else an audit needs, by name; any shapes, first axis first.
    """

    content: Any
    columns: Mapping[str, NDArray[Any]]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Release(Shown):
    """A marked data set and its secrets, but for the key.

    Args:
        published: All n examples as published.
        rows: Which of them are marked, ascending, int64, shape (k,).
        originals: These images before, uint8, shape (k, h, w, c).
        planted: What was made of them.
        protocol: What was fixed.
        extractor: The marking network's weights by name, where audits need it; else None.
        commitment: To all of this, and to the key.
        digests: Of the published images when they were marked, shape (n,).
    """

    published: Dataset
    rows: NDArray[np.int64]
    originals: Images
    planted: Planted
    protocol: Protocol
    extractor: Mapping[str, Tensor] | None
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
        *,
        extractor: Mapping[str, Tensor] | None = None,
    ) -> Release:
        """Put the planted images into the data, and commit to the whole of it.

        Args:
            examples: The data before.
            rows: Which were marked, ascending.
            planted: What to publish in their place.
            protocol: How it will be audited.
            key: The secret.
            extractor: The marking network's weights, where audits need it.
        """
        images = examples.content.copy()
        images[rows] = planted.content
        published = dataclasses.replace(examples, content=images)
        originals = examples.content[rows]
        roots = _roots(published, published.digests, rows, originals, planted)
        return cls(
            published=published,
            rows=rows,
            originals=originals,
            planted=planted,
            protocol=protocol,
            extractor=extractor,
            commitment=commit(
                key, protocol.model_dump(mode="json"), _weights_digest(extractor), roots
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

    def require_committed(self, key: Key) -> None:
        """Raise unless all of this, with this key, is what was committed to.

        Raises:
            InputError: It is not; the text names the key, the parts, or the edited examples.
        """
        require_unedited(self.published, self.digests, "images")
        require_opens(
            self.commitment,
            key,
            self.protocol.model_dump(mode="json"),
            _weights_digest(self.extractor),
            _roots(self.published, self.digests, self.rows, self.originals, self.planted),
        )

    def write(self, folder: Path) -> None:
        """Write all of it into an existing, empty folder.

        Raises:
            StorageError: The disk refused.
        """
        (folder / PUBLISHED).mkdir()
        (folder / "sealed").mkdir(mode=0o700)
        about = {"commitment": self.commitment.digest}
        save_examples(self.published, folder / PUBLISHED, provenance=about)
        manifest = {
            "id": self.ids,
            "row": self.rows,
            "label": self.labels,
            **self.planted.columns,
        }
        with atomic_file(folder / MANIFEST) as temporary:
            pq.write_table(pa.table(manifest), temporary, compression="zstd")
        digests = np.frombuffer(bytes.fromhex("".join(self.digests)), dtype=np.uint8)
        with atomic_file(folder / ARRAYS) as temporary:
            write_npz(
                temporary,
                {
                    "published_digests": digests.reshape(-1, 32),
                    "originals": self.originals,
                    **{f"planted/{name}": array for name, array in self.planted.arrays.items()},
                },
            )
        if self.extractor is not None:
            with atomic_file(folder / EXTRACTOR) as temporary:
                temporary.write_bytes(_weights_bytes(self.extractor))
        write_bound(folder, self.protocol, self.commitment)

    @classmethod
    def read(cls, folder: Path) -> Release:
        """Read what `write` wrote; whether it is what was committed to is for the key to say.

        Raises:
            InputError: `folder` is no marked release.
            DataError: A part is missing, damaged, or does not belong to the others.
        """
        commitment = read_commitment(folder, MADE_BY)
        if is_of_texts(folder):
            raise InputError(
                expected="a release of marked images",
                came=f"one of texts in {folder}",
                do="audit texts in Python: docs/how-to/audit-texts.md",
            )
        protocol = read_part(Protocol, folder / PROTOCOL_FILE, MADE_BY)
        published = open_data(str(folder / PUBLISHED))
        arrays = read_arrays(folder / ARRAYS)
        try:
            with (folder / MANIFEST).open("rb") as stream:
                table = pq.ParquetFile(stream).read()
            columns = {name: table[name].to_numpy() for name in table.column_names}
            if any(array.ndim == 0 for array in arrays.values()):
                raise ValueError(f"a single number in {ARRAYS}")
            ids, rows = columns.pop("id").astype(str), columns.pop("row").astype(np.int64)
            columns.pop("label")
            if not np.array_equal(published.ids[rows], ids):
                raise ValueError("the manifest speaks of other examples")
            digests = np.array([each.tobytes().hex() for each in arrays.pop("published_digests")])
            if digests.shape != published.ids.shape:
                raise ValueError(f"{len(published)} published examples, {len(digests)} digests")
            planted = {
                name.removeprefix("planted/"): array
                for name, array in arrays.items()
                if name.startswith("planted/")
            }
            return cls(
                published=published,
                rows=rows,
                originals=arrays["originals"],
                planted=Planted(published.content[rows], columns, planted),
                protocol=protocol,
                extractor=None if protocol.extractor is None else load_file(folder / EXTRACTOR),
                commitment=commitment,
                digests=digests,
            )
        except (*_FROM_ANY_FILE, pa.ArrowException, SafetensorError) as error:
            raise DataError(
                expected=f"the sealed half of a release in {folder / 'sealed'}",
                came=re.sub(r"\s+", " ", str(error))[:200],
                do="restore it; without it there is nothing to audit with",
            ) from error


def _roots(
    published: Dataset,
    digests: NDArray[np.str_],
    rows: NDArray[np.int64],
    originals: Images,
    planted: Planted,
) -> dict[str, str]:
    """Merkle roots of everything: one entry per example, or per row of an array.

    The rows too: whoever could say afterwards which image is which could choose its coin.
    """
    return {
        "published": examples_root(published, digests),
        "rows": merkle_root(_row_digests(rows)),
        "originals": merkle_root(_row_digests(originals)),
        **{name: merkle_root(_row_digests(array)) for name, array in planted.arrays.items()},
    }


def _weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    # Cloned: tied weights are written once under each of their names.
    return save(
        {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    )


def _weights_digest(weights: Mapping[str, Tensor] | None) -> str:
    """SHA-256 of the file that the weights are sealed in; of nothing where audits need none."""
    return hashlib.sha256(b"" if weights is None else _weights_bytes(weights)).hexdigest()


def _row_digests(array: NDArray[Any]) -> list[str]:
    header = f"{array.dtype.str}{array.shape[1:]}".encode()
    return [
        hashlib.sha256(header + np.ascontiguousarray(row).tobytes()).hexdigest() for row in array
    ]
