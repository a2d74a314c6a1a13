"""The known positive: what the owner found in a network of their own, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from audit_world import make_world
from radiotracer.errors import DataError
from radiotracer.files import write_text
from radiotracer.provenance import Key
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.drawing import drawing_of
from radiotracer.provenance.evidence import Asked
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.known_positive import KNOWN_POSITIVE, POWER_FILE, Power, known_positive
from radiotracer.provenance.release import Release
from radiotracer.provenance.strengths.owner import owners
from radiotracer.provenance.trial import smallest_share


def power(log10_p: float) -> Power:
    return Power(
        training={"architecture": "resnet18", "augment": "crops", "epochs": 7},
        share=0.01,
        alpha=0.01,
        log10_p={"scores": log10_p},
        smallest_share={"scores": None},
    )


def keep(folder: Path, what: Power) -> Path:
    (folder / "sealed").mkdir()
    write_text(folder / POWER_FILE, what.model_dump_json())
    return folder


def test_nobody_tried(tmp_path: Path) -> None:
    assert known_positive(tmp_path, "scores") is None
    keep(tmp_path, power(-9.0))
    assert known_positive(tmp_path, "labels") is None


@pytest.mark.parametrize(("log10_p", "passed"), [(-2.0, True), (-1.9, False), (-30.0, True)])
def test_found_or_not(tmp_path: Path, log10_p: float, passed: bool) -> None:
    control = known_positive(keep(tmp_path, power(log10_p)), "scores")
    assert control is not None and control.passed is passed
    assert control.came == f"log10 p {log10_p:.1f} (resnet18, crops, 7 epochs)"
    assert power(log10_p).weak is not passed


def test_a_damaged_file(tmp_path: Path) -> None:
    keep(tmp_path, power(-9.0))
    write_text(tmp_path / POWER_FILE, '{"share": 1}')
    with pytest.raises(DataError, match=r"power\.json as `radiotracer power` wrote it"):
        known_positive(tmp_path, "scores")


def test_the_smallest_share() -> None:
    """Four times the share doubles z; where nothing was found there is nothing to go by."""
    z = norm.isf(1e-2)
    assert smallest_share(np.log10(norm.sf(2 * z)), 0.04, 1e-2) == pytest.approx(0.01)
    assert smallest_share(-2.0, 0.01, 1e-2) == pytest.approx(0.01)
    assert smallest_share(-300.0, 0.01, 1e-2) == pytest.approx(0.01 * (z / 37.0471) ** 2, rel=1e-4)
    assert smallest_share(np.log10(0.6), 0.01, 1e-2) is None
    assert smallest_share(np.log10(0.4), 0.5, 1e-2) is None  # above 1


@pytest.mark.parametrize(
    ("log10_p", "passed", "verdict"),
    [
        (-0.3, True, "no-evidence"),
        (-0.3, False, "inconclusive"),
        (-9.0, False, "trained-on-marked-data"),
        (-9.0, True, "trained-on-marked-data"),
    ],
)
def test_what_follows(tmp_path: Path, log10_p: float, passed: bool, verdict: str) -> None:
    """A test that cannot see its known positive cannot clear anybody; what it sees, it saw."""
    world = make_world(tmp_path)
    finding = Finding(
        access="scores",
        statistic="s",
        null="n",
        log10_p=log10_p,
        effect=0.0,
        effect_means="m",
        coins=40,
        control_log10_p=(-0.1, -0.5),
        controls=(Control("fresh keys", "e", "c", True),),
    )
    evidence = conclude(
        finding,
        Release.read(world.marked),
        Key.read(world.key).fingerprint,
        adjusted=log10_p,
        audits=(),
        drawing=drawing_of(owners(Key(bytes(32))), "0" * 64, None),
        suspect=Asked(name="it", identity={"kind": "test"}, queries=3, log_sha256="0" * 64),
        references=(),
        held_out=None,
        created="2020-01-01T00:00:00+00:00",
        version="0",
        positive=Control(KNOWN_POSITIVE, "found", "came", passed),
    )
    assert evidence.verdict == verdict
    assert evidence.controls[-1].name == KNOWN_POSITIVE
    blind = verdict == "inconclusive"
    assert ("the known positive" in (evidence.inconclusive_because or "")) is blind
