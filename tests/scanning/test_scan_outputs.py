"""The files of a scan: exactly the contract's columns and keys, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from in_a_child import in_a_child, limit_files
from radiotracer import Rule, Run, record, write_scan
from radiotracer.digested import require_digest
from radiotracer.errors import InputError, StorageError
from radiotracer.scanning import (
    Scan,
    outputs,
    read_reference,
    scan,
    summarise,
    write_scan_files,
)
from radiotracer.scanning.inputs import ScanInputs
from tiny_world import World

FILES = ["ranking.parquet", "report.html", "scores.parquet", "summary.json"]
METRICS = [
    "auroc",
    "auprc",
    "tpr_at_fpr_0.01",
    "tpr_at_fpr_0.001",
    "precision",
    "recall",
    "false_positive_rate",
]
TOP = [
    *(
        "schema_version",
        "examples",
        "flagged",
        "detector",
        "rule",
        "inconclusive",
        "seed",
        "run",
        "source",
        "data",
        "reading",
        "validation",
    ),
    *(
        "data_digest",
        "read",
        "grounds",
        "expected_wrong",
        "health",
        "left_out",
        "notes",
        "precision",
        "detectors",
    ),
]


@pytest.fixture(scope="module")
def judged(tiny: World) -> Scan:
    return scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        manifest=tiny.manifest,
        rule=Rule(top_k=9),
    )


@pytest.fixture(scope="module")
def written(judged: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written") / "deep" / "scan"
    returned = write_scan(judged, out, command="the command")
    assert returned == require_digest((out / "summary.json").read_bytes())
    return out


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_files(written: Path) -> None:
    assert names(written) == FILES
    assert names(written.parent) == ["scan"]


def test_suspects(written: Path, judged: Scan, tiny: World) -> None:
    table = pq.read_table(written / "ranking.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string",
        "label": "string",
        "score": "double",
        "rank": "int64",
        "p_value": "double",
        "q_value": "double",
        "probability": "double",
        "is_flagged": "bool",
        "suggested_label": "string",
        "is_reference": "bool",
    }
    assert table.column_names[:4] == ["id", "label", "score", "rank"]
    rows = table.to_pylist()
    assert [row["rank"] for row in rows] == list(range(1, 97))
    assert [row["is_flagged"] for row in rows] == [True] * 9 + [False] * 87
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    p_values = judged.rankings["contrast"].p_values
    assert judged.detector == "contrast" and p_values is not None
    q_values = [row["q_value"] for row in rows]
    assert q_values == sorted(q_values) and 0 < q_values[0] < q_values[-1] <= 1
    assert all(row["p_value"] <= row["q_value"] for row in rows)
    row_of = {name: row for row, name in enumerate(tiny.tampered.ids.tolist())}
    for row in rows:
        index = row_of.pop(row["id"])
        assert row["score"] == judged.scores[index]
        assert row["label"] == tiny.tampered.class_names[tiny.tampered.labels[index]]
        assert row["suggested_label"] == tiny.tampered.class_names[judged.suggested[index]]
        assert row["p_value"] == p_values[index]
    assert not row_of


def test_a_detector_without_p_values(tiny: World, tmp_path: Path) -> None:
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=["label-posterior"])
    write_scan(found, tmp_path / "out", command="a test")
    rows = pq.read_table(tmp_path / "out" / "ranking.parquet").to_pylist()
    assert all(row["p_value"] is None and row["q_value"] is None for row in rows)
    assert all(row["suggested_label"] != row["label"] for row in rows)


def test_scores(written: Path, judged: Scan, tiny: World) -> None:
    table = pq.read_table(written / "scores.parquet")
    assert table.column_names == ["id", *judged.rankings]
    assert table["id"].to_pylist() == tiny.tampered.ids.tolist()
    for name, ranking in judged.rankings.items():
        np.testing.assert_array_equal(table[name].to_numpy(), ranking.scores)


def test_the_summary_with_a_manifest(written: Path, judged: Scan, tiny: World) -> None:
    summary = json.loads((written / "summary.json").read_text())
    assert list(summary) == [*TOP, "digest"]
    assert summary["examples"] == 96 and summary["flagged"] == 9 and summary["seed"] == 0
    assert summary["detector"] == "contrast" and summary["rule"] == "the 9 highest scores"
    assert summary["inconclusive"] is None
    assert summary["run"] == str(tiny.folder) and summary["data"] == str(tiny.data)
    assert summary["validation"] == f"{tiny.archive}:test"
    assert summary["data_digest"] == tiny.tampered.digest and summary["left_out"] == {}
    assert list(summary["detectors"]) == list(judged.rankings)
    for name, row in summary["detectors"].items():
        assert list(row) == [*METRICS, "seconds"]
        quality = judged.quality(name)
        assert quality is not None
        assert row["auprc"] == quality[0].auprc and row["recall"] == quality[1].recall
        assert row["tpr_at_fpr_0.01"] == quality[0].tpr_at_fpr_01
        assert row["tpr_at_fpr_0.001"] == quality[0].tpr_at_fpr_001


def test_the_summary_without_a_manifest(judged: Scan) -> None:
    summary = summarise(dataclasses.replace(judged, manifest=None))
    assert list(summary) == TOP
    assert all(list(row) == ["seconds"] for row in summary["detectors"].values())


def test_a_manifest_in_which_nothing_is_tampered(judged: Scan, tmp_path: Path) -> None:
    assert judged.manifest is not None
    clean = dataclasses.replace(judged.manifest, is_tampered=np.zeros(96, dtype=bool), recipe="")
    found = dataclasses.replace(judged, manifest=clean)
    summary = write_scan(found, tmp_path / "out", command="a test")
    assert all(list(row) == ["seconds"] for row in summary["detectors"].values())


def test_nothing_flagged(tiny: World, tmp_path: Path) -> None:
    found = scan(
        tiny.model, tiny.run, tiny.tampered, manifest=tiny.manifest, rule=Rule(threshold=1e9)
    )
    summary = write_scan(found, tmp_path / "out", command="a test")
    assert summary["flagged"] == 0
    row = summary["detectors"]["loss"]
    assert (row["precision"], row["recall"], row["false_positive_rate"]) == (None, 0.0, 0.0)
    assert summary["left_out"] == {
        "contrast": "validation examples, two or more of every class",
        "tracin-cp": "validation examples",
        "tracin-last-layer": "validation examples",
    }
    page = (tmp_path / "out" / "report.html").read_text()
    assert "tracin-cp was left out: it needs validation examples." in page
    assert "Without validation examples, ordinary confusion between classes counts" in page


def test_an_earlier_scan(judged: Scan, written: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_scan(judged, out, command="one")
    with pytest.raises(InputError) as caught:
        write_scan(judged, out, command="two")
    assert str(caught.value) == (
        f"expected a new folder; got {out}, which already holds summary.json; "
        "choose another out=, or pass overwrite=True to replace it"
    )
    (out / "stray").write_text("of an earlier version")
    write_scan(judged, out, command="three", overwrite=True)
    assert names(out) == FILES and "three" in (out / "report.html").read_text()


@pytest.mark.parametrize("step", ["_ranking", "_scores", "page_of"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("bug")])
def test_a_failure_while_writing(
    judged: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise error

    write_scan(judged, tmp_path / "old", command="kept")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    monkeypatch.setattr(outputs, step, fail)
    kind = StorageError if isinstance(error, OSError) else RuntimeError
    with pytest.raises(kind):
        write_scan(judged, tmp_path / "new", command="lost")
    with pytest.raises(kind):
        write_scan(judged, tmp_path / "old", command="lost", overwrite=True)
    assert names(tmp_path) == ["old"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before


def test_files_into_a_folder_that_exists(judged: Scan, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("stays")
    write_scan_files(judged, tmp_path, command="a test")
    assert names(tmp_path) == sorted([*FILES, "mine"])


class Arrays(Dataset[tuple[Any, int]]):
    """A map-style data set that gives NumPy arrays and plain numbers."""

    def __init__(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        self.inputs, self.labels = inputs.numpy(), labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        return self.inputs[row], self.labels[row]


@pytest.mark.parametrize("shape", [(4,), (1, 3, 5), (3, 3, 5), (2, 3, 5)])
@pytest.mark.parametrize("form", [TensorDataset, Arrays, lambda *pair: pair])
def test_data_of_ones_own(form: Callable[..., Any], shape: tuple[int, ...], tmp_path: Path) -> None:
    """Train data and queries as data sets or pairs, through the Python door, with a report."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40, *shape, generator=generator)
    labels = (inputs.flatten(1).sum(dim=1) > 0).long()
    labels[:4] = 1 - labels[:4]
    train, queries = form(inputs[:30], labels[:30]), form(inputs[30:], labels[30:])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with record(tmp_path / "run", model, optimizer, train, checkpoint_every=0) as recording:
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[:30]), labels[:30]).backward()
            recording.batch(range(30))
            optimizer.step()
    found = scan(model, Run.open(tmp_path / "run"), train, queries, rule=Rule(top_k=3))
    assert found.class_names == ("0", "1")
    summary = write_scan(found, tmp_path / "scan", command="a test")
    assert summary["flagged"] == 3 and names(tmp_path / "scan") == FILES
    assert (summary["data"], summary["validation"]) == (None, None)
    ids = pq.read_table(tmp_path / "scan" / "ranking.parquet")["id"].to_pylist()
    assert sorted(ids) == [f"{row:05d}" for row in range(30)]
    page = (tmp_path / "scan" / "report.html").read_text()
    assert "plain gradient descent; the run used Adam" in page


