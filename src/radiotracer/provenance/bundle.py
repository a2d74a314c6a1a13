"""A bundle: what an audit stood on, opened, so that it can be checked without the key.

    OUT/bundle.json         both records, the protocol, the nonces, and the salts that were opened
    OUT/arrays.npz          what was laid down before the coins, as far as the test uses it
    OUT/published/          the marked examples as they were published, a DATA argument
    OUT/originals/          the same before, where the test asks about them
    OUT/extractor.safetensors   the marking network, where the test needs it
    OUT/held-out/           unmarked examples that the test used, a DATA argument
    OUT/evidence.json ...   the audit: its evidence, its answers, those of references
    OUT/commitment.*        the time stamps of the commitment, where there are some

A salt opens one part of the commitment and no other; a nonce opens one coin. What is not here stays
hidden: the key, and originals, unmarked examples and networks that the test did not use. What is
here is burnt: whoever has it knows which version of every marked example is which, or along which
direction, so that no later audit of the release by the same coins means anything of a model whose
maker may have seen it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from radiotracer.data import MODALITIES, Dataset, save_examples
from radiotracer.data.modality import each_hash
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.data.saved import open_saved
from radiotracer.errors import DataError, InputError
from radiotracer.files import atomic_file, atomic_folder, write_text
from radiotracer.provenance.audit import design_of
from radiotracer.provenance.bound import (
    entry_of,
    read_part,
    row_digests,
    weights_bytes,
    weights_digest,
)
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.coins import Coins, KeyNonces, OpenedNonces, nonce_digests
from radiotracer.provenance.commitment import Commitment, Digest, content_of, salt_of, salted
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence
from radiotracer.provenance.held_out import held_out_of
from radiotracer.provenance.merkle import inclusion_proof, is_included, merkle_root
from radiotracer.provenance.page import REPORT_FILE
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.protocol import Protocol
from radiotracer.provenance.record import Record
from radiotracer.provenance.release import Opened, Release, places_of, require_published
from radiotracer.provenance.times import copy_stamps

BUNDLE_FILE = "bundle.json"
ARRAYS = "arrays.npz"
PUBLISHED = "published"
ORIGINALS = "originals"
EXTRACTOR = "extractor.safetensors"
HELD_OUT = "held-out"
MADE_BY = "`radiotracer disclose`"


class Bundle(BaseModel):
    """What ``bundle.json`` says.

    Args:
        commitment: As it was published.
        record: As it was published.
        protocol: What was fixed.
        salts: Of each part that is opened, 64 hexadecimal digits.
        rows: Which of the data before are marked.
        shown: Which of these are published; None: all.
        coins: The names of all coins.
        nonces: Of each coin.
        paths: Of each marked example, what shows that it was published: see `merkle`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer bundle"] = "radiotracer bundle"
    schema_version: Literal[1] = 1
    commitment: Commitment
    record: Record
    protocol: Protocol
    salts: dict[str, Digest]
    rows: tuple[int, ...]
    shown: tuple[bool, ...] | None = None
    coins: tuple[str, ...]
    nonces: tuple[Digest, ...]
    paths: tuple[tuple[Digest, ...], ...]


