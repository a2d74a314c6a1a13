"""Audits that are stopped: the same call goes on, asks nothing twice and ends the same."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stopped_audits import release_of, without_times
from suspect_asked import exact, image_digests

from audit_world import KEY
from radiotracer.errors import InputError
from radiotracer.provenance import run_audit as run_audit_module
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import read_ledger
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.query_log import QueryLog
from radiotracer.provenance.run_audit import run_audit
from radiotracer.scale import FolderLedger
from radiotracer.scale.keeping import kept

HIDDEN = Path(".out.auditing")
BATCH = 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release_of(tmp_path_factory.mktemp("made") / "marked")


@pytest.fixture(autouse=True)
def marked(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release in the current folder: audits are written down beside it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, "marked")


class Remote:
    """A suspect that remembers what it was asked, and may fail."""

    def __init__(self, name: str = "it", sha256: str = "ab") -> None:
        self.digests: list[str] = []
        self.fails_at = 0
        self.calls = 0
        # Remote suspects are asked in batches of 32.
        identity = {"kind": "python", "path": f"/models/{name}", "sha256": sha256 * 32}
        self.suspect = Answering(self.ask, name, identity, 3, costly=True)

    def ask(self, images: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.digests += image_digests(images)
        if self.calls == self.fails_at:
            raise InputError(expected="an answer", came="none", do="try again later")
        return exact(images)


def audited(
    remote: Remote,
    *more: Remote,
    marked: str = "marked",
    out: str = "out",
    said: list[str] | None = None,
    **options: Any,
) -> Evidence:
    return run_audit(
        marked,
        KEY,
        remote.suspect,
        out,
        references=[each.suspect for each in more],
        note=(said if said is not None else []).append,
        **options,
    )


def stop_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """As if the user had pressed Ctrl-C when so many batches were answered and written down."""
    inside, answered = QueryLog.answer, list[None]()

    def answer(self: QueryLog, *given: Any) -> None:
        inside(self, *given)
        answered.append(None)
        if len(answered) == batches:
            raise KeyboardInterrupt

    monkeypatch.setattr(QueryLog, "answer", answer)


def test_stopped_between_any_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """160 images of the suspect and of a reference: five batches of each."""
    audited(Remote(), Remote("own", "cd"), out="whole")
    expected = without_times("whole")
    assert len(expected[1]) == 2 and expected[0]["suspect"]["queries"] == 160
    for batches in (1, 5, 6, 10):
        remote, reference, said = Remote(), Remote("own", "cd"), list[str]()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_after(patch, batches)
            audited(remote, reference, out=f"out{batches}", said=said)
        hidden = Path(f".out{batches}.auditing")
        assert said == [
            f"what was answered is kept in {hidden.resolve()}: the same command goes on"
        ]
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
        for log in hidden.glob("*.jsonl"):
            assert stat.S_IMODE(log.stat().st_mode) == 0o600
        asked = len(remote.digests) + len(reference.digests)
        again = list[str]()
        audited(remote, reference, out=f"out{batches}", said=again)
        assert again == [f"the audit goes on: {asked} images were asked about before"]
        for each in (remote, reference):
            assert set(Counter(each.digests).values()) == {1} and len(each.digests) == 160
        assert without_times(f"out{batches}") == expected
        assert not hidden.exists()


def test_a_suspect_that_fails_in_the_middle() -> None:
    remote, said = Remote(), list[str]()
    remote.fails_at = 3
    with pytest.raises(InputError, match="try again later"):
        audited(remote, said=said)
    assert not Path("out").exists() and read_ledger(Path("marked")).audits == ()
    assert len(remote.digests) == 96, "three times 32"
    done = audited(remote, said=said)
    repeated = [each for each, times in Counter(remote.digests).items() if times > 1]
    assert repeated == remote.digests[64:96], "none but those that it did not answer"
    assert done.suspect.queries == 192, "what was sent counts"
    assert said[1] == "the audit goes on: 96 images were asked about before"
    assert len(read_ledger(Path("marked")).audits) == 1


def test_a_suspect_that_never_answered_leaves_nothing() -> None:
    remote, said = Remote(), list[str]()
    remote.fails_at = 1
    with pytest.raises(InputError):
        audited(remote, said=said)
    assert not HIDDEN.exists() and said == []


def test_a_budget_that_was_spent_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2)
        audited(remote, max_queries=160)
    with pytest.raises(InputError) as caught:
        audited(remote, max_queries=159)
    assert str(caught.value) == (
        "expected a budget for the 96 images that this audit still asks about; "
        "got max_queries=159, of which 64 are used; pass max_queries=160; nothing more was asked"
    )
    assert len(remote.digests) == 64
    audited(remote, max_queries=160)
    assert len(remote.digests) == 160


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Remote:
    """An audit that was stopped after two batches of six."""
    remote = Remote()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, 2)
        audited(remote)
    return remote


def refused(call: Callable[[], object]) -> str:
    """The one line; what was answered is left as it was."""
    before = {path.name: path.read_bytes() for path in HIDDEN.iterdir() if path.suffix != ".lock"}
    with pytest.raises(InputError) as caught:
        call()
    after = {path.name: path.read_bytes() for path in HIDDEN.iterdir() if path.suffix != ".lock"}
    assert before == after
    line = str(caught.value)
    assert line.isprintable()
    return line.replace(str(HIDDEN.resolve()), "<hidden>")


BEGUN = "expected the work that <hidden> was begun for; got "
REPEAT = "; repeat the command that began it, or pass overwrite=True to begin anew"


def test_another_suspect(stopped: Remote) -> None:
    changed = Remote(sha256="ef")
    assert refused(lambda: audited(changed)) == (
        f"{BEGUN}suspect's sha256: {('ef' * 32)[:57]}..., begun with {('ab' * 32)[:57]}...{REPEAT}"
    )
    assert changed.digests == []
    moved = Remote("elsewhere")  # the same bytes in another place
    audited(moved)
    assert len(moved.digests) == 160 - 64


def test_another_release(stopped: Remote, tmp_path: Path) -> None:
    release_of(tmp_path / "other", radius=50)
    line = refused(lambda: audited(stopped, marked="other"))
    assert line.startswith(f"{BEGUN}commitment: ") and line.endswith(REPEAT)
    assert len(stopped.digests) == 64


def test_another_way_to_ask(stopped: Remote) -> None:
    assert refused(lambda: audited(stopped, access="labels")) == (
        f"{BEGUN}access: labels, begun with scores{REPEAT}"
    )
    line = refused(lambda: audited(stopped, Remote("own", "cd")))
    assert "reference 1's kind: python, begun with null" in line


def test_overwrite_begins_anew(stopped: Remote) -> None:
    other = Remote(sha256="ef")
    done = audited(other, overwrite=True)
    assert len(other.digests) == done.suspect.queries == 160
    assert not HIDDEN.exists()
    assert "ab" * 32 not in Path("out/queries.jsonl").read_text()


def test_overwrite_goes_on_with_the_same(stopped: Remote) -> None:
    audited(stopped, overwrite=True)
    assert len(stopped.digests) == 160


def test_damaged_answers_are_asked_for_again(stopped: Remote) -> None:
    log = HIDDEN / "queries.jsonl"
    lines = log.read_text().splitlines()
    at = 2 + BATCH + 5  # in the second batch
    assert '"scores":[-' in lines[at]
    lines[at] = lines[at].replace('"scores":[-', '"scores":[-1')
    log.write_text("\n".join(lines) + "\n")
    said = list[str]()
    done = audited(stopped, said=said)
    assert said == [
        f"{log.resolve()}: lines 36 to 69 were damaged since they were written: "
        "what was asked there is asked again",
        "the audit goes on: 64 images were asked about before",
    ]
    repeated = [each for each, times in Counter(stopped.digests).items() if times > 1]
    assert repeated == stopped.digests[32:64]
    audited(Remote(), out="whole")
    told = without_times("out")[0]
    assert told["suspect"].pop("queries") == 160 + BATCH == done.suspect.queries
    expected = without_times("whole")[0]
    del expected["suspect"]["queries"]
    assert told == expected


def test_a_log_that_is_none(stopped: Remote) -> None:
    (HIDDEN / "queries.jsonl").write_text("hello\n")
    assert refused(lambda: audited(stopped)) == (
        "expected a radiotracer query log at <hidden>/queries.jsonl; got another file; "
        "choose another folder (out=), or remove <hidden>/queries.jsonl, what a stopped audit left"
    )


def test_one_audit_at_a_time(stopped: Remote) -> None:
    with kept(FolderLedger(HIDDEN), stays=True):
        line = refused(lambda: audited(stopped))
    assert line == (
        f"expected a folder <hidden> that no other command is using; got one in use by process "
        f"{os.getpid()}; wait for it, or stop it first"
    )


def test_stopped_after_it_was_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts once, and the answers are all there."""
    remote = Remote()

    def stop(*_: Any, **__: Any) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run_audit_module, "page_of", stop)
        audited(remote)
    assert len(read_ledger(Path("marked")).audits) == 1
    assert {path.name for path in Path().iterdir()} == {"marked", HIDDEN.name}
    audited(remote)
    assert len(remote.digests) == 160 and len(read_ledger(Path("marked")).audits) == 1


def test_what_a_killed_audit_had_half_written_is_removed(stopped: Remote) -> None:
    half = Path(".out.abcd1234.partial")
    half.mkdir()
    (half / "queries.jsonl").touch()
    audited(stopped)
    assert not half.exists()
