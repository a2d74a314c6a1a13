"""What docs/security.md says of forgers, framers and evaders: what is caught, and what is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_world import KEY, fitted, small_release
from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError, RadiotracerError
from radiotracer.files import sha256_file
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.coins import Coins, KeyNonces, published_twins
from radiotracer.provenance.contradictions import compared
from radiotracer.provenance.designs._twins.testing import preferences
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import AUDITS, read_ledger
from radiotracer.provenance.marking import publish
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.models.protocol import Suspect
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.strengths.owner import owners
from radiotracer.provenance.verify import verify
from radiotracer.stats import signflip

GUILTY = {"kind": "safetensors", "path": "guilty", "sha256": "aa" * 32}
INNOCENT = {"kind": "safetensors", "path": "innocent", "sha256": "bb" * 32}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release in ``marked``, and ``audit``: the evidence against a model that knows it."""
    root = tmp_path_factory.mktemp("threats")
    release = small_release(root, rows=40)
    release.write(root / "marked")
    run_audit(root / "marked", KEY, guilty(release), root / "audit")
    return root


@pytest.fixture
def files(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to spoil."""
    for name in ("marked", "audit"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


def guilty(release: Release, identity: dict[str, str] = GUILTY) -> Suspect:
    return network_suspect(fitted(release.published, 5, 120), "suspect", identity)


def innocent(release: Release, seed: int = 5) -> Suspect:
    """It never saw an image; where its weights begin is all that it knows."""
    return network_suspect(fitted(release.published, seed, 0), "suspect", INNOCENT)


def failed(
    root: Path, evidence: Evidence | None = None, suspect: Callable[[], Suspect] | None = None
) -> list[str]:
    """What does not hold of the evidence in ``audit``."""
    whole = Evidence.read(root / "audit")
    (evidence or whole).write(root / "audit")
    again = None if suspect is None else suspect()
    try:
        checks = verify(root / "audit", root / "marked", KEY, suspect=again)
    finally:
        whole.write(root / "audit")
    assert len(checks) > 1
    return [each.what for each in checks if not each.holds]


def written(release: Release, folder: Path) -> Path:
    release.write(folder)
    return folder


def by_another_key(release: Release, key: Key) -> Release:
    """The same twins, published by another key's coins, and committed to anew."""
    prepared = Prepared.make(before(release), release.rows, release.laid, release.protocol, key)
    return publish(prepared, key, owners(key))


def coins_of(key: Key) -> Coins:
    """What an owner with this key would draw."""
    return Coins(KeyNonces(key), owners(key).bytes)


def before(release: Release) -> Dataset:
    """The data as they were."""
    return release.published.with_content(release.rows, release.originals)


# Keys.


def test_a_forged_key_does_not_open_a_commitment(made: Path) -> None:
    release = Release.read(made / "marked")
    nearly = bytes([*KEY.secret[:-1], KEY.secret[-1] ^ 1])
    for key in (Key(nearly), *(Key.new() for _ in range(20))):
        with pytest.raises(InputError, match="got another key;"):
            release.opened(key)


def test_a_key_chosen_after_seeing_the_model_has_another_commitment(
    made: Path, tmp_path: Path
) -> None:
    """Among a thousand keys one accuses an innocent model: its digest was not the published one."""
    release = Release.read(made / "marked")
    suspect = innocent(release)
    asked = preferences(suspect, release, "scores", KEY)
    keys = [Key(np.random.default_rng(seed).bytes(32)) for seed in range(1000)]
    found = [
        signflip(
            asked
            * (1.0 - 2.0 * published_twins(Coins(KeyNonces(key), owners(key).bytes), release.ids)),
            weighting="magnitudes",
        )
        for key in keys
    ]
    chosen = keys[int(np.argmin([each.log10_p for each in found]))]
    with pytest.raises(InputError, match="got another key;"):
        release.opened(chosen)
    forged = by_another_key(release, chosen)
    # Nothing inside of the folder tells: the digest that others witnessed before does.
    forged.opened(chosen)
    assert audit(forged, chosen, suspect).log10_p < np.log10(release.protocol.alpha)
    assert forged.commitment.digest != release.commitment.digest
    folder = written(forged, tmp_path / "forged")
    shutil.copyfile(made / "marked/commitment.json", folder / "release/commitment.json")
    with pytest.raises(DataError, match="expected one commitment"):
        Release.read(folder)
    shutil.copyfile(made / "marked/commitment.json", folder / "commitment.json")
    with pytest.raises(DataError, match="the record of a release by commitment"):
        Release.read(folder)


# The marked folder.


@pytest.mark.parametrize("part", ["release", "sealed", "commitment.json"])
def test_a_part_of_another_marked_folder(files: Path, part: str) -> None:
    release = Release.read(files / "marked")
    other = written(by_another_key(release, Key(bytes(32))), files / "other")
    target = files / "marked" / part
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(other / part, target)
    else:
        shutil.copyfile(other / part, target)
    with pytest.raises(RadiotracerError):
        Release.read(files / "marked").opened(KEY)


def test_evidence_of_another_release(files: Path) -> None:
    """The same key and the same images, marked again: evidence does not move over."""
    release = Release.read(files / "marked")
    protocol = release.protocol.model_copy(update={"alpha": 0.02})
    again = publish(
        Prepared.make(before(release), release.rows, release.laid, protocol, KEY), KEY, owners(KEY)
    )
    shutil.rmtree(files / "marked")
    written(again, files / "marked")
    assert failed(files) == ["commitment's digest", "protocol", "release record"]


# Evidence.


def test_evidence_against_another_suspect(files: Path) -> None:
    release = Release.read(files / "marked")
    assert failed(files, suspect=lambda: guilty(release)) == []
    assert failed(files, suspect=lambda: innocent(release)) == ["suspect", "probes"]


def test_an_auditor_who_frames_is_caught_when_the_suspect_is_asked(files: Path) -> None:
    """Answers of one model under the name of another: the records alone are all in order."""
    release = Release.read(files / "marked")
    shutil.rmtree(files / "audit")
    (files / "marked" / AUDITS).unlink()
    done = run_audit(files / "marked", KEY, guilty(release, INNOCENT), files / "audit")
    assert done.verdict == "trained-on-marked-data"
    assert failed(files) == []
    assert failed(files, suspect=lambda: innocent(release)) == ["probes"]


CHANGES: dict[str, Any] = {
    "verdict": "no-evidence",
    "claim": "It was.",
    "inconclusive_because": "no reason",
    "log10_p_value": -99.0,
    "adjusted_log10_p_value": -99.0,
    "alpha": 0.5,
    "statistic": "another",
    "null": "another",
    "effect": 0.999,
    "effect_means": "another",
    "coins": 7,
    "details": {},
    "controls": [],
    "control_summary": {
        "count": 1, "at_0_05": 0, "at_0_01": 0, "at_0_001": 0, "uniform_log10_p": None
    },
    "control_log10_p": [-0.1],
    "commitment": "00" * 32,
    "key": "00000000",
    "record": "00" * 32,
    "deciding_log10_p_value": -99.0,
    "drawing": {
        "strength": "beacon", "meant": "beacon", "because": None, "sentence": "It was.",
        "log10_allowance": 0.0, "allowed_for": "", "value": "00" * 32, "drawn_at": None,
        "stamped_at": None,
    },
    "protocol": {},
    "audits": [],
    "ledger_head": "00" * 32,
    "beside": -5.0,
    "alternatives": [],
}  # fmt: skip
NO_EVIDENCE = {"schema_version": 2, "commitment_verified": False, "access": "guesses"}
NOT_BOUND = {
    "created": "1970-01-01T00:00:00+00:00",
    "version": "9",
    "held_out": {"source": "x", "digest": "00" * 32},
    "first_seen": "2020-01-01",
}
REFUSED = {
    "control_keys": 9,
    "references": [{"name": "x", "identity": {}, "queries": 1, "log_sha256": "00" * 32}],
}
ELSEWHERE = {"suspect"}


def edited(root: Path, **changes: Any) -> Evidence:
    path = root / "audit/evidence.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | changes))
    return Evidence.read(path)


def test_every_field_of_the_evidence_is_accounted_for() -> None:
    groups = (CHANGES, NO_EVIDENCE, NOT_BOUND, REFUSED, ELSEWHERE)
    assert sorted(Evidence.model_fields) == sorted(name for each in groups for name in each)


@pytest.mark.parametrize("field", CHANGES)
def test_an_edited_field_does_not_hold(files: Path, field: str) -> None:
    assert failed(files, edited(files, **{field: CHANGES[field]}))


@pytest.mark.parametrize("field", NO_EVIDENCE)
def test_an_edited_field_is_no_evidence(files: Path, field: str) -> None:
    with pytest.raises(InputError, match="expected evidence that"):
        edited(files, **{field: NO_EVIDENCE[field]})


@pytest.mark.parametrize("field", NOT_BOUND)
def test_times_and_versions_are_not_bound(files: Path, field: str) -> None:
    """Nor the held-out data of a test that uses none. Nothing is computed again that would tell
    them: a time stamp of the file can."""
    assert failed(files, edited(files, **{field: NOT_BOUND[field]})) == []


@pytest.mark.parametrize("field", REFUSED)
def test_what_was_never_asked_cannot_be_computed_again(files: Path, field: str) -> None:
    with pytest.raises(InputError):
        failed(files, edited(files, **{field: REFUSED[field]}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("identity", {"kind": "x"}), ("queries", 3), ("log_sha256", "00" * 32), ("probed", None)],
)
def test_an_edited_suspect_does_not_hold(files: Path, field: str, value: object) -> None:
    told = json.loads((files / "audit/evidence.json").read_text())["suspect"]
    assert failed(files, edited(files, suspect=told | {field: value}))


def test_edited_answers_do_not_hold(files: Path) -> None:
    """Nor with their SHA-256 put right in the evidence: then the p-value is another."""
    path = files / "audit/queries.jsonl"
    lines = path.read_text().splitlines()
    first = next(row for row, line in enumerate(lines) if '"scores"' in line)
    answer = json.loads(lines[first])
    lines[first] = json.dumps(answer | {"scores": answer["scores"][::-1]})
    path.write_text("\n".join(lines) + "\n")
    assert failed(files) == ["answers of suspect"]
    suspect = json.loads((files / "audit/evidence.json").read_text())["suspect"]
    evidence = edited(files, suspect=suspect | {"log_sha256": sha256_file(path)})
    assert failed(files, evidence)


# The ledger of audits.


def test_an_audit_taken_out_afterwards_is_noticed(files: Path) -> None:
    """Evidence quotes all audits before it, so it does not fit a ledger that lacks one of them."""
    release = Release.read(files / "marked")
    run_audit(files / "marked", KEY, innocent(release), files / "second", as_asked=True)
    first, second = (files / "marked" / AUDITS).read_text().splitlines(keepends=True)
    assert failed(files) == []
    evidence = Evidence.read(files / "second")
    (files / "marked" / AUDITS).write_text(second)
    assert "audits" in failed(files)
    shutil.rmtree(files / "audit")
    shutil.move(files / "second", files / "audit")
    assert failed(files, evidence) == ["audits"]
    (files / "marked" / AUDITS).write_text(first)
    assert failed(files, evidence) == ["audits"]


def test_every_suspect_makes_the_next_p_value_larger(files: Path) -> None:
    release = Release.read(files / "marked")
    (files / "marked" / AUDITS).unlink()
    for seed in range(3):
        other = network_suspect(fitted(release.published, seed, 0), "x", INNOCENT | {
            "sha256": f"{seed:064d}"
        })  # fmt: skip
        run_audit(files / "marked", KEY, other, files / f"audit-{seed}", as_asked=True)
    found = run_audit(files / "marked", KEY, guilty(release), files / "last")
    assert found.adjusted_log10_p_value == pytest.approx(found.log10_p_value + np.log10(4))


def test_an_audit_in_a_copy_of_the_folder_is_found_out_when_two_meet(files: Path) -> None:
    """Holm counts the audits that were written down. Who hides a folder hides its audits, until
    somebody holds the evidence of both: neither ledger is the beginning of the other."""
    release = Release.read(files / "marked")
    (files / "marked" / AUDITS).unlink()
    shutil.copytree(files / "marked", files / "hidden")
    run_audit(files / "hidden", KEY, innocent(release), files / "unseen", as_asked=True)
    shutil.rmtree(files / "audit")
    run_audit(files / "marked", KEY, guilty(release), files / "audit")
    assert len(read_ledger(files / "marked").audits) == 1
    assert failed(files) == []
    one, other = (Evidence.read(files / name) for name in ("audit", "unseen"))
    parted = [each for each in compared(one, other) if not each.holds]
    assert [each.what for each in parted] == ["one ledger"] and "two ledgers" in parted[0].came
    run_audit(files / "marked", KEY, innocent(release), files / "later", as_asked=True)
    later = Evidence.read(files / "later")
    assert all(each.holds for each in (*compared(one, later), *compared(later, one)))


def test_coins_that_were_drawn_twice_are_found_out_when_two_meet(files: Path) -> None:
    """One commitment, two draws: each release is in order, both are not."""
    release = Release.read(files / "marked")
    other = Evidence.read(files / "audit").model_copy(update={"record": "00" * 32})
    found = compared(Evidence.read(files / "audit"), other)
    assert [each.what for each in found if not each.holds] == ["one draw of coins"]
    elsewhere = other.model_copy(update={"commitment": "00" * 32})
    assert [each.holds for each in compared(other, elsewhere)] == [False]
    assert release.record.commitment == other.commitment
