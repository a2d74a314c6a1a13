"""Strategies that change what was written: files, records, answers, ledgers, code."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.adversaries.ground import (
    MARKED,
    Ground,
    Level,
    Outcome,
    Strategy,
    asked,
    drawn,
    judged,
    outcome,
    prepared,
    trained,
)
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance import Key
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.contradictions import compared
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import AUDITS
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.page import page_line
from radiotracer.provenance.randomness import STRENGTHS, Randomness
from radiotracer.provenance.record import Record
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify


@dataclass(frozen=True, eq=False)
class Files:
    """An honest audit of an innocent on the disk, before somebody changes it."""

    root: Path
    key: Key
    release: Release
    innocent: Suspect

    @property
    def marked(self) -> Path:
        """The marked folder."""
        return self.root / "marked"

    @property
    def audit(self) -> Path:
        """The audit's folder."""
        return self.root / "audit"

    def edit(self, **changes: Any) -> None:
        """Change the evidence by hand."""
        path = self.audit / "evidence.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


ACCUSED = {
    "verdict": "trained-on-marked-data",
    "log10_p_value": -60.0,
    "adjusted_log10_p_value": -60.0,
    "deciding_log10_p_value": -47.0,
}


def forged(
    change: Callable[[Files], None], at: Ground, level: Level, *, asking: bool = False
) -> Outcome:
    """What a verifier says after a change.

    Args:
        change: What the forger does to the files.
        at: Where.
        level: Who draws; the files say ``owner``, because pulses of this bench are not signed.
        asking: Whether the verifier asks the suspect again.
    """
    with tempfile.TemporaryDirectory() as folder:
        key = Key.new()
        files = Files(
            Path(folder), key, drawn(prepared(at, key, "owner"), key, "owner"), at.innocents[0]
        )
        files.release.write(files.marked)
        run_audit(files.marked, key, files.innocent, files.audit)
        try:
            change(files)
            checks = verify(
                files.audit, files.marked, key, suspect=files.innocent if asking else None
            )
        except InputError as error:
            return Outcome(None, None, f"{error.expected}; got {error.came}"[:90])
        evidence = Evidence.read(files.audit)
        page = page_line(files.audit, evidence)
        checks += (Checked("page", page.holds is not False, page.came),)
        broken = [each for each in checks if not each.holds]
        if broken:
            what = ", ".join(each.what for each in broken[:3])
            return Outcome(None, None, f"does not hold: {what} ({broken[0].came})"[:90])
        if evidence.code:  # it accuses weights in the auditor's code, and nobody else
            return Outcome(evidence.log10_p_value, None, f"{evidence.headline}: not asked again")
        return Outcome(evidence.log10_p_value, evidence.deciding_log10_p_value, "everything holds")


def edited_evidence(files: Files) -> None:
    """Write another p-value and verdict."""
    files.edit(**ACCUSED)


def edited_page(files: Files) -> None:
    """Write another p-value on the page, which is what people read."""
    path = files.audit / "report.html"
    path.write_text(path.read_text().replace("No evidence of", "Consistent with"))


def edited_answers(files: Files) -> None:
    """Turn the recorded answers round, with their digest put right."""
    path = files.audit / "queries.jsonl"
    path.write_text(path.read_text().replace("-0.", "-1.", 400))
    suspect = json.loads((files.audit / "evidence.json").read_text())["suspect"]
    files.edit(suspect=suspect | {"log_sha256": sha256_file(path)}, **ACCUSED)


def edited_protocol(files: Files) -> None:
    """Raise the level after the audit."""
    path = files.marked / "sealed/protocol.json"
    path.write_text(path.read_text().replace('"alpha": 0.01', '"alpha": 0.9'))


def edited_arrays(files: Files) -> None:
    """Exchange twins after the coins are drawn."""
    path = files.marked / "sealed/arrays.npz"
    arrays = read_arrays(path)
    arrays["laid/twins"] = arrays["laid/twins"][:, ::-1].copy()
    write_npz(path, arrays)


def rows_chosen_afterwards(files: Files) -> None:
    """Leave out the marked examples that speak for the innocent."""
    release, kept = files.release, np.arange(0, MARKED, 2)
    laid = replace(
        release.laid, arrays={name: it[kept] for name, it in release.laid.arrays.items()}
    )
    shutil.rmtree(files.marked)
    fewer = replace(
        release,
        rows=release.rows[kept],
        chosen=release.chosen.take(kept),
        laid=laid,
        planted=replace(
            release.planted,
            columns={name: it[kept] for name, it in release.planted.columns.items()},
        ),
    )
    fewer.write(files.marked)


