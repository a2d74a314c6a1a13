"""The model refuses what cannot be true, shows hidden characters, keeps the contract's names."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from radiotracer.present import Curve, Dataset, Decision, DetectorRow, Distribution, Findings, Group

DATASET = Dataset(name="d", examples=10, class_names=("a", "b"))
DECISION = Decision(detector="loss", rule="top 1", flagged=1)


def test_json_round_trip(full: Findings) -> None:
    assert Findings.model_validate_json(full.to_json()) == full


def test_json_uses_the_metric_names_of_summary_json(full: Findings) -> None:
    row = json.loads(full.to_json())["detectors"][0]
    assert {"tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "false_positive_rate"} <= row.keys()


def test_hidden_characters_become_visible_escapes() -> None:
    name = Dataset(name="a\u202eb\u2028c\x00\x1b[31m\udcff", examples=1, class_names=()).name
    assert name == "a\\u202eb\\u2028c\\x00\\x1b[31m\\udcff"


def test_printable_text_of_any_language_is_kept() -> None:
    assert Dataset(name="数字 é →", examples=1, class_names=()).name == "数字 é →"


def test_findings_are_frozen_and_refuse_unknown_fields() -> None:
    findings = Findings(title="t", dataset=DATASET, decision=DECISION)
    with pytest.raises(ValidationError, match="frozen"):
        findings.title = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Findings.model_validate({**findings.model_dump(), "surprise": 1})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_numbers_are_finite_and_times_positive(bad: float) -> None:
    with pytest.raises(ValidationError):
        DetectorRow(name="x", description="", seconds=bad)


def test_an_opponent_has_negative_influence(full: Findings) -> None:
    opponent = full.flagged[0].opponents[0]
    with pytest.raises(ValidationError, match="less than 0"):
        type(opponent).model_validate({**opponent.model_dump(), "influence": 0.1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": DECISION.model_copy(update={"flagged": 11})}, "more examples are flagged"),
        ({"curves": (Curve(detector="a", recall=(1.0,), precision=(1.0,)),)}, "need a manifest"),
        (
            {
                "detectors": tuple(
                    DetectorRow(name=n, description="", seconds=1.0, is_default=True) for n in "ab"
                )
            },
            "only one detector",
        ),
    ],
)
def test_contradictions_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Findings(**{"title": "t", "dataset": DATASET, "decision": DECISION, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("edges", "counts"), [((0.0, 1.0, 2.0), (1,)), ((1.0, 0.0), (1,)), ((0.0, 0.0), (1,))]
)
def test_a_histogram_must_add_up(edges: tuple[float, ...], counts: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Distribution(
            axis_title="x",
            scale="linear",
            edges=edges,
            groups=(Group(name="g", counts=counts, is_suspicious=False),),
        )


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.org/a.png",
        "data:image/svg+xml;base64,AAAA",
        'data:image/png;base64,AAAA" onerror="x',
        "data:image/png;base64,AAAA\n",
    ],
)
def test_only_data_uris_of_pictures_are_thumbnails(full: Findings, uri: str) -> None:
    card = full.flagged[0].model_dump()
    with pytest.raises(ValidationError, match="thumbnail"):
        type(full.flagged[0]).model_validate({**card, "thumbnail": uri})
