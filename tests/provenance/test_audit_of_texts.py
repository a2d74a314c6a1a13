"""An audit of texts is an audit: the same files, page, log, ledger and commands as of images."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiotracer.cli import run
from radiotracer.data import TEXTS, Dataset
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.integrations.cards import card
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import read_ledger
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models import Access, Outputs, Suspect
from radiotracer.provenance.models.query_log import QueryLog
from radiotracer.provenance.release import Release, open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify
from text_world import KEY, audit_texts, by_canaries, canaries, knowing, noisy, of_texts, plain


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    by_canaries().write(tmp_path / "marked")
    return tmp_path / "marked"


def audited(marked: Path, suspect: Suspect, name: str = "audit", **more: Any) -> Evidence:
    return run_audit(marked, KEY, suspect, marked.with_name(name), **more)


@pytest.mark.parametrize(
    ("outputs", "access"),
    [("logits", "scores"), ("logits", "labels"), ("losses", "scores"), ("labels", "labels")],
)
def test_what_is_kept_says_what_was_found(marked: Path, outputs: Outputs, access: Access) -> None:
    release = Release.read(marked)
    suspect = knowing(release, 5.0, outputs)
    evidence, out = audited(marked, suspect, access=access), marked.with_name("audit")
    finding = audit_texts(release, KEY, suspect, access)
    assert evidence.verdict == "trained-on-marked-data" and evidence == Evidence.read(out)
    assert evidence.log10_p_value == pytest.approx(finding.log10_p, abs=1e-9)
    assert evidence.details == finding.details
    assert evidence.suspect.queries == len({*_asked(release, access)})
    assert evidence.commitment == release.commitment.digest and evidence.key == KEY.fingerprint
    assert (evidence.protocol["modality"], evidence.protocol["design"]) == ("texts", "canaries")
    assert {path.name for path in out.iterdir()} == {
        "evidence.json", "report.html", "queries.jsonl"
    }  # fmt: skip
    assert (out / "queries.jsonl").stat().st_mode & 0o777 == 0o600
    said = "\n".join(each.read_text() for each in out.iterdir())
    assert KEY.secret.hex() not in said and canaries(release)[0][0] not in said
    checks = verify(out, str(marked), KEY)
    assert all(each.holds for each in checks), checks
    asked = next(each for each in checks if each.what == "answers of it")
    assert asked.came == f"{evidence.suspect.queries} texts asked, queries.jsonl"


def _asked(release: Release, access: Access) -> tuple[str, ...]:
    from radiotracer.provenance.audit import questions

    texts: tuple[str, ...] = questions(release, KEY, access)
    return texts


def test_every_audit_counts_once(marked: Path) -> None:
    first = audited(marked, plain())
    assert first.verdict == "no-evidence" and len(first.audits) == 1
    guilty = knowing(Release.read(marked), 5.0)
    second = audited(marked, of_texts(guilty.ask, name="other"), "second")
    assert len(second.audits) == 2
    assert second.adjusted_log10_p_value == pytest.approx(second.log10_p_value + np.log10(2))
    # The same audit again is none, and neither is a release that was opened before.
    assert len(audited(marked, plain(), "third").audits) == 2
    again = run_audit(open_marked(marked, KEY), KEY, plain(), marked.with_name("fourth"))
    assert len(again.audits) == 2 and len(read_ledger(marked).audits) == 2


def test_too_few_coins_say_nothing(tmp_path: Path) -> None:
    by_canaries(count=6).write(tmp_path / "marked")
    evidence = audited(tmp_path / "marked", plain())
    assert evidence.verdict == "inconclusive"
    assert "6 coins" in str(evidence.inconclusive_because)


def test_an_audit_that_fails_leaves_nothing(marked: Path) -> None:
    def nan(texts: Sequence[str]) -> np.ndarray:
        return noisy(texts) * np.nan

    with pytest.raises(NotFiniteError):
        audited(marked, of_texts(nan))
    assert sorted(path.name for path in marked.parent.iterdir()) == ["marked"]
    assert not read_ledger(marked).audits
    audited(marked, plain())
    with pytest.raises(InputError, match=r"already holds evidence\.json"):
        audited(marked, plain())
    audited(marked, plain(), overwrite=True)


def test_a_stopped_audit_asks_nothing_twice(marked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return noisy(texts)

    inside = QueryLog.answer

    def stop(self: QueryLog, *given: Any) -> None:
        inside(self, *given)
        raise KeyboardInterrupt

    suspect = of_texts(ask, name="it", batch=32)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(QueryLog, "answer", stop)
        audited(marked, suspect)
    said: list[str] = []
    stopped = audited(marked, suspect, note=said.append)
    assert len(asked) == len(set(asked)) == stopped.suspect.queries == 120
    assert said[0].startswith("the audit goes on: ") and "texts were asked about" in said[0]
    whole = audited(marked, plain(), "whole")
    assert whole.control_log10_p == stopped.control_log10_p
    assert whole.details == stopped.details and whole.log10_p_value == stopped.log10_p_value


def test_other_answers_are_seen(marked: Path) -> None:
    audited(marked, plain())
    out = marked.with_name("audit")
    path = out / "queries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"scores":[', b'"scores":[1', 1))
    broken = [each.what for each in verify(out, marked, KEY) if not each.holds]
    assert broken == ["answers of it"]
    by_canaries(count=50).write(marked.with_name("other"))
    broken = [each.what for each in verify(out, marked.with_name("other"), KEY) if not each.holds]
    assert "commitment's digest" in broken


LETTERS = """\
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from radiotracer.data.saved import open_saved
from pathlib import Path