def test_a_disk_that_fills_up(judged: Scan, tmp_path: Path) -> None:
    def full() -> None:
        for limit in (100, 4000, 40_000):
            limit_files(limit)
            try:
                write_scan(judged, tmp_path / "out", command="a test")
            except StorageError as error:
                print(f"StorageError: {error}")
            else:
                print("written")

    done = in_a_child(full)
    lines = done.out.splitlines()
    assert (done.status, len(lines)) == (0, 3), done.err
    for line in lines:
        assert line.startswith("StorageError: expected to write ")
        assert "the file size limit is reached" in line
    assert names(tmp_path) == []


def test_what_is_printed_is_short(judged: Scan, tiny: World) -> None:
    flagged = int(judged.decision.is_flagged.sum())
    assert f"{flagged} of 96 examples flagged by contrast" in repr(judged)
    inputs = ScanInputs(tiny.model, tiny.run, tiny.tampered, tiny.queries)
    reference = read_reference(_listed(tiny), tiny.tampered.ids)
    ranking = judged.rankings[judged.detector]
    several = (judged, judged.decision, ranking, judged.source, inputs, reference, Rule(fdr=0.05))
    for each in (*several, inputs.tracing, inputs.tracing.objective):
        assert len(repr(each)) < 300 and "\n" not in repr(each), type(each)


def _listed(tiny: World) -> str:
    """As a text, as people write paths."""
    path = tiny.folder.parent / "listed.txt"
    path.write_text("\n".join(tiny.tampered.ids[:5]))
    return str(path)
