"""``radiotracer verify``: honest evidence holds without the model; tampered evidence does not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair
import numpy as np
import pytest

import audit_world
from audit_world import KEY, AuditWorld, make_world
from authorities import Authority
from radiotracer.cli import run
from radiotracer.provenance import Key
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.ledger import AUDITS, add_audit, read_ledger
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import open_suspect
from radiotracer.provenance.rfc3161 import request
from stamping_world import Stamper
from tiny_world import World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    """A world with one audit in ``audit`` beside the key."""
    made = make_world(tmp_path_factory.mktemp("verify"))
    files = ["--key", str(made.key), "--marked", str(made.marked)]
    suspect = [str(made.trained), "--factory", "audit_world:mlp"]
    reference = ["--reference-model", "python:audit_world:constant"]
    out = ["--out", str(made.key.parent / "audit")]
    assert run(["audit", *suspect, *reference, *files, *out]) == 1
    return made


@pytest.fixture
def marked(made: AuditWorld, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.marked, tmp_path / "marked"))


@pytest.fixture
def folder(made: AuditWorld, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.key.parent / "audit", tmp_path / "audit"))


@pytest.fixture
def verify(cli: Any, made: AuditWorld, marked: Path, folder: Path) -> Callable[..., Any]:
    def call(*more: object, evidence: Path = folder, key: Path = made.key) -> Any:
        return cli("verify", evidence, "--key", key, "--marked", marked, *more)

    return call


def broken(done: Any) -> list[str]:
    """What does not hold, by the table, which the one line repeats."""
    assert done.status == 2 and len(done.err.splitlines()) == 1, done
    assert done.err.startswith("radiotracer: expected evidence that holds in ")
    found = [line.partition("  ")[0] for line in done.out.splitlines() if "  NO   " in line]
    assert all(each in done.err for each in found)
    return found


def edit(folder: Path, **changes: object) -> None:
    path = folder / "evidence.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


WHAT = [
    "key",
    "commitment",
    "commitment's digest",
    "protocol",
    "release record",
    "coins",
    "answers of trained.safetensors",
    "answers of audit_world:constant",
    "reference audit_world:constant",
    "log10 p with references that do not count",
    "log10 p",
    "log10 p after Holm",
    "log10 p that decides",
    "audits",
    "chain of audits",
    "answers to probes",
    "test and effect",
    "controls",
    "verdict",
    "claim",
    "page",
]


def test_honest_evidence_holds_without_the_model(verify: Any, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = verify()
    assert (done.status, done.err) == (0, "")
    rows = [line for line in done.out.splitlines() if "  yes  " in line]
    assert [row.partition("  ")[0] for row in rows] == WHAT
    *_, last, sentence, code = done.out.splitlines()
    assert code.startswith("What was asked is weights ") and "audit_world:mlp builds" in code
    assert last.startswith(
        "Everything holds: trained-on-marked-data, as code of the auditor's answers, p at"
    )
    assert last.endswith("coins by owner.") and "the owner's word" in sentence
    assert "asked again" in done.out and "how many there were is the owner's word" in done.out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    done = verify("--json", evidence=folder / "evidence.json")
    told = json.loads(done.out)
    assert (
        told["code"] == code
        and told["holds"] is True
        and [each["what"] for each in told["checks"]] == WHAT
    )


def test_later_looks_do_no_harm(verify: Any, made: AuditWorld, marked: Path) -> None:
    (first,) = read_ledger(marked).audits
    add_audit(marked, first.model_copy(update={"access": "labels"}))
    done = verify()
    assert done.status == 0 and "1 then, 2 in the ledger now" in done.out


def test_the_suspect_itself(verify: Any, made: AuditWorld) -> None:
    options = ["--factory", "audit_world:mlp"]
    done = verify("--suspect", made.trained, *options)
    assert done.status == 0 and "suspect " in done.out
    assert "0 of 160 answers differ" in done.out and "by the same code as then" in done.out
    assert broken(verify("--suspect", made.untrained, *options)) == ["suspect", "probes"]


def test_references_of_the_verifiers_own(
    verify: Any, made: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = verify("--reference-model", "python:audit_world:constant")
    (line,) = (each for each in done.out.splitlines() if each.startswith("your references "))
    assert done.status == 0
    assert re.search(r"  yes  log10 p -\d+\.\d\d with 1 of yours and no others, -.* decides$", line)
    guilty = open_suspect(made.trained, factory="audit_world:mlp")
    monkeypatch.setattr(audit_world, "guilty", guilty.scores, raising=False)
    knowing = verify("--reference-model", "python:audit_world:guilty")
    assert broken(knowing) == ["your references"] and "failed: references" in knowing.out


EDITS: dict[str, tuple[dict[str, object], list[str]]] = {
    "a smaller p": ({"log10_p_value": -40.0}, ["log10 p"]),
    "no Holm": ({"adjusted_log10_p_value": -40.0}, ["log10 p after Holm"]),
    "another level": ({"alpha": 0.5}, ["protocol"]),
    "another verdict": ({"verdict": "no-evidence"}, ["verdict"]),
    "a bolder claim": ({"claim": "It was trained on our data."}, ["claim"]),
    "fewer doubts": ({"alternatives": []}, ["claim"]),
    "a larger effect": ({"effect": 0.99}, ["test and effect"]),
    "no controls": ({"controls": []}, ["controls"]),
    "no audits": (
        {"audits": []},
        [
            *("log10 p after Holm", "log10 p that decides", "chain of audits"),
            *("answers to probes", "verdict", "claim"),
        ],
    ),
    "another key": ({"key": "00000000"}, ["key"]),
    "another commitment": ({"commitment": "00" * 32}, ["commitment's digest"]),
}


@pytest.mark.parametrize("name", EDITS)
def test_tampered_evidence(name: str, verify: Any, folder: Path) -> None:
    changes, wrong = EDITS[name]
    edit(folder, **changes)
    assert broken(verify()) == wrong


def test_tampered_answers(verify: Any, folder: Path) -> None:
    path = folder / "queries.jsonl"
    path.write_text(path.read_text().replace("-0.", "-1.", 1))
    assert broken(verify()) == ["answers of trained.safetensors"]


def test_answers_of_another_suspect(verify: Any, folder: Path) -> None:
    suspect = json.loads((folder / "evidence.json").read_text())["suspect"]
    edit(folder, suspect=suspect | {"identity": {"kind": "x"}})
    assert broken(verify()) == ["answers of trained.safetensors"]
    edit(folder, suspect=suspect | {"queries": 1})
    assert broken(verify()) == ["answers of trained.safetensors"]


def test_answers_that_are_lost(verify: Any, folder: Path) -> None:
    (folder / "queries.jsonl").unlink()
    done = verify()
    assert (done.status, done.out) == (2, "") and "(--suspect)" in done.err


def test_a_ledger_that_was_shortened(verify: Any, marked: Path) -> None:
    (marked / AUDITS).unlink()
    assert broken(verify()) == ["audits"]


def test_a_look_that_was_left_out(verify: Any, marked: Path) -> None:
    """The evidence knows of one look, and there was another one before it."""
    line = (marked / AUDITS).read_text()
    (marked / AUDITS).write_text(json.dumps(json.loads(line) | {"access": "labels"}) + "\n" + line)
    assert broken(verify()) == ["audits"]


def test_another_key_or_release(
    verify: Any, made: AuditWorld, marked: Path, tmp_path: Path
) -> None:
    Key(bytes(32)).write(tmp_path / "other.key")
    done = verify("--json", key=tmp_path / "other.key")
    told = json.loads(done.out)
    assert done.status == 2 and told["holds"] is False
    assert [each["what"] for each in told["checks"] if not each["holds"]] == ["key", "commitment"]
    protocol = marked / "sealed/protocol.json"
    protocol.write_text(protocol.read_text().replace('"alpha": 0.01', '"alpha": 0.5'))
    assert broken(verify()) == ["commitment"]


def test_bad_input(verify: Any, tmp_path: Path, golden: Any) -> None:
    for name, arguments, evidence in (
        ("no evidence", [], tmp_path / "nowhere"),
        ("verify with options alone", ["--outputs", "labels"], None),
    ):
        more = {} if evidence is None else {"evidence": evidence}
        done = verify(*arguments, **more)
        assert (done.status, done.out) == (2, "") and len(done.err.splitlines()) == 1
        golden.line(name, done.err.strip().replace(str(tmp_path), "<tmp>"))


def test_one_line_says_when_it_was_committed(
    verify: Callable[..., Any], marked: Path, tmp_path: Path
) -> None:
    def line(done: Any) -> str:
        (found,) = (each for each in done.out.splitlines() if each.startswith("time "))
        return " ".join(found.split())

    assert line(verify()) == "time - none shown: nothing says when the commitment was made"
    stamper = Stamper(tmp_path / "tsa", Authority("A root"))
    token, root = marked / "commitment.example.tsr", stamper.folder / "root.pem"
    digest = json.loads((marked / "commitment.json").read_text())["digest"]
    token.write_bytes(stamper.answer(request(digest)))
    done = verify("--tsa-certificate", root)
    assert done.status == 0
    assert re.fullmatch(r"time yes committed by 20.* UTC: RFC 3161 by example", line(done))
    token.write_bytes(stamper.answer(request("00" * 32)))
    assert broken(verify("--tsa-certificate", root)) == ["time"]


def test_the_page_is_drawn_again(verify: Callable[..., Any], folder: Path) -> None:
    page, whole = folder / "report.html", (folder / "report.html").read_text()
    page.write_text(whole.replace("10<sup>", "10<sup>1"))
    assert broken(verify()) == ["page"]
    made = f'content="altair {altair.__version__}"'
    assert made in whole
    page.write_text(whole.replace(made, 'content="altair 5.0.0"'))
    done = verify()
    assert (
        done.status == 0 and "-    not checked: made by another version, altair 5.0.0" in done.out
    )
    page.unlink()
    done = verify()
    assert done.status == 0 and "-    no report.html there" in done.out


@pytest.fixture
def carriers(tiny: World, tmp_path: Path) -> list[object]:
    """The tiny run's network marked the data that it was trained on, and is the suspect."""
    spec, config = tiny.run.info.model, CarrierConfig(steps=2)
    release = mark(tiny.tampered, np.arange(24), KEY, [tiny.model], config, spec=spec)
    (tmp_path / "carried").mkdir()
    release.write(tmp_path / "carried")
    KEY.write(tmp_path / "carried.key")
    return ["--key", tmp_path / "carried.key", "--marked", tmp_path / "carried"]


def test_weights(cli: Any, tiny: World, carriers: list[object], tmp_path: Path) -> None:
    """The file that the evidence names is opened again, and must be the same."""
    run_folder = tiny.copy(tmp_path / "run")
    unmarked = ["--held-out", f"{tiny.archive}:test"]
    done = cli("audit", run_folder, *carriers, *unmarked, "--out", "out", "--json")
    told = json.loads(done.out)
    assert done.status == 0 and told["access"] == "weights", done
    assert told["suspect"]["queries"] == 0 and told["held_out"]["source"] == unmarked[1]
    done = cli("verify", "out", *carriers)
    assert done.status == 0, done
    assert cli("verify", "out", *carriers, "--suspect", tiny.folder).status == 0
    assert "others, digest" in cli("verify", "out", *carriers, "--held-out", tiny.archive).err
    earlier = cli("verify", "out", *carriers, "--suspect", tiny.folder, "--step", "6")
    assert broken(earlier) == ["suspect", "probes"]
    shutil.rmtree(run_folder)
    done = cli("verify", "out", *carriers)
    assert (done.status, done.out) == (2, "") and str(run_folder) in done.err
