"""What an audit of texts leaves behind: evidence, answers, and a look that counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from radiotracer.provenance.text_dossier import again, conduct_texts
from radiotracer.provenance.text_release import TextRelease
from radiotracer.provenance.text_suspects import TextOutputs, TextSuspect, text_suspect

from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.provenance.designs._canaries.testing import audit_texts
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import read_looks
from radiotracer.provenance.models import Access
from text_world import KEY, by_canaries, knowing, noisy, plain


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    by_canaries().write(tmp_path / "marked")
    return tmp_path / "marked"


def conduct(marked: Path, suspect: TextSuspect, name: str = "audit", **more: object) -> Evidence:
    release, out = TextRelease.read(marked), marked.with_name(name)
    return conduct_texts(marked, release, KEY, suspect, out, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outputs", "access"),
    [("logits", "scores"), ("logits", "labels"), ("losses", "scores"), ("labels", "labels")],
)
def test_what_is_kept_says_what_was_found(
    marked: Path, outputs: TextOutputs, access: Access
) -> None:
    release = TextRelease.read(marked)
    suspect = knowing(release, 5.0, outputs)
    evidence, out = conduct(marked, suspect, access=access), marked.with_name("audit")
    finding = audit_texts(release, KEY, suspect, access)
    assert evidence.verdict == "trained-on-marked-data" and evidence == Evidence.read(out)
    assert evidence.log10_p_value == pytest.approx(finding.log10_p, abs=1e-9)
    assert evidence.suspect.queries == (120 if access == "scores" else 600)
    assert evidence.commitment == release.commitment.digest and evidence.key == KEY.fingerprint
    assert evidence.protocol["examples_are"] == "texts"
    found = again(out, release, KEY)
    assert found.log10_p == pytest.approx(finding.log10_p, abs=1e-9)
    assert found.details == finding.details and found.access == access
    assert (out / "answers.parquet").stat().st_mode & 0o777 == 0o600
    said = "\n".join(each.read_text() for each in out.glob("*.json"))
    assert KEY.secret.hex() not in said and release.canaries[0][0] not in said


def test_every_look_counts_once(marked: Path) -> None:
    first = conduct(marked, plain())
    assert first.verdict == "no-evidence" and len(first.looks) == 1
    guilty = knowing(TextRelease.read(marked), 5.0)
    second = conduct(marked, text_suspect(guilty.ask, name="other"), "second")
    assert len(second.looks) == 2
    assert second.adjusted_log10_p_value == pytest.approx(second.log10_p_value + np.log10(2))
    # The same look again is none.
    assert len(conduct(marked, plain(), "third").looks) == 2
    assert len(read_looks(marked).looks) == 2


def test_too_few_coins_say_nothing(tmp_path: Path) -> None:
    by_canaries(count=6).write(tmp_path / "marked")
    evidence = conduct(tmp_path / "marked", plain())
    assert evidence.verdict == "inconclusive"
    assert "6 coins" in str(evidence.inconclusive_because)


def test_an_audit_that_fails_leaves_nothing(marked: Path) -> None:
    def nan(texts: Sequence[str]) -> np.ndarray:
        return noisy(texts) * np.nan

    with pytest.raises(NotFiniteError):
        conduct(marked, text_suspect(nan))
    assert not marked.with_name("audit").exists() and not read_looks(marked).looks
    conduct(marked, plain())
    with pytest.raises(InputError, match=r"already holds evidence\.json"):
        conduct(marked, plain())
    conduct(marked, plain(), overwrite=True)


def test_other_answers_are_seen(marked: Path) -> None:
    conduct(marked, plain())
    release, out = TextRelease.read(marked), marked.with_name("audit")
    path = out / "answers.parquet"
    whole = path.read_bytes()
    pq.write_table(pq.read_table(path).slice(0, 100), path)
    with pytest.raises(DataError, match="got others, SHA-256"):
        again(out, release, KEY)
    path.unlink()
    with pytest.raises(DataError, match=r"the answers of it in .* got none"):
        again(out, release, KEY)
    path.write_bytes(whole)
    with pytest.raises(DataError, match="answers to other texts"):
        again(out, by_canaries(count=50), KEY)
