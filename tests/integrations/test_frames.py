"""Results as frames of other libraries: the same numbers, and the same memory where that can be."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_world import sample_evidence, sample_finding
from radiotracer import Explanation, InputError, Scan, explain
from radiotracer.detectors import Decision
from radiotracer.integrations.frames import to_arrow, to_pandas, to_polars
from radiotracer.present import explanation_frame as explained
from tiny_world import World


@pytest.fixture(scope="module")
def explanation(tiny: World) -> Explanation:
    return explain(
        tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=[0, 5, 7], manifest=tiny.manifest
    )


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def buffer_of(table: pa.Table, name: str) -> int:
    chunks = table[name].chunks
    assert len(chunks) == 1
    chunk = chunks[0].indices if pa.types.is_dictionary(chunks[0].type) else chunks[0]
    return int(chunk.buffers()[1].address)


def test_a_scan_is_a_row_per_example(found: Scan, scan_folder: Path, tiny: World) -> None:
    table = to_arrow(found)
    written = pq.read_table(scan_folder / "ranking.parquet")
    assert table.column_names == [*written.column_names, *found.rankings, "is_tampered"]
    assert table["id"].to_pylist() == tiny.tampered.ids.tolist()
    assert table["is_tampered"].to_pylist() == tiny.manifest.is_tampered.tolist()
    ranked = table.sort_by("rank").to_pylist()
    for ours, theirs in zip(ranked, written.to_pylist(), strict=True):
        assert {name: ours[name] for name in theirs} == theirs
    scores = pq.read_table(scan_folder / "scores.parquet")
    for name in found.rankings:
        assert table[name].to_pylist() == scores[name].to_pylist()


def test_numbers_of_a_scan_are_shared_and_not_copied(found: Scan) -> None:
    table = to_arrow(found)
    shared = {
        "score": found.scores,
        "rank": found.decision.ranks,
        "label": found.identity.labels,
        "suggested_label": found.suggested,
        **{name: ranking.scores for name, ranking in found.rankings.items()},
    }
    for name, array in shared.items():
        assert buffer_of(table, name) == address(array), name
        assert buffer_of(pa.table(found), name) == address(array), name
    frame = pl.DataFrame(found)
    assert address(frame["score"].to_numpy()) == address(found.scores)
    assert address(to_polars(found)["rank"].to_numpy()) == address(found.decision.ranks)
    pandas = to_pandas(found)
    assert np.shares_memory(pandas["score"].to_numpy(), found.scores)
    assert np.shares_memory(pandas["rank"].to_numpy(), found.decision.ranks)


def test_p_values_are_shared_and_nan_is_null(found: Scan) -> None:
    p_values = np.linspace(0.01, 1.0, len(found.scores))
    p_values[3] = np.nan
    decision: Decision = dataclasses.replace(found.decision, p_values=p_values)
    table = to_arrow(dataclasses.replace(found, decision=decision))
    assert buffer_of(table, "p_value") == address(p_values)
    assert table["p_value"].null_count == 1 and table["p_value"][3].as_py() is None
    without = dataclasses.replace(found, decision=dataclasses.replace(decision, p_values=None))
    assert to_arrow(without)["p_value"].null_count == len(p_values)


def test_the_folder_says_the_same(found: Scan, scan_folder: Path) -> None:
    here, there = to_pandas(found), to_pandas(str(scan_folder))
    assert list(there) == [name for name in here if name != "is_tampered"]
    for name in ("label", "suggested_label"):
        assert here[name].astype(str).equals(there[name].astype(str))
        assert isinstance(there[name].dtype, pd.CategoricalDtype)
    rest = [name for name in there if name not in ("label", "suggested_label")]
    pd.testing.assert_frame_equal(here[rest], there[rest])


def test_libraries_take_results_without_our_help(found: Scan) -> None:
    suspects = int(found.decision.is_flagged.sum())
    assert suspects
    assert pl.DataFrame(found).filter("is_flagged").height == suspects
    frame = pd.DataFrame.from_arrow(found)
    assert frame["is_flagged"].sum() == suspects
    assert set(frame["label"].cat.categories) == {"low", "mid", "top"}
    counted = duckdb.sql("SELECT count(*) FROM found WHERE is_flagged").fetchall()
    assert counted == [(suspects,)]


def test_classes_of_one_name(found: Scan) -> None:
    twice = dataclasses.replace(found, class_names=("a", "a", "b"))
    frame = pl.DataFrame(twice)
    names = np.array(twice.class_names)[found.identity.labels]
    assert frame["label"].to_list() == names.tolist()


def test_an_explanation_is_a_row_per_pair(
    explanation: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, m = explanation.influence.shape
    monkeypatch.setattr(explained, "PAIRS", 100)
    table = to_arrow(explanation)
    assert len(table) == n * m and table["influence"].num_chunks > 2
    rows = table.to_pylist()
    for i, j in ((0, 0), (0, 2), (n - 1, 1), (40, 2)):
        row = rows[i * m + j]
        names = explanation.class_names
        assert row == {
            "query_row": int(explanation.rows[j]),
            "query_id": explanation.query_ids[j],
            "explained_label": names[explanation.targets[j]],
            "row": i,
            "id": explanation.identity.ids[i],
            "label": names[explanation.identity.labels[i]],
            "influence": explanation.influence[i, j],
            "share": pytest.approx(explanation.shares[i, j], abs=1e-15),
            "is_tampered": bool(explanation.manifest.is_tampered[i]),  # type: ignore[union-attr]
        }
    best = duckdb.sql(
        "SELECT row FROM explanation WHERE query_row = 5 ORDER BY influence DESC LIMIT 1"
    ).fetchall()
    assert best == [(int(explanation.top.proponents_rows[1, 0]),)]


def test_the_influence_is_shared(explanation: Explanation) -> None:
    start = address(explanation.influence)
    assert buffer_of(to_arrow(explanation), "influence") == start
    assert address(pl.DataFrame(explanation)["influence"].to_numpy()) == start


def test_audits_are_a_row_each(tmp_path: Path) -> None:
    findings = pl.concat([pl.DataFrame(sample_finding(log10_p=p)) for p in (-7.1, -0.5)])
    assert findings["log10_p"].to_list() == [-7.1, -0.5]
    assert findings["controls"][0][1]["name"] == "references"
    assert len(findings["control_log10_p"][0]) == 1000
    evidence = sample_evidence("no-evidence")
    evidence.write(tmp_path)
    for one in (to_arrow(evidence), to_arrow(tmp_path)):
        (row,) = one.to_pylist()
        assert row["verdict"] == "no-evidence" and row["audits"] == 2
        assert row["controls"][0]["passed"] is True
    assert to_pandas(evidence)["adjusted_log10_p_value"].tolist() == [0.0]


def test_what_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a scan"):
        to_arrow(tmp_path)
    with pytest.raises(InputError, match="got dict; pass one of these"):
        to_arrow({})  # type: ignore[arg-type]


def test_without_polars(found: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match="run pip install polars"):
        to_polars(found)
