"""Evidence: verdicts, claims that say no more than the p-value supports, the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from suspect_helpers import refusal

from audit_world import KEY, sample_audit, sample_evidence, sample_finding, small_release
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.drawing import drawing_of
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.release import Release
from radiotracer.provenance.wording import ALTERNATIVES, ten_to, why_inconclusive


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return small_release(tmp_path_factory.mktemp("release"), rows=12)


def concluded(
    release: Release, finding: Finding, adjusted: float, first_seen: str | None = None, **more: Any
) -> Evidence:
    by_owner = drawing_of(release.record.randomness, release.commitment.digest, None)
    return conclude(
        finding,
        release,
        KEY.fingerprint,
        adjusted=adjusted,
        audits=[sample_audit(finding.log10_p)],
        drawing=by_owner.model_copy(update=more),
        first_seen=first_seen,
        suspect=Asked(name="suspect", identity={"kind": "x"}, queries=24, log_sha256="ab" * 32),
        references=(),
        held_out=None,
        created="2026-01-31T12:00:00+00:00",
        version="0.1.0",
    )


def test_what_decides_is_the_adjusted_p_value(release: Release) -> None:
    finding = sample_finding(log10_p=-2.2)
    assert concluded(release, finding, -2.0).verdict == "trained-on-marked-data"
    assert concluded(release, finding, -1.999).verdict == "no-evidence"


def test_claims(release: Release) -> None:
    accused = concluded(release, sample_finding(), -6.8)
    assert accused.claim == (
        "Consistent with training on data derived from the marked release: were the model "
        "independent of the coins, evidence this strong would come up with probability at most "
        "10^-7.1 (10^-6.8 after Holm over 1 audit, which is the owner's count). The coins were "
        "drawn by the owner of the data, and nothing excludes that they were drawn until they fell "
        "so: this rests on the owner's word."
    )
    silent = concluded(release, sample_finding(log10_p=-0.3), -0.3)
    assert silent.claim.startswith(
        "No evidence of training on the marked release; that does not show that it was not: "
    )
    assert any("no proof in law" in each for each in accused.alternatives)
    assert not any("proof" in each for each in silent.alternatives)
    for sentences in ALTERNATIVES.values():
        assert all(each.endswith(".") for each in sentences)


def test_what_decides_is_charged_for_commitments_that_were_thrown_away(release: Release) -> None:
    charge = {"log10_allowance": 5.0, "allowed_for": "many commitments", "sentence": "So."}
    found = concluded(release, sample_finding(), -6.8, **charge)
    assert found.deciding_log10_p_value == pytest.approx(-1.8)
    assert found.verdict == "no-evidence" and found.log10_p_value == -7.1
    assert "and 10^-1.80 with an allowance for many commitments)" in found.claim
    charge["log10_allowance"] = 4.8
    found = concluded(release, sample_finding(), -6.8, **charge)
    assert found.verdict == "trained-on-marked-data" and found.claim.endswith(" So.")
    # What no answer could reach is inconclusive: 600 coins show 2^-600 at best.
    charge["log10_allowance"] = 179.0
    found = concluded(release, sample_finding(), -6.8, **charge)
    assert found.verdict == "inconclusive" and "after the allowance" in found.claim


@pytest.mark.parametrize(
    ("first_seen", "drawn_at", "verdict"),
    [
        ("2026-01-30", "2026-01-31T09:00:00+00:00", "inconclusive"),
        ("2026-01-31", "2026-01-31T09:00:00+00:00", "trained-on-marked-data"),
        ("2020-01-01", None, "trained-on-marked-data"),
        (None, "2026-01-31T09:00:00+00:00", "trained-on-marked-data"),
    ],
)
def test_a_model_that_is_older_than_the_coins(
    release: Release, first_seen: str | None, drawn_at: str | None, verdict: str
) -> None:
    found = concluded(release, sample_finding(), -7.1, first_seen, drawn_at=drawn_at)
    assert found.verdict == verdict
    assert ("cannot have been trained" in found.claim) == (verdict == "inconclusive")
    silent = concluded(release, sample_finding(log10_p=-0.3), -0.3, first_seen, drawn_at=drawn_at)
    assert silent.verdict == "no-evidence"


def test_a_control_that_failed_decides_everything(release: Release) -> None:
    found = concluded(release, sample_finding(passed=False), -7.1)
    assert found.verdict == "inconclusive"
    assert found.inconclusive_because == (
        "this control failed: references, so that the test cannot be relied on here"
    )
    assert found.inconclusive_because in found.claim and "Nothing follows" in found.claim


def test_too_few_coins() -> None:
    """Six coins show 2^-6 at best, which is more than 0.01; seven are enough."""
    because = why_inconclusive(sample_finding(coins=6), 0.01)
    assert because is not None
    assert "stands on 6 coins, which cannot show less than 10^-1.81" in because
    assert why_inconclusive(sample_finding(coins=7), 0.01) is None
    assert why_inconclusive(sample_finding(coins=1), 0.5) is None
    uncounted = replace(sample_finding(coins=1), least_log10_p=None)
    assert why_inconclusive(uncounted, 0.01) is None


def test_controls_are_summed_up(release: Release) -> None:
    found = concluded(release, sample_finding(), -7.1)
    summary = found.control_summary
    assert (summary.count, summary.at_0_05, summary.at_0_01, summary.at_0_001) == (
        1000, 0.05, 0.01, 0.001,
    )  # fmt: skip
    assert summary.uniform_log10_p is not None and summary.uniform_log10_p > -0.5
    none = concluded(release, replace(sample_finding(), control_log10_p=()), -7.1)
    assert none.control_summary.count == 0 and none.control_summary.uniform_log10_p is None
    exact = tuple(np.log10(np.full(3, 1 / 3)))
    kept = concluded(release, replace(sample_finding(), control_log10_p=exact), -7.1)
    assert kept.control_log10_p == (-0.4771, -0.4771, -0.4771)


@pytest.mark.parametrize(
    ("log10_p", "text"),
    [(0.0, "1"), (-0.001, "1"), (-1.999, "10^-2.00"), (-1.96, "10^-1.96"), (-412.34, "10^-412.3")],
)
def test_powers(log10_p: float, text: str) -> None:
    assert ten_to(log10_p) == text


def test_the_file(tmp_path: Path) -> None:
    """The contract: these names at the top, and nothing that nobody knows."""
    evidence = sample_evidence()
    evidence.write(tmp_path)
    told = json.loads((tmp_path / "evidence.json").read_text())
    wanted = "log10_p_value access statistic null controls commitment_verified verdict"
    assert set(wanted.split()) < told.keys()
    assert Evidence.read(tmp_path) == Evidence.read(tmp_path / "evidence.json") == evidence
    for name, change in {
        "none": None,
        "text": "what?",
        "field": json.dumps(told | {"more": 1}),
        "verdict": json.dumps(told | {"verdict": "guilty"}),
        "p": json.dumps(told | {"log10_p_value": 1.0}),
        "nan": json.dumps(told | {"effect": float("nan")}),
        "commitment": json.dumps(told | {"commitment_verified": False}),
    }.items():
        path = tmp_path / f"{name}.json"
        if change is not None:
            path.write_text(change)
        text = refusal(lambda path=path: Evidence.read(path))  # type: ignore[misc]
        assert f"at {path}" in text and text.isprintable()
