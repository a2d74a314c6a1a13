"""The files of an explanation: what was found, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from radiotracer import Explanation, explain, write_explanation
from radiotracer.errors import InputError, StorageError
from radiotracer.present import Reasons
from radiotracer.present.views.explanation import describe
from tiny_world import World

TOP = [
    "schema_version", "title", "run", "data", "data_digest", "query_data", "examples", "noun",
    "tampered", "method", "traced", "checkpoints", "label", "top_k", "sign", "queries",
    "provenance", "notes",
]  # fmt: skip
QUERY = [
    "row", "id", "given_label", "predicted_label", "probability", "explained_label", "proponents",
    "opponents", "classes", "tampered",
]  # fmt: skip
CAUSE = ["rank", "row", "id", "label", "influence", "share", "is_tampered", "original_label"]


@pytest.fixture(scope="module")
def found(tiny: World) -> Explanation:
    return explain(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rows=[5, 2],
        top_k=6,
        manifest=tiny.manifest,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_json(found: Explanation, tiny: World, tmp_path: Path) -> None:
    reasons = write_explanation(found, tmp_path / "deep" / "out", command="the command")
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["explanation.html", "explanation.json"]
    kept = json.loads((tmp_path / "deep" / "out" / "explanation.json").read_text())
    assert kept == json.loads(reasons.to_json())
    assert list(kept) == TOP and kept["schema_version"] == 1
    assert kept["data_digest"] == tiny.tampered.digest and kept["examples"] == 96
    for column, query in enumerate(kept["queries"]):
        assert list(query) == QUERY
        scores, shares = found.influence[:, column], found.shares[:, column]
        for end, sign in (("proponents", 1), ("opponents", -1)):
            rows = [cause["row"] for cause in query[end]]
            order = np.argsort(-sign * scores, kind="stable")[:6]
            assert rows == [row for row in order.tolist() if sign * scores[row] > 0]
            for rank, cause in enumerate(query[end], start=1):
                row = cause["row"]
                assert list(cause) == CAUSE and cause["rank"] == rank
                assert cause["id"] == tiny.tampered.ids[row]
                assert cause["influence"] == scores[row] and cause["share"] == shares[row]
                assert cause["is_tampered"] == tiny.manifest.is_tampered[row]
                original = tiny.manifest.original_labels[row]
                assert cause["original_label"] == tiny.tampered.class_names[original]
        assert sum(push["examples"] for push in query["classes"]) == 96
        total = sum(push["influence"] for push in query["classes"])
        assert total == pytest.approx(scores.sum())
        pushes = [push["influence"] for push in query["classes"]]
        assert pushes == sorted(pushes, reverse=True)
        mid = next(push for push in query["classes"] if push["label"] == "mid")
        assert mid["influence"] == pytest.approx(scores[tiny.tampered.labels == 1].sum())
        tampered = tiny.manifest.is_tampered
        assert query["tampered"]["influence"] == pytest.approx(scores[tampered].sum())
        assert query["tampered"]["examples"] == tampered.sum()


def test_without_a_manifest_nothing_is_said_of_tampering(found: Explanation) -> None:
    reasons = describe(dataclasses.replace(found, manifest=None), command="c")
    assert reasons.tampered is None
    for query in reasons.queries:
        assert query.tampered is None
        assert all(c.is_tampered is None and c.original_label is None for c in query.proponents)


def test_equal_explanations_give_equal_files(found: Explanation, tmp_path: Path) -> None:
    for out in ("one", "two"):
        write_explanation(found, tmp_path / out, command="c")
    for name in names(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_influence_that_is_zero_everywhere(found: Explanation) -> None:
    flat = dataclasses.replace(found, influence=np.zeros_like(found.influence))
    query = describe(flat, command="c").queries[0]
    assert query.proponents == query.opponents == ()
    assert all(push.share == 0 for push in query.classes)


def test_an_earlier_explanation(found: Explanation, tmp_path: Path) -> None:
    write_explanation(found, tmp_path / "out", command="one")
    with pytest.raises(InputError, match="which already holds explanation"):
        write_explanation(found, tmp_path / "out", command="two")
    write_explanation(found, tmp_path / "out", command="three", overwrite=True)
    assert "three" in (tmp_path / "out" / "explanation.html").read_text()


@pytest.mark.parametrize(
    "step", ["radiotracer.present.explanation_files.render_reasons", "Reasons.to_json"]
)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("bug")])
def test_a_failure_while_writing(
    found: Explanation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: Exception,
) -> None:
    def fail(*_: object) -> object:
        raise error

    write_explanation(found, tmp_path / "old", command="kept")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    if step == "Reasons.to_json":
        monkeypatch.setattr(Reasons, "to_json", fail)
    else:
        monkeypatch.setattr(step, fail)
    kind = StorageError if isinstance(error, OSError) else RuntimeError
    for out, overwrite in (("new", False), ("old", True)):
        with pytest.raises(kind):
            write_explanation(found, tmp_path / out, command="lost", overwrite=overwrite)
    assert names(tmp_path) == ["old"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