def disclose(
    opened: Opened,
    audit: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    held_out: Dataset | str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Write the bundle of an audit into a new folder.

    Args:
        opened: The release, with its key.
        audit: The folder that `run_audit` wrote.
        out: The folder to make.
        held_out: The held-out data that the test used, or where they lie now; None: where they
            were.
        overwrite: Replace an earlier bundle.

    Raises:
        InputError: The evidence is of another release, or the held-out data are not those of then.
    """
    release, key = opened.release, opened.key
    evidence, audit = Evidence.read(audit), Path(audit)
    design = design_of(release)
    if key is None or evidence.record != release.record.digest:
        raise InputError(
            expected=f"an audit of the release with record {release.record.digest[:12]}",
            came=f"one of {evidence.record[:12]}",
            do="pass the audit and the marked folder that belong together",
        )
    unmarked = held_out_of(evidence, release, held_out)
    extractor = release.laid.extractor
    originals = evidence.access in design.shows_originals
    parts = ["protocol", "root/rows", "root/coins", *_laid(release.laid)]
    parts += ["root/originals"] * originals + ["extractor"] * (extractor is not None)
    leaves = [
        entry_of(digest, label, name)
        for digest, label, name in zip(
            release.digests, release.published.labels, release.published.ids, strict=True
        )
    ]
    bundle = Bundle(
        commitment=release.commitment,
        record=release.record,
        protocol=release.protocol,
        salts={part: salt_of(key, part).hex() for part in parts},
        rows=tuple(release.rows.tolist()),
        shown=None if release.planted.shown is None else tuple(release.planted.shown.tolist()),
        coins=release.laid.coins,
        nonces=tuple(each.hex() for each in KeyNonces(key).of(release.laid.coins)),
        paths=tuple(inclusion_proof(leaves, row) for row in release.places.tolist()),
    )
    with atomic_folder(Path(out), marker=BUNDLE_FILE, overwrite=overwrite) as made:
        marked = release.published.take(release.places)
        (made / PUBLISHED).mkdir()
        save_examples(marked, made / PUBLISHED)
        with atomic_file(made / ARRAYS) as temporary:
            write_npz(temporary, dict(release.laid.arrays))
        if originals:
            (made / ORIGINALS).mkdir()
            save_examples(release.chosen, made / ORIGINALS)
        if extractor is not None:
            with atomic_file(made / EXTRACTOR) as temporary:
                temporary.write_bytes(weights_bytes(extractor))
        if unmarked is not None:
            (made / HELD_OUT).mkdir()
            save_examples(unmarked, made / HELD_OUT)
        for file in sorted(audit.iterdir()):
            if file.name in {EVIDENCE_FILE, REPORT_FILE} or file.suffix == ".jsonl":
                shutil.copyfile(file, made / file.name)
        if opened.folder is not None:
            copy_stamps(opened.folder, made)
        write_text(made / BUNDLE_FILE, bundle.model_dump_json(indent=1) + "\n")
    return bundle


def open_bundle(folder: str | os.PathLike[str]) -> Opened:
    """Read a bundle, and hold all of it against the two records.

    Returns:
        The release as far as it was opened: its published examples are the marked ones alone.

    Raises:
        InputError: `folder` is no bundle.
        DataError: Something in it is not what was committed to, recorded, or published.
    """
    folder = Path(folder)
    bundle = read_part(Bundle, folder / BUNDLE_FILE, MADE_BY)
    protocol, record = bundle.protocol, bundle.record
    modality = MODALITIES[protocol.modality]
    published = open_saved(folder / PUBLISHED)
    arrays = read_arrays(folder / ARRAYS)
    weights = _extractor(folder) if protocol.extractor is not None else None
    laid = Laid(bundle.coins, arrays, weights)
    rows = np.array(bundle.rows, dtype=np.int64)
    shown = None if bundle.shown is None else np.array(bundle.shown, dtype=np.bool_)
    hidden = 0 if shown is None else int((~shown).sum())
    if not len(published) + hidden == len(rows) == len(bundle.paths) + hidden == protocol.marked:
        raise _other("marked examples", f"{len(published)} of {protocol.marked}")
    if len(set(bundle.coins)) != len(bundle.coins) or len(bundle.coins) != len(bundle.nonces):
        raise _other("coins, each once", "some twice, or without a nonce")
    nonces = OpenedNonces(
        {n: bytes.fromhex(it) for n, it in zip(bundle.coins, bundle.nonces, strict=True)}
    )
    contents = {
        "protocol": content_of(protocol.model_dump(mode="json")),
        "root/rows": _root(row_digests(rows)),
        "root/coins": _root(nonce_digests(nonces, bundle.coins)),
        **{f"root/laid/{name}": _root(row_digests(array)) for name, array in arrays.items()},
    }
    if weights is not None:
        contents["extractor"] = bytes.fromhex(weights_digest(weights))
    chosen = published
    if (folder / ORIGINALS).is_dir():
        chosen = open_saved(folder / ORIGINALS)
        contents["root/originals"] = _root(each_hash(modality.hashes(chosen.content)))
    if len(chosen) != len(rows):
        raise _other("marked examples before", f"{len(chosen)} of {len(rows)}")
    try:
        require_published(chosen.ids, chosen.labels, published, shown)
    except ValueError as error:
        raise _other("marked examples before", "others than were published") from error
    for part, content in contents.items():
        salt = bytes.fromhex(bundle.salts.get(part, ""))
        if salted(salt, content) != bundle.commitment.parts.get(part):
            raise _other(f"{part} that was committed to", "another one")
    if record.commitment != bundle.commitment.digest:
        raise _other("record of this commitment", f"one of {record.commitment[:12]}")
    entries = zip(published.digests, published.labels, published.ids, strict=True)
    places = places_of(rows, shown).tolist()
    for row, path, (digest, label, name) in zip(places, bundle.paths, entries, strict=True):
        leaf = entry_of(digest, label, name)
        if not is_included(leaf, row, protocol.examples - hidden, path, record.published):
            raise _other("published examples", f"{str(name)[:60]}, which was not published so")
    release = Release(
        published=published,
        chosen=chosen,
        rows=np.arange(len(rows)),
        laid=laid,
        planted=Planted(published.content, {}, shown),
        protocol=protocol,
        commitment=bundle.commitment,
        record=record,
        digests=published.digests,
        has_originals=(folder / ORIGINALS).is_dir(),
    )
    return Opened(release, Coins(nonces, record.randomness.bytes))


def held_out_in(folder: Path, evidence: Evidence, release: Release) -> Dataset | None:
    """The unmarked examples of a bundle; None where its test used none.

    Raises:
        DataError: They are damaged, or not there.
        InputError: They are others than those of the evidence.
    """
    if evidence.held_out is None:
        return None
    return held_out_of(evidence, release, open_saved(folder / HELD_OUT))


def opens_too(folder: Path) -> Checked:
    """Whether a second bundle of a release opens: two that open differently cannot both.

    Raises:
        InputError: `folder` is no bundle.
    """
    try:
        digest = open_bundle(folder).release.commitment.digest
    except DataError as error:
        return Checked("other bundle", False, f"not the {error.expected}: {error.came}")
    return Checked("other bundle", True, f"opens {digest[:12]} without the key")


def is_bundle(folder: str | os.PathLike[str]) -> bool:
    """Whether the folder is a bundle, and not an audit."""
    return (Path(folder) / BUNDLE_FILE).is_file()


def _laid(laid: Laid) -> list[str]:
    return [f"root/laid/{name}" for name in laid.arrays]


def _extractor(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / EXTRACTOR)
    except (OSError, SafetensorError) as error:
        raise _other(f"marking network in {EXTRACTOR}", "none that can be read") from error


def _root(digests: Any) -> bytes:
    return bytes.fromhex(merkle_root(digests))


def _other(expected: str, came: str) -> DataError:
    return DataError(
        expected=f"a bundle with the {expected}",
        came=came,
        do="do not rely on it; ask its author for the bundle as it was written",
    )
