"""``radiotracer audit --control-keys``: marks on held-out images, from the audit to the check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_world import KEY
from radiotracer.data import open_data
from radiotracer.provenance.designs._carriers import held_out_marks
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.ledger import read_ledger
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models.query_log import QueryLog
from tiny_world import World

KEYS, ASKED = 19, 21 * 36


@pytest.fixture
def audit(cli: Any, tiny: World, tmp_path: Path) -> Callable[..., Any]:
    """audit(*more): the tiny run's network marked two of the three classes, and is the suspect."""
    rows = np.flatnonzero(np.isin(tiny.tampered.labels, (0, 1)))[:24]
    release = mark(
        tiny.tampered, rows, KEY, [tiny.model], CarrierConfig(steps=2), spec=tiny.run.info.model
    )
    (tmp_path / "carried").mkdir()
    release.write(tmp_path / "carried")
    KEY.write(tmp_path / "carried.key")
    files = ["--key", tmp_path / "carried.key", "--marked", tmp_path / "carried"]

    def call(*more: object, out: str = "out", command: str = "audit") -> Any:
        if command == "verify":
            return cli("verify", out, *files, *more)
        unmarked = [] if "--held-out" in more else ["--held-out", f"{tiny.archive}:test"]
        return cli("audit", tiny.folder, *files, "--out", out, *unmarked, *more)

    return call


SCORES = ["--access", "scores", "--control-keys", str(KEYS)]


def test_from_the_audit_to_the_check(audit: Any, tmp_path: Path) -> None:
    done = audit(*SCORES, "--json", "--max-queries", ASKED)
    told = json.loads(done.out)
    assert done.status in (0, 1, 4), done
    assert told["access"] == "scores" and told["control_keys"] == KEYS
    assert told["suspect"]["queries"] == ASKED and told["coins"] == 2
    assert told["verdict"] != "no-evidence" or told["log10_p_value"] > -2
    assert told["control_summary"]["count"] == KEYS
    assert told["details"]["images"] == 36 and told["details"]["announced_in_protocol"] is True
    page = Path("out/report.html").read_text()
    assert f"scores, {KEYS} control keys" in page and "ranks of the key" in page
    assert f"asking: {ASKED} done" in done.err
    done = audit(command="verify")
    assert done.status == 0, done
    # One number of the evidence is another: it does not hold.
    file = Path("out/evidence.json")
    file.write_text(json.dumps(told | {"control_keys": KEYS + 1}))
    assert audit(command="verify").status == 2


def test_each_way_to_ask_is_an_audit(audit: Any, tmp_path: Path) -> None:
    for number, options in enumerate(
        (SCORES, SCORES, ["--control-keys", "25"], ["--access", "scores"])
    ):
        done = audit(*options, "--json", out=f"out{number}")
        assert done.status in (0, 1, 4), done
    audits = read_ledger(tmp_path / "carried").audits
    assert [each.access for each in audits] == ["scores"] * 3, "the same audit is no other one"
    assert [each.settings[:15] for each in audits] == ["19 control keys", "25 control keys", ""]
    assert json.loads(done.out)["control_keys"] is None
    assert audit(command="verify", out="out0").status == 0
    assert audit(command="verify", out="out3").status == 0


def test_a_stopped_audit_marks_nothing_twice(audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after the first answers: marks are there, and those that were damaged come anew."""
    monkeypatch.setattr(held_out_marks, "_AT_ONCE", 36 * 7)  # three units of seven slots
    marked: list[int] = []
    inside, answer = held_out_marks.mark_with_carriers, QueryLog.answer

    def counted(images: np.ndarray, *more: Any, **others: Any) -> Any:
        marked.append(len(images))
        return inside(images, *more, **others)

    def stop(self: QueryLog, *given: Any) -> None:
        answer(self, *given)
        raise KeyboardInterrupt

    monkeypatch.setattr(held_out_marks, "mark_with_carriers", counted)
    with monkeypatch.context() as patch:
        patch.setattr(QueryLog, "answer", stop)
        done = audit(*SCORES, "--json")
    hidden = Path(".out.auditing").resolve()
    assert done.status == 130
    assert done.err.splitlines()[-2:] == [
        f"what was answered is kept in {hidden}: the same command goes on",
        "radiotracer: interrupted",
    ]
    assert marked == [252, 252, 216]
    with (hidden / "marks-0007.safetensors").open("ab") as stream:
        stream.write(b"?")
    done = audit(*SCORES, "--json")
    assert marked == [252, 252, 216, 252]
    assert done.err.splitlines()[:2] == [
        "the audit goes on: 256 images were asked about before",
        "marks-0007 was damaged since it was written: it is done again",
    ]
    assert done.err.splitlines()[-1] == f"asking: {ASKED} done"
    told = json.loads(done.out)
    assert told["suspect"]["queries"] == ASKED
    whole = json.loads(audit(*SCORES, "--json", out="whole").out)
    for each in (told, whole):
        del each["created"], each["suspect"]["log_sha256"]
    assert told == whole
    assert not hidden.exists()


def test_bad_input(audit: Any, golden: Any, tiny: World, tmp_path: Path) -> None:
    held_out = open_data(f"{tiny.archive}:test")
    few = held_out.take(np.flatnonzero(held_out.labels != 1))
    train = {"x_train": held_out.content[..., 0], "y_train": held_out.labels}
    for name, test, names in (
        ("few", few, ["low", "mid", "top"]),
        ("other", held_out, ["low", "cat", "mid"]),
    ):
        arrays = {"x_test": test.content[..., 0], "y_test": test.labels}
        np.savez(tmp_path / f"{name}.npz", **arrays, **train, class_names=np.array(names))
    for name, options in (
        ("too few control keys", ["--access", "scores", "--control-keys", "18"]),
        ("control keys by weights", ["--access", "weights", "--control-keys", "99"]),
        ("control keys and a small budget", [*SCORES, "--max-queries", str(ASKED - 1)]),
        ("control keys without images of a class",
         [*SCORES, "--held-out", f"{tmp_path}/few.npz:test"]),
        ("control keys and other classes", [*SCORES, "--held-out", f"{tmp_path}/other.npz:test"]),
    ):  # fmt: skip
        done = audit(*options)
        assert (done.status, done.out) == (2, ""), done
        assert len(done.err.splitlines()) == 1 and not Path("out").exists()
        golden.line(f"audit with {name}", done.err.strip().replace(str(tmp_path), "<tmp>"))
    assert not (tmp_path / "carried/sealed/audits.jsonl").exists()
