"""A log that others hold: who looks is counted there, and what it shows is charged."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from suspect_helpers import refusal

from audit_world import sample_audit, sample_evidence
from marked_world import KEY, answering, examples, knowing, network, noisy, normalised
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import head
from radiotracer.provenance.looks import looks_line, require_same_ledger, write_looks
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import run_audit


def named(log: str, count: int = 60) -> Release:
    data, config = examples(count), TwinConfig(radius=6, steps=2)
    return mark(data, np.arange(count), KEY, [network(1)], config, log=log)


@pytest.fixture(scope="module")
def release() -> Release:
    return named("log.jsonl")


@pytest.fixture
def here(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the marked release, and the empty log that it names."""
    monkeypatch.chdir(tmp_path)
    release.write("marked")
    Path("log.jsonl").touch()
    return tmp_path


def innocent(seed: int) -> Answering:
    made = answering(lambda images: normalised(noisy(images, seed)))
    return dataclasses.replace(made, identity={"kind": "test", "seed": str(seed)})


def audited(suspect: Answering, out: str, marked: str = "marked", **more: Any) -> Evidence:
    return run_audit(marked, KEY, suspect, out, as_asked=True, **more)


def lines(log: str = "log.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(log).read_text().splitlines()]


def test_every_audit_is_in_the_log_and_none_of_whom(here: Path, release: Release) -> None:
    first = audited(knowing(release, 5), "one")
    second = audited(innocent(0), "two")
    held = lines()
    assert [each["number"] for each in held] == [1, 2]
    assert [each["head"] for each in held] == [first.ledger_head, second.ledger_head]
    assert {each["commitment"] for each in held} == {release.commitment.digest}
    assert b"seed" not in Path("log.jsonl").read_bytes()
    assert "which is the count of the log log.jsonl" in second.claim and first.log == "log.jsonl"
    # The same audit again is no second one, here or in the ledger.
    audited(innocent(0), "again")
    assert lines() == held
    told = looks_line(second, Path("log.jsonl"))
    assert told.holds and told.came == "all 2 are in log.jsonl, and no others"
    assert looks_line(second, None).holds is None


def with_p(log10_p: float) -> Evidence:
    """Evidence of one audit of a release whose log is log.jsonl, by hand."""
    plain = sample_evidence()
    audits = (sample_audit(log10_p).model_copy(update={"before": plain.commitment}),)
    changes = {
        "protocol": {**plain.protocol, "log": "log.jsonl"},
        "log10_p_value": log10_p,
        "audits": audits,
        "ledger_head": head(audits),
    }
    return plain.model_copy(update=changes)


@pytest.mark.parametrize(("log10_p", "later", "stands"), [(-2.2, 0, True), (-2.2, 1, False)])
@pytest.mark.parametrize("allowance", [0.0, 10.0])
def test_audits_that_came_later_are_charged(
    tmp_path: Path, log10_p: float, later: int, stands: bool, allowance: float
) -> None:
    """A verdict has to stand over all that the log knows by now; nobody tells what they found."""
    evidence = with_p(log10_p - allowance)
    drawing = evidence.drawing.model_copy(update={"log10_allowance": allowance})
    evidence = evidence.model_copy(update={"drawing": drawing})
    log = tmp_path / "log.jsonl"
    log.touch()
    others = [sample_audit(-0.1 * n, sha256=f"{n:064d}") for n in range(later)]
    write_looks(log, evidence.commitment, (*evidence.audits, *others))
    told = looks_line(evidence, log)
    assert told.holds is stands
    assert ("2 by now" in told.came and "10^-1.90 decides" in told.came) is not stands
    innocent_one = evidence.model_copy(update={"verdict": "no-evidence"})
    assert looks_line(innocent_one, log).holds


def test_a_second_ledger_is_found_out(here: Path, release: Release) -> None:
    """By the owner's own command before anybody is asked, and by whoever has the log."""
    shutil.copytree("marked", "copy")
    audited(innocent(0), "one")
    asked = list[int]()

    def ask(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return normalised(noisy(images, 1))

    text = refusal(lambda: audited(answering(ask), "two", marked="copy"), DataError)
    assert "the ledger that log.jsonl knows, 1 so far" in text and "got another, with 0" in text
    assert not asked and not Path("two").exists() and len(lines()) == 1
    # An owner who writes nothing into the log is found out by who has it.
    Path("mine.jsonl").touch()
    hidden = audited(innocent(1), "two", marked="copy", log="mine.jsonl")
    told = looks_line(hidden, Path("log.jsonl"))
    assert told.holds is False and "another audit as number 1: two ledgers" in told.came
    both = audited(innocent(2), "three")
    whole = Path("log.jsonl").read_text().splitlines(keepends=True)
    Path("older.jsonl").write_text(whole[0])
    told = looks_line(both, Path("older.jsonl"))
    assert told.holds is False and "1 of 2 are in older.jsonl" in told.came


def test_what_the_log_missed_is_made_up_for(here: Path) -> None:
    """An audit that ended between the ledger and the log: the next one writes both lines."""
    Path("elsewhere.jsonl").touch()
    audited(innocent(0), "one", log="elsewhere.jsonl")
    second = audited(innocent(1), "two")
    assert [each["number"] for each in lines()] == [1, 2]
    assert looks_line(second, Path("log.jsonl")).holds


def test_two_releases_use_one_log(here: Path, release: Release) -> None:
    other = named("log.jsonl", count=56)
    other.write("other")
    audited(innocent(0), "one")
    mine = audited(innocent(0), "two", marked="other")
    last = audited(innocent(1), "three")
    assert [each["number"] for each in lines()] == [1, 1, 2]
    assert looks_line(mine, Path("log.jsonl")).holds
    assert looks_line(last, Path("log.jsonl")).holds


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held[1:],
        lambda held: [held[1], held[0], held[2]],
        lambda held: [held[0], held[2]],
        lambda held: [held[0], held[1], held[1]],
        lambda held: [held[0], held[1].replace('"number":2', '"number":3'), held[2]],
        lambda held: [*held, "{}\n"],
        lambda held: [*held[:2], held[2][:-5]],
        lambda held: ["no log\n"],
    ],
)
def test_a_log_that_was_changed(tmp_path: Path, change: Callable[[list[str]], list[str]]) -> None:
    log = tmp_path / "log.jsonl"
    log.touch()
    audits = [sample_audit(-1.0, sha256=f"{n:064d}") for n in range(3)]
    write_looks(log, "12" * 32, audits)
    log.write_text("".join(change(log.read_text().splitlines(keepends=True))))
    before = log.read_bytes()
    for use in (
        lambda: looks_line(with_p(-1.0), log),
        lambda: require_same_ledger(log, "12" * 32, audits),
        lambda: write_looks(log, "12" * 32, audits),
    ):
        assert "every line in its place" in refusal(use, DataError)
    assert log.read_bytes() == before


def test_no_log_or_none_there(here: Path, release: Release) -> None:
    Path("log.jsonl").unlink()
    text = refusal(lambda: audited(innocent(0), "one"), InputError)
    assert "the log that the commitment names, log.jsonl" in text and "no file" in text
    assert not Path("one").exists()
    data = examples(56)
    plain = mark(data, np.arange(56), KEY, [network(1)], TwinConfig(radius=6, steps=2))
    plain.write("plain")
    text = refusal(lambda: audited(innocent(0), "one", marked="plain", log="x"), InputError)
    assert "names none" in text
    found = audited(innocent(0), "one", marked="plain")
    assert "the owner's count" in found.claim
    assert "is the owner's word" in looks_line(found, None).came
    refusal(lambda: looks_line(found, Path("x")), InputError)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_names_that_are_none(name: str) -> None:
    text = refusal(lambda: named(name), InputError)
    assert "at most 200 printable characters" in text