def coins_drawn_again(files: Files) -> None:
    """Another R for the commitment that was published, with a record that fits."""
    other = Randomness(strength="owner", value="77" * 32)
    record = Record.of(
        files.release.commitment.digest, other, files.release.record.published
    ).model_dump_json()
    for path in (files.marked / "release.json", files.marked / "release/release.json"):
        path.write_text(record)


def ledger_lines_removed(files: Files) -> None:
    """Audit twice, and take the first line out."""
    run_audit(files.marked, files.key, asked(trained(files.release.published, 9), "other"),
              files.root / "second")  # fmt: skip
    path = files.marked / AUDITS
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def log_of_another_release(files: Files) -> None:
    """Put the ledger of another release in."""
    path = files.marked / AUDITS
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {"before": "ab" * 32}, separators=(",", ":")) + "\n")


def doctored_factory(files: Files) -> None:
    """Answers of code around innocent weights, which knows what was published."""
    known = {
        image.tobytes(): label
        for image, label in zip(
            files.release.planted.content, files.release.labels.tolist(), strict=True
        )
    }

    def scores(images: np.ndarray) -> np.ndarray:
        told = files.innocent.scores(images).copy()
        for row, image in enumerate(images):
            if image.tobytes() in known:
                told[row, known[image.tobytes()]] += 1.0
        return told

    shutil.rmtree(files.audit)
    (files.marked / AUDITS).unlink()
    code = {"network": "facs:net", "source": "ab" * 32}
    doctored = Answering(scores, "innocent", {**files.innocent.identity, **code}, outputs="logits")
    run_audit(files.marked, files.key, doctored, files.audit)


def pulse_older_than_the_stamp(at: Ground, level: Level) -> Outcome:
    """Draw by a genuine pulse that was known when the commitment was stamped."""
    if level == "owner":
        return Outcome(None, None, "needs a pulse")
    from datetime import UTC, datetime

    pulse = {
        "round": 657413,
        "randomness": "fc1873a13f3545aeade8401532ef5519920652eee6b0d2b19ca12643b87b3587",
        "signature": "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98f"
        "ad56e91a6b85b89cd97b",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pulse.json"
        path.write_text(json.dumps(pulse))
        known = STRENGTHS["beacon"].read(path)
    try:
        known.require_holds("1" * 64, datetime.now(UTC))
    except InputError as error:
        return Outcome(None, None, f"{error.expected}; got {error.came}"[:90])
    return Outcome(-99.0, -99.0, "an old pulse was taken")


def marks_delivered_to_the_accused(at: Ground, level: Level) -> Outcome:
    """Have the release find its way into somebody's training: the model did learn it."""
    key = Key.new()
    release = drawn(prepared(at, key, level), key, level)
    taught = asked(trained(release.published, 77, steps=3000))
    got = outcome([judged(release, key, taught, level)])
    return Outcome(
        got.log10_p, None, "no innocent of the data: how they came the claim does not say"
    )


def two_ledgers(at: Ground, level: Level) -> Outcome:
    """Keep a copy of the marked folder, and show each audience the shorter ledger."""
    with tempfile.TemporaryDirectory() as folder:
        root, key = Path(folder), Key.new()
        drawn(prepared(at, key, "owner"), key, "owner").write(root / "one")
        shutil.copytree(root / "one", root / "two")
        for name, suspect in zip(("one", "two"), at.innocents, strict=False):
            run_audit(root / name, key, suspect, root / f"audit-{name}")
        found = compared(*(Evidence.read(root / f"audit-{name}") for name in ("one", "two")))
    broken = [each for each in found if not each.holds]
    return Outcome(None, None, f"verify A B: {broken[0].came}" if broken else "not found")


EDITS = (
    edited_evidence,
    edited_page,
    edited_answers,
    edited_protocol,
    edited_arrays,
    rows_chosen_afterwards,
    coins_drawn_again,
    ledger_lines_removed,
    log_of_another_release,
)
STRATEGIES: tuple[tuple[str, Strategy], ...] = (
    *((each.__name__, partial(forged, each)) for each in EDITS),
    ("doctored_factory", partial(forged, doctored_factory)),
    ("doctored_factory_asked_again", partial(forged, doctored_factory, asking=True)),
    *(
        (each.__name__, each)
        for each in (pulse_older_than_the_stamp, two_ledgers, marks_delivered_to_the_accused)
    ),
)
