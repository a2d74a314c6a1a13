"""``radiotracer audit``: verdicts, files, the ledger, going on, and every kind of bad input."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import audit_world
import radiotracer.cli.audit
from audit_world import AuditWorld, make_world, sample_evidence
from radiotracer.data import open_data, save_examples
from radiotracer.digested import digested
from radiotracer.provenance import Key
from radiotracer.provenance.ledger import AUDITS, read_ledger
from radiotracer.provenance.models.query_log import QueryLog


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return make_world(tmp_path_factory.mktemp("audit"))


@pytest.fixture
def marked(made: AuditWorld, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.marked, tmp_path / "marked"))


@pytest.fixture
def audit(cli: Any, made: AuditWorld, marked: Path) -> Callable[..., Any]:
    """audit(suspect, *more): with key, release and --out out."""

    def call(suspect: object, *more: object, out: str = "out") -> Any:
        factory = []
        if str(suspect).endswith(".safetensors") and "--factory" not in more:
            factory = ["--factory", "audit_world:mlp"]
        files = ["--key", made.key, "--marked", marked, "--out", out]
        return cli("audit", suspect, *factory, *files, *more)

    return call


def test_text(capsys: pytest.CaptureFixture[str], golden: Any) -> None:
    """What a stranger reads, word by word."""
    for verdict in ("trained-on-marked-data", "no-evidence", "inconclusive"):
        evidence = sample_evidence(verdict)
        radiotracer.cli.audit.tell(evidence, Path("audit"), Path("my.key"), Path("marked"))
        golden.page(f"audit_{verdict}", capsys.readouterr().out)


def listing(folder: Path = Path()) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_that_knows_the_published_twins(audit: Any, made: AuditWorld, marked: Path) -> None:
    done = audit(made.trained)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0] == (
        "Consistent with training on the marked data, as code of the auditor's answers."
    )
    assert lines[1].startswith("Consistent with training on data derived from the marked release:")
    assert listing() == ["out"]
    assert listing(Path("out")) == ["evidence.json", "queries.jsonl", "report.html"]
    assert stat.S_IMODE(Path("out/queries.jsonl").stat().st_mode) == 0o600
    kept = json.loads(Path("out/evidence.json").read_text())
    assert kept["verdict"] == "trained-on-marked-data" and kept["commitment_verified"] is True
    assert kept["adjusted_log10_p_value"] == kept["log10_p_value"] < -2
    assert kept["suspect"]["queries"] == 160 and kept["coins"] == 80
    assert len(read_ledger(marked).audits) == 1
    page = Path("out/report.html").read_text()
    assert "Consistent with training on the marked data" in page
    # Nothing of the sealed half, and not the secret, is in what may be passed on.
    assert "data:image" not in page
    for text in (page, Path("out/evidence.json").read_text()):
        assert audit_world.KEY.secret.hex() not in text


def test_a_model_that_never_saw_them(audit: Any, made: AuditWorld) -> None:
    done = audit(made.untrained, "--json")
    told = json.loads(done.out)
    assert done.status == 0 and told == json.loads(Path("out/evidence.json").read_text())
    assert told["verdict"] == "no-evidence"
    assert told["claim"].startswith("No evidence of training on the marked release; that does not")
    assert done.err == "asking: 160 done\n"


def test_labels_alone(audit: Any) -> None:
    done = audit("python:audit_world:named", "--outputs", "labels", "--json")
    told = json.loads(done.out)
    assert (done.status, told["access"]) == (0, "labels")
    assert told["verdict"] == "no-evidence"


def test_a_model_that_says_the_same_of_everything(audit: Any, marked: Path) -> None:
    """No coin can be seen, so nothing follows: that is not the same as finding nothing."""
    done = audit("python:audit_world:constant")
    assert done.status == 4
    assert done.out.startswith("Inconclusive: nothing follows from this audit.\n")
    assert "stands on 0 coins" in done.out
    assert len(read_ledger(marked).audits) == 1


def test_two_audits_raise_holm(audit: Any, made: AuditWorld, marked: Path) -> None:
    first = json.loads(audit(made.trained, "--json").out)
    audit(made.untrained, out="other")
    again = json.loads(audit(made.trained, "--json", out="again").out)
    assert len(read_ledger(marked).audits) == 2, "the same look again is not another one"
    assert again["log10_p_value"] == first["log10_p_value"]
    raised = again["adjusted_log10_p_value"] - first["adjusted_log10_p_value"]
    assert raised == pytest.approx(np.log10(2))
    assert "after Holm over 2 audits" in again["claim"]


def test_an_interrupted_audit_goes_on(
    audit: Any, made: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that stops in the middle: what it said is not asked for again."""
    asked: list[int] = []

    def forgetful(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return images.reshape(len(images), -1)[:, :3].astype(float)

    monkeypatch.setattr(audit_world, "forgetful", forgetful, raising=False)
    suspect = "python:audit_world:forgetful"
    assert audit(suspect).status == 130
    assert listing() == [".out.auditing"]
    assert audit(suspect, "--json").status in (0, 1)
    assert listing() == ["out"]
    assert sum(asked) - asked[2] == 160, "each image but those of the broken batch once"
    told = json.loads(Path("out/evidence.json").read_text())
    assert told["suspect"]["queries"] == 160 + asked[2], "what was sent counts"


def test_another_file_than_the_one_that_was_being_asked(
    audit: Any, made: AuditWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspect, inside = tmp_path / "suspect.safetensors", QueryLog.answer

    def stop(self: QueryLog, *given: Any) -> None:
        inside(self, *given)
        raise KeyboardInterrupt

    shutil.copy(made.trained, suspect)
    with monkeypatch.context() as patch:
        patch.setattr(QueryLog, "answer", stop)
        done = audit(suspect)
    hidden = Path(".out.auditing").resolve()
    assert (done.status, done.err.splitlines()) == (
        130,
        [
            "asking: 160 done",
            f"what was answered is kept in {hidden}: the same command goes on",
            "radiotracer: interrupted",
        ],
    )
    shutil.copy(made.untrained, suspect)
    done = audit(suspect)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(
        f"radiotracer: expected the work that {hidden} was begun for; got suspect's weights: "
    )
    assert line.endswith("; repeat the command that began it, or pass --overwrite to begin anew")
    done = audit(suspect, "--overwrite", "--json")
    assert json.loads(done.out)["suspect"]["queries"] == 160
    assert listing() == ["out"]


def test_references_that_were_not_committed_to_do_not_count(
    audit: Any, made: AuditWorld, marked: Path
) -> None:
    """What decides is the test without them; what they would have made of it is told."""
    plain = json.loads(audit(made.trained, "--json").out)
    Path("out").rename("plain")
    done = audit(made.trained, "--reference-model", "python:audit_world:constant", "--json")
    told = json.loads(done.out)
    assert [(each["name"], each["counts"]) for each in told["references"]] == [
        ("audit_world:constant", False)
    ]
    assert [each["name"] for each in told["controls"]] == ["fresh keys"]
    assert told["log10_p_value"] == plain["log10_p_value"] and len(told["audits"]) == 1
    assert told["beside"] is not None and plain["beside"] is None
    assert "reference-1.jsonl" in listing(Path("out"))


@pytest.fixture
def refused(cli: Any, made: AuditWorld, marked: Path, golden: Any, tmp_path: Path) -> Any:
    """refused(name, suspect, *more): one line, nothing written, no look."""

    def call(name: str, suspect: object, *more: object, key: Path = made.key) -> str:
        before = listing()
        files = ["--key", key, "--marked", marked]
        out = [] if "--out" in more else ["--out", "out"]
        done = cli("audit", suspect, *files, *out, *more)
        assert (done.status, done.out) == (2, ""), done
        assert listing() == before and not (marked / AUDITS).exists()
        *_, last = done.err.splitlines()
        assert last.startswith("radiotracer: ") and last.isprintable()
        for place, path in (("tmp", tmp_path), ("made", made.key.parent)):
            last = last.replace(str(path), f"<{place}>")
        # What was learned may differ in its last bits elsewhere, and so do digests.
        last = re.sub(r"\b[0-9a-f]{8,12}\b", "<digest>", last)
        golden.line(f"audit {name}", last.partition("RuntimeError: ")[0])
        return last

    return call


MLP = ["--factory", "audit_world:mlp"]
BAD: dict[str, list[object]] = {
    "of nothing": ["nowhere"],
    "of weights without a network": ["{trained}"],
    "of another class count": ["{trained}", "--factory", "audit_world:few"],
    "of another image size": ["{large}", "--factory", "audit_world:large"],
    "of a suspect of NaN": ["python:audit_world:broken"],
    "by weights": ["{trained}", *MLP, "--access", "weights"],
    "of labels by scores": [
        "python:audit_world:named", "--outputs", "labels", "--access", "scores",
    ],
    "with too small a budget": ["{trained}", *MLP, "--max-queries", "159"],
    "with a negative budget": ["{trained}", *MLP, "--max-queries", "-1"],
    "into the marked data": ["{trained}", *MLP, "--out", "{marked}/release/audit"],
    "over an earlier one that holds the key": ["{trained}", *MLP, "--out", "{made}", "--overwrite"],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, refused: Any, made: AuditWorld, marked: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(audit_world.large().state_dict(), tmp_path / "large.safetensors")
    places = {
        "trained": made.trained,
        "large": tmp_path / "large.safetensors",
        "marked": marked,
        "made": made.key.parent,
    }
    refused(name, *(str(each).format(**places) for each in BAD[name]))


def test_channels(refused: Any, made: AuditWorld, tiny: Any, tmp_path: Path) -> None:
    coloured = tmp_path / "coloured"
    shutil.copytree(tiny.folder, coloured)
    info = json.loads((coloured / "run.json").read_text())
    info["model"]["options"]["channels"] = 3
    (coloured / "run.json").write_text(digested(info))
    refused("of a suspect for other channels", coloured)


def test_keys(refused: Any, made: AuditWorld, tmp_path: Path) -> None:
    Key(bytes(32)).write(tmp_path / "other.key")
    refused("with another key", made.trained, *MLP, key=tmp_path / "other.key")
    text = made.key.read_text()
    (tmp_path / "cut.key").write_text(text[: len(text) // 2])
    line = refused("with a truncated key", made.trained, *MLP, key=tmp_path / "cut.key")
    assert text.split('"')[7][:8] not in line


def test_an_edited_release(refused: Any, made: AuditWorld, marked: Path) -> None:
    published = open_data(str(marked / "release"))
    images = published.content.copy()
    images[7, 0, 0, 0] ^= 1
    for file in (marked / "release").iterdir():
        if file.name not in {"commitment.json", "release.json"}:
            file.unlink()
    save_examples(dataclasses.replace(published, content=images), marked / "release")
    line = refused("of an edited release", made.trained, *MLP)
    assert "1 image edited since: " in line


def test_another_commitment(refused: Any, made: AuditWorld, marked: Path) -> None:
    protocol = marked / "sealed/protocol.json"
    protocol.write_text(protocol.read_text().replace('"alpha": 0.01', '"alpha": 0.5'))
    line = refused("of another protocol", made.trained, *MLP)
    assert "another protocol" in line


def test_out_is_taken(audit: Any, made: AuditWorld) -> None:
    assert audit(made.trained).status == 1
    done = audit(made.untrained)
    assert done.status == 2 and "already holds evidence.json" in done.err
    assert audit(made.untrained, "--overwrite").status == 0
