"""What was not foreseen goes all the way: a kind of example and a mark that only a test registers.

Training, scan, report, review's export, mark, audit and verify, by the command line, of sounds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sounds
from sounds import RATE, SOUNDS, registered, write_wav

from radiotracer import Key, Run, check, open_data, run_audit, verify
from radiotracer.cli import run as command
from radiotracer.errors import InputError
from radiotracer.review.board import identity_of
from radiotracer.review.decisions import Decision
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store

N, SAMPLES = 240, 160


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Low and high notes in noise; a few of them in the wrong folder."""
    rng = np.random.default_rng(100)
    for row in range(N):
        high, wrong = row % 2, row % 20 == 3
        pitch = (300, 420)[high] + rng.normal(0, 10)
        note = np.sin(2 * np.pi * pitch * np.arange(SAMPLES) / RATE + rng.uniform(0, 6))
        sound = (6_000 * note + rng.normal(0, 3_000, SAMPLES)).astype(np.int16)
        folder = tmp_path / "notes" / ("low", "high")[high ^ wrong]
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / f"{row:03d}{'-wrong' * wrong}.wav", sound)
    monkeypatch.chdir(tmp_path)
    with registered():
        yield tmp_path


def test_sounds_go_all_the_way(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = open_data("notes")
    assert notes.modality is SOUNDS and len(notes) == N and notes.class_names == ("high", "low")

    # Checked by what is known of any floats: too little, and it is said.
    found = check("notes", out="checked")
    assert len(found.scores) == N and found.identity.digest == notes.digest
    assert Path("checked/scan/report.html").is_file()

    # Trained, scanned, reported.
    assert command(["train", "notes", "--epochs", "20", "--out", "run"]) == 0
    assert Run.open("run").info.data.digest == notes.digest
    assert command(["scan", "run", "--top-k", "12", "--out", "scan"]) == 1
    ranked = pq.read_table("scan/ranking.parquet").to_pylist()
    flagged = [each["id"] for each in ranked if each["is_flagged"]]
    assert len(flagged) == 12 and sum("wrong" in each for each in flagged) >= 4
    page = Path("scan/report.html").read_text()
    shown = page.split("<body", 1)[1].split("<script", 1)[0]
    row = notes.ids.tolist().index(flagged[0])
    assert str(SOUNDS.show(notes.content, row).text) in shown and "image" not in shown

    # Reviewed: what is dropped is not in the export, which is written as it came.
    scanned = read_scan(Path("scan"))
    with contextlib.closing(Store(Path("scan") / FILE, identity_of(scanned))) as store:
        store.decide(flagged[0], Decision("drop"), version=0)
    assert command(["review", "scan", "--export", "cleaned"]) == 0
    assert sorted(p.name for p in Path("cleaned/data").iterdir()) == ["high", "low"]
    assert set(notes.ids) - set(open_data("cleaned/data").ids) == {flagged[0]}

    # Marked, audited, verified; somebody else's model is not found.
    assert command(["key", "new", "my.key"]) == 0
    assert command(["mark", "notes", "--key", "my.key", "--share", "0.5", "--out", "marked"]) == 0
    published = open_data("marked/release")
    assert published.modality is SOUNDS and (published.digests != notes.digests).sum() == N // 2
    told = ["--key", "my.key", "--marked", "marked"]
    assert command(["train", "marked/release", "--epochs", "60", "--out", "trained"]) == 0
    assert command(["audit", "trained", *told, "--out", "audit"]) in (0, 1)
    capsys.readouterr()
    assert command(["verify", "audit", *told]) == 0
    assert "no" not in capsys.readouterr().out.split()
    evidence = json.loads(Path("audit/evidence.json").read_text())
    assert evidence["protocol"]["design"] == "tones" and evidence["coins"] == N // 2
    innocent = run_audit("marked", Key.read("my.key"), "run", "innocent")
    assert innocent.log10_p_value > -6  # for one key of a million
    assert all(each.holds for each in verify("innocent", "marked", Key.read("my.key")))


def test_what_a_mark_cannot_do_is_said_in_one_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["key", "new", "my.key"]) == 0
    given = ["mark", "notes", "--key", "my.key", "--design", "canaries", "--out", "marked"]
    assert command(given) == 2
    told = capsys.readouterr().err
    told = told.splitlines()[-1]
    assert "texts" in told and "sounds" in told and "tones" in told
    assert not Path("marked").exists()


def test_without_the_registration_nothing_is_known_of_it(place: Path) -> None:
    from radiotracer.data.format import FORMATS

    FORMATS.unregister("sound-folder")
    with pytest.raises(InputError):
        open_data("notes")
    FORMATS.register(sounds.SoundFolder())
