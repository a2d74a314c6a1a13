"""A marked release of texts: what is published, what stays sealed, and the commitment to both.

    OUT/release/          the texts to publish, as `open_data` opens them, and the commitment
    OUT/commitment.json   what to have time-stamped before that
    OUT/sealed/           what only audits may see: originals, canaries, digests, protocol

The key is in none of them, and neither is a coin: whoever has the key tosses them again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels, open_data
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, atomic_folder
from radiotracer.provenance.bound import (
    COMMITMENT_FILE,
    PROTOCOL_FILE,
    PUBLISHED,
    examples_root,
    read_commitment,
    read_part,
    require_unedited,
    write_bound,
)
from radiotracer.provenance.commitment import Commitment, commit, require_opens
from radiotracer.provenance.key import Key
from radiotracer.provenance.merkle import merkle_root
from radiotracer.provenance.protocol import TextProtocol
from radiotracer.provenance.text_twins import TextTwinConfig

TEXTS = f"{PUBLISHED}/texts.parquet"
MANIFEST = "sealed/manifest.parquet"
DIGESTS = "sealed/digests.parquet"

MADE_BY = "`TextRelease.write`"

_NO_EXTRACTOR = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, eq=False)
class TextRelease:
    """A marked collection of texts and its secrets, but for the key.

    Args:
        published: All n texts as published.
        rows: Which of them are marked, ascending, int64, shape (k,).
        originals: These texts before, k of them.
        coins: What the coin of each hangs on, an id, shape (k,); texts of one class may share one.
        canaries: The two canaries of each, of which the coin published one, k pairs.
        protocol: What was fixed.
        commitment: To all of this, and to the key.
        digests: SHA-256 of the published texts when they were marked, shape (n,).
    """

    published: Dataset
    rows: NDArray[np.int64]
    originals: tuple[str, ...]
    coins: NDArray[np.str_]
    canaries: tuple[tuple[str, str], ...]
    protocol: TextProtocol
    commitment: Commitment
    digests: NDArray[np.str_]

    @classmethod
    def make(
        cls,
        published: Dataset,
        rows: NDArray[np.int64],
        *,
        originals: tuple[str, ...],
        coins: NDArray[np.str_],
        canaries: tuple[tuple[str, str], ...],
        protocol: TextProtocol,
        key: Key,
    ) -> TextRelease:
        """Commit to all of it; see the class for what it is."""
        roots = _roots(
            published,
            published.digests,
            rows=rows,
            originals=originals,
            coins=coins,
            canaries=canaries,
        )
        return cls(
            published=published,
            rows=rows,
            originals=originals,
            coins=coins,
            canaries=canaries,
            protocol=protocol,
            commitment=commit(key, protocol.model_dump(mode="json"), _NO_EXTRACTOR, roots),
            digests=published.digests,
        )

    @property
    def ids(self) -> NDArray[np.str_]:
        """Ids of the marked texts, shape (k,)."""
        return self.published.ids[self.rows]

    @property
    def labels(self) -> Labels:
        """Labels of the marked texts, shape (k,)."""
        return self.published.labels[self.rows]

    @property
    def config(self) -> TextTwinConfig:
        """How the twins were made."""
        return TextTwinConfig.model_validate(self.protocol.settings)

    def require_committed(self, key: Key) -> None:
        """Raise unless all of this, with this key, is what was committed to.

        Raises:
            InputError: It is not; the text names the key, the parts, or the edited texts.
        """
        require_unedited(self.published, self.digests, "texts")
        require_opens(
            self.commitment,
            key,
            self.protocol.model_dump(mode="json"),
            _NO_EXTRACTOR,
            _roots(
                self.published,
                self.digests,
                rows=self.rows,
                originals=self.originals,
                coins=self.coins,
                canaries=self.canaries,
            ),
        )

    def write(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write all of it into a new folder, whole or not at all.

        Args:
            folder: The folder to make.
            overwrite: Replace an earlier release.

        Raises:
            InputError: The folder exists and must not be replaced.
            StorageError: The disk refused.
        """
        with atomic_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite) as made:
            (made / PUBLISHED).mkdir()
            (made / "sealed").mkdir(mode=0o700)
            _write_table(made / TEXTS, _as_table(self.published))
            _write_table(made / DIGESTS, pa.table({"sha256": self.digests.tolist()}))
            manifest = {
                "id": self.ids.tolist(),
                "row": self.rows,
                "label": self.labels,
                "original": self.originals,
                "coin": self.coins.tolist(),
                "canary_0": [first for first, _ in self.canaries],
                "canary_1": [second for _, second in self.canaries],
            }
            _write_table(made / MANIFEST, pa.table(manifest))
            write_bound(made, self.protocol, self.commitment)

    @classmethod
    def read(cls, folder: Path) -> TextRelease:
        """Read what `write` wrote; whether it is what was committed to is for the key to say.

        Raises:
            InputError: `folder` is no marked release.
            DataError: A part is missing, damaged, or does not belong to the others.
        """
        commitment = read_commitment(folder, MADE_BY)
        protocol = read_part(TextProtocol, folder / PROTOCOL_FILE, MADE_BY)
        published = open_data(str(folder / PUBLISHED))
        try:
            manifest, digests = (_read_table(folder / name) for name in (MANIFEST, DIGESTS))
            rows = manifest["row"].to_numpy().astype(np.int64)
            if not np.array_equal(published.ids[rows], manifest["id"].to_pylist()):
                raise ValueError("the manifest speaks of other texts")
            if len(digests) != len(published):
                raise ValueError(f"{len(published)} published texts, {len(digests)} digests")
            originals, coins, first, second = (
                _texts_in(manifest, name) for name in ("original", "coin", "canary_0", "canary_1")
            )
            TextTwinConfig.model_validate(protocol.settings)
            return cls(
                published=published,
                rows=rows,
                originals=tuple(originals),
                coins=np.array(coins, dtype=np.str_),
                canaries=tuple(zip(first, second, strict=True)),
                protocol=protocol,
                commitment=commitment,
                digests=np.array(_texts_in(digests, "sha256"), dtype=np.str_),
            )
        except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
            raise DataError(
                expected=f"the sealed half of a release in {folder / 'sealed'}",
                came=re.sub(r"\s+", " ", str(error))[:200],
                do="restore it; without it there is nothing to audit with",
            ) from error


