"""Audit a suspect of texts and keep what came: evidence and answers, and the look in the ledger.

OUT/evidence.json     what was found and what it supports
OUT/answers.parquet   every answer of the suspect; it gives coins away: it stays sealed
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data import TEXTS
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, atomic_folder, require_new_folder, sha256_file
from radiotracer.provenance import Key
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence, as_asked, conclude
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.ledger import Look, add_look, adjusted
from radiotracer.provenance.models import Access, Suspect, answered_suspect
from radiotracer.provenance.models.protocol import Labels, Scores
from radiotracer.provenance.text_release import TextRelease
from radiotracer.provenance.text_twin_test import audit_texts, best_text_access, texts_asked

ANSWERS_FILE = "answers.parquet"


def conduct_texts(
    marked: Path,
    release: TextRelease,
    key: Key,
    suspect: Suspect,
    out: Path,
    *,
    access: Access | None = None,
    overwrite: bool = False,
) -> Evidence:
    """Audit, write the look into the ledger of the release, then the folder; whole or not at all.

    Args:
        marked: The folder of the release.
        release: What was read from it.
        key: Its key.
        suspect: Who is asked.
        out: The folder to write.
        access: Scores or labels; None is the more telling one that it gives.
        overwrite: Replace an earlier audit in `out`.

    Raises:
        InputError: `out` is there, or as for `audit_texts`; then there is no folder and no line in
            the ledger.
        DataError: The ledger is damaged.
        StorageError: The disk refused.
    """
    require_new_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite)
    release.require_committed(key)
    access = access or best_text_access(suspect)
    questions = texts_asked(release, access)
    answers = suspect.labels(questions) if access == "labels" else suspect.scores(questions)
    losses = suspect.answers == "losses"
    recorded = _recorded(questions, answers, suspect.name, access, losses=losses)
    finding = audit_texts(release, key, recorded, access)
    present = Look(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("radiotracer"),
        name=suspect.name,
        suspect=dict(suspect.identity),
        access=access,
        log10_p=finding.log10_p,
    )
    with atomic_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite) as folder:
        (folder / ANSWERS_FILE).touch(mode=0o600)
        digests = [hashlib.sha256(each.encode()).hexdigest() for each in questions]
        table = pa.table({"text_sha256": digests, "answer": answers.tolist()})
        with atomic_file(folder / ANSWERS_FILE) as temporary:
            temporary.touch(mode=0o600)
            pq.write_table(table, temporary, compression="zstd")
        # Before anything of the result is shown: a look that is not in the ledger never was.
        looks = add_look(marked, present).looks
        after_holm = adjusted(looks, present)
        if after_holm is None:
            raise AssertionError(present)
        evidence = conclude(
            finding,
            release,
            key,
            adjusted=after_holm,
            looks=looks,
            suspect=as_asked(
                suspect.name, suspect.identity, len(questions), sha256_file(folder / ANSWERS_FILE)
            ),
            references=(),
            held_out=None,
            created=present.time,
            version=present.version,
        )
        evidence.write(folder)
    return evidence


def again(folder: Path, release: TextRelease, key: Key) -> Finding:
    """The test of an audit once more, from its recorded answers.

    Args:
        folder: What `conduct_texts` wrote.
        release: Of that audit.
        key: Its key.

    Raises:
        InputError: The commitment does not open, or there is no evidence.
        DataError: The answers are not those of the evidence.
    """
    evidence, path = Evidence.read(folder), folder / ANSWERS_FILE
    came = sha256_file(path) if path.is_file() else None
    if came != evidence.suspect.log_sha256:
        raise DataError(
            expected=f"the answers of {evidence.suspect.name} in {path}",
            came="none" if came is None else f"others, SHA-256 {came[:12]}",
            do="restore the audit's folder",
        )
    questions = texts_asked(release, evidence.access)
    table = pq.read_table(path)
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in questions]
    if table["text_sha256"].to_pylist() != digests:
        raise DataError(
            expected="answers to what an audit of this release asks",
            came="answers to other texts",
            do="pass the release that was audited",
        )
    recorded = _recorded(
        questions,
        np.array(table["answer"].to_pylist()),
        evidence.suspect.name,
        evidence.access,
        losses=evidence.suspect.identity.get("outputs") == "losses",
    )
    return audit_texts(release, key, recorded, evidence.access)


def _recorded(
    questions: Sequence[str], answers: Scores | Labels, name: str, access: Access, *, losses: bool
) -> Suspect:
    """A suspect of the answers that another one gave: scores as `Suspect.scores` has them."""
    if access == "labels":
        return answered_suspect(questions, answers, modality=TEXTS, outputs="labels", name=name)
    if losses:
        return answered_suspect(
            questions, -answers[:, 0], modality=TEXTS, outputs="losses", name=name
        )
    return answered_suspect(questions, answers, modality=TEXTS, outputs="logits", name=name)