published = open_saved(Path("m/release"))
vectors = TfidfVectorizer()
model = LogisticRegression(C=30).fit(vectors.fit_transform(published.content), published.labels)


def scores(texts):
    return model.predict_proba(vectors.transform(texts))
"""


def test_from_a_letter_to_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything that people see of it speaks of texts, and every command takes it."""
    monkeypatch.chdir(tmp_path)
    rng, labels = np.random.default_rng(0), np.arange(300) % 2
    talk = (["sun", "sea", "boat", "wind", "sand"], ["rent", "tax", "bank", "loan", "fee"])
    both = ["the", "a", "and", "we", "you", "of", "to", "see"]
    letters = Dataset(
        modality=TEXTS,
        content=tuple(" ".join(rng.choice(both + talk[label], 20)) for label in labels),
        labels=labels,
        ids=np.array([f"letter-{row}" for row in range(300)]),
        class_names=("holiday", "money"),
        source="memory",
    )
    release = mark(letters, choose(letters, 0.2, "random", KEY), KEY)
    release.write("m")
    KEY.write("k")
    Path("letters_model.py").write_text(LETTERS)
    command = ["audit", "python:letters_model:scores", "--outputs", "probabilities"]
    assert run([*command, "--key", "k", "--marked", "m", "--out", "audit"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"asked     \d+ texts, 60 coins", said)
    assert sorted(path.name for path in Path("audit").iterdir()) == [
        "evidence.json", "queries.jsonl", "report.html",
    ]  # fmt: skip
    evidence = Evidence.read("audit")
    for page in (
        evidence._repr_html_(),
        Path("audit/report.html").read_text(),
        card("audit"),
    ):
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
        assert "images" not in text.replace("images and nothing", "")
        assert "answers.parquet" not in text
    assert "queries.jsonl, SHA-256" in evidence._repr_html_()
    assert f"{evidence.suspect.queries} texts" in card("audit")
    assert run(["verify", "audit", "--key", "k", "--marked", "m"]) == 0
    assert "Everything holds" in capsys.readouterr().out
    assert run(["key", "check", "m", "--key", "k", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == release.commitment.digest
    # A function that takes no texts is one line.
    wrong = ["audit", "python:os:getcwd", "--key", "k", "--marked", "m", "--out", "x"]
    assert run(wrong) == 2 and len(capsys.readouterr().err.splitlines()) == 1