def _roots(
    published: Dataset,
    digests: NDArray[np.str_],
    *,
    rows: NDArray[np.int64],
    originals: Iterable[str],
    coins: NDArray[np.str_],
    canaries: Iterable[tuple[str, str]],
) -> dict[str, str]:
    """Merkle roots of everything, one entry per text: which text has which coin, too."""
    return {
        "published": examples_root(published, digests),
        "rows": _root(map(str, rows.tolist())),
        "originals": _root(originals),
        "coins": _root(coins.tolist()),
        "canaries": _root("\n".join(each) for each in canaries),
    }


def _root(texts: Iterable[str]) -> str:
    return merkle_root(hashlib.sha256(each.encode()).hexdigest() for each in texts)


def _as_table(texts: Dataset) -> pa.Table:
    """A table that `open_data` and Hugging Face's data sets read with names of the classes."""
    features = {
        "id": {"dtype": "string", "_type": "Value"},
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": list(texts.class_names), "_type": "ClassLabel"},
    }
    about = json.dumps({"info": {"features": features}})
    table = pa.table({"id": texts.ids.tolist(), "text": texts.content, "label": texts.labels})
    return table.replace_schema_metadata({"huggingface": about})


def _write_table(path: Path, table: pa.Table) -> None:
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _read_table(path: Path) -> pa.Table:
    with path.open("rb") as stream:
        return pq.ParquetFile(stream).read()


def _texts_in(table: pa.Table, name: str) -> list[str]:
    found: list[str] = table[name].to_pylist()
    if not all(isinstance(each, str) for each in found):
        raise ValueError(f"something else than texts in the column {name}")
    return found
