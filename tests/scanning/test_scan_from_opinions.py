"""A scan of out-of-fold opinions: the same formulas in float64, the same files, page and review."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from radiotracer.cli import run
from radiotracer.data import Dataset, open_data
from radiotracer.detectors import (
    DETECTORS,
    OPINION_DETECTOR,
    Need,
    Observation,
    Ranking,
    Reference,
    Rule,
    Summed,
    Trace,
    baseline_names,
)
from radiotracer.detectors.linear import fit_head, out_of_fold, standardised
from radiotracer.digested import require_digest
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.integrations import issue_table
from radiotracer.opinions import Opinions
from radiotracer.opinions.noise import fit_noise
from radiotracer.opinions.reduced import reduction_of
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.influence import Influence
from radiotracer.review.kept import open_kept
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store
from radiotracer.scanning import Scan, scan, scan_opinions, summarise, write_scan
from tiny_world import World

OF_A_TRAINING = {
    *(Need.DIRECTION, Need.UNIT_DIRECTION, Need.NORM, Need.CHECKPOINTS),
    *(Need.INCIDENT, Need.OUTPUT),
}

DECIDES = OPINION_DETECTOR if OPINION_DETECTOR in DETECTORS else "label-posterior"
FOLDS = 3


def features_of(data: Dataset) -> NDArray[np.float32]:
    """What a frozen backbone might show of the tiny images: the mean of every row, and noise."""
    rows = data.content.astype(np.float32).mean(axis=2).reshape(len(data), -1)
    noise = np.random.default_rng(len(data)).normal(size=(len(data), 3))
    return np.concatenate([rows, noise], axis=1).astype(np.float32)


def logs(head: object, points: NDArray[np.float32]) -> NDArray[np.float64]:
    said = np.maximum(head.predict_proba(points), 1e-9)  # type: ignore[attr-defined]
    return np.log(said / said.sum(axis=1, keepdims=True))


def formed(train: Dataset, validation: Dataset | None = None) -> Opinions:
    """Linear heads, fitted out of fold, about data that have every class."""
    raw = features_of(train)
    points = standardised(raw)
    outputs = np.zeros((len(train), len(train.class_names)))
    folds = np.zeros(len(train), dtype=np.int64)
    asked = None if validation is None else features_of(validation)
    said = []
    for number, (fitted, left) in enumerate(out_of_fold(train.labels, FOLDS, 0)):
        head = fit_head(points[fitted], train.labels[fitted])
        outputs[left], folds[left] = logs(head, points[left]), number
        if asked is not None:
            said.append(logs(head, standardised(asked, raw)))
    return Opinions(
        labels=train.labels,
        outputs=outputs,
        folds=folds,
        words="rows of pixels; linear heads",
        noise=fit_noise(outputs, train.labels),
        validation_labels=None if validation is None else validation.labels,
        validation=np.stack(said).astype(np.float32) if said else None,
        features=raw,
        validation_features=asked,
        seconds=1.5,
    )


@pytest.fixture(scope="module")
def opinions(tiny: World) -> Opinions:
    return formed(tiny.tampered, tiny.queries)


@pytest.fixture(scope="module")
def able() -> list[str]:
    """Every detector that needs no training."""
    return [name for name, each in DETECTORS.items() if not each.needs & OF_A_TRAINING]


@pytest.fixture(scope="module")
def found(tiny: World, opinions: Opinions, able: list[str]) -> Scan:
    first = [DECIDES, *(name for name in able if name != DECIDES)]
    return scan_opinions(
        opinions, tiny.tampered, tiny.queries, manifest=tiny.manifest, detectors=first, seed=4
    )


@pytest.fixture(scope="module")
def folder(found: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("opinions") / "scan"
    told = write_scan(found, out, command="a test")
    assert told == require_digest((out / "summary.json").read_bytes())
    return out


def gradients(outputs: NDArray[np.float64], labels: NDArray[np.int64], points: NDArray) -> NDArray:
    """Brute force: autograd through a head whose outputs are these, flat, shape (n, ...)."""
    rows = []
    for output, label, point in zip(outputs, labels, points.astype(np.float64), strict=True):
        weight = torch.zeros(len(output), len(point), dtype=torch.float64, requires_grad=True)
        bias = torch.from_numpy(output.copy()).requires_grad_()
        # The weight is zero, so that the outputs are the bias: its gradient is what is asked for.
        loss = cross_entropy((weight @ torch.from_numpy(point) + bias)[None], torch.tensor([label]))
        parts = torch.autograd.grad(loss, [weight, bias])
        rows.append(torch.cat([part.flatten() for part in parts]).numpy())
    return np.stack(rows)


@pytest.fixture(scope="module")
def exact(opinions: Opinions) -> tuple[NDArray, NDArray]:
    """Last-layer gradients of both sides, by brute force."""
    assert opinions.validation is not None and opinions.validation_features is not None
    mean = np.log(np.exp(opinions.validation.astype(np.float64)).mean(axis=0))
    reduce = reduction_of(opinions.features)
    return (
        gradients(opinions.outputs, opinions.labels, reduce(opinions.features)),
        gradients(mean, opinions.validation_labels, reduce(opinions.validation_features)),
    )


def test_influence_against_brute_force(
    found: Scan, tiny: World, exact: tuple[NDArray, NDArray]
) -> None:
    rows = np.array([5, 0, 71])
    influence = found.source.influence(rows, tiny.tampered, tiny.queries)
    np.testing.assert_allclose(influence, exact[0][rows] @ exact[1].T, rtol=1e-9, atol=1e-12)


def test_scores_against_brute_force(found: Scan, exact: tuple[NDArray, NDArray]) -> None:
    train, validation = exact
    wanted = {
        "tracin-last-layer": -(train @ validation.sum(axis=0)),
        "self-influence-last-layer": (train**2).sum(axis=1),
        "norm": np.sqrt((train**2).sum(axis=1)),
    }
    for name, scores in wanted.items():
        np.testing.assert_allclose(found.rankings[name].scores, scores, rtol=1e-9, atol=1e-11)


def test_loss_and_margin_are_the_formulas(found: Scan, opinions: Opinions) -> None:
    own = opinions.outputs[np.arange(96), opinions.labels]
    others = opinions.outputs.copy()
    others[np.arange(96), opinions.labels] = -np.inf
    np.testing.assert_array_equal(found.rankings["loss"].scores, -own)
    np.testing.assert_array_equal(found.rankings["margin"].scores, others.max(axis=1) - own)


def test_flipped_labels_are_found(found: Scan) -> None:
    quality = found.quality("loss")
    assert quality is not None and quality[0].auroc > 0.9
    assert found.detector == DECIDES


def test_every_detector_runs_or_says_what_it_lacks(
    tiny: World, opinions: Opinions, able: list[str]
) -> None:
    found = scan_opinions(
        opinions, tiny.tampered, tiny.queries, detectors=["loss", *DETECTORS], seed=1
    )
    assert set(found.rankings) | set(found.left_out) == set(DETECTORS)
    assert set(found.left_out) == set(DETECTORS) - set(able)
    for name, why in found.left_out.items():
        for need in DETECTORS[name].needs & OF_A_TRAINING:
            assert need.value in why
    for ranking in found.rankings.values():
        assert ranking.scores.shape == (96,) and np.isfinite(ranking.scores).all()
    assert all(found.seconds[name] >= opinions.seconds for name in found.rankings)


def test_the_default_set(tiny: World, opinions: Opinions) -> None:
    found = scan_opinions(opinions, tiny.tampered, tiny.queries)
    assert found.detector == DECIDES and found.left_out == {}
    further = {"label-posterior", "tracin-last-layer", "self-influence-last-layer", "deep-knn"}
    assert set(found.rankings) == {DECIDES, *further, *baseline_names()}


def test_without_validation_examples_and_features(tiny: World) -> None:
    bare = dataclasses.replace(formed(tiny.tampered), features=None)
    found = scan_opinions(bare, tiny.tampered)
    assert "validation examples" in found.left_out["tracin-last-layer"]
    for name in ("norm", "deep-knn", "self-influence-last-layer"):
        assert "linear layer" in found.left_out[name]
    assert {"loss", "margin", "random", "label-posterior"} <= set(found.rankings)
    assert found.source.influence(np.array([0]), tiny.tampered, tiny.queries) is None
    assert found.source.kept is None
    with pytest.raises(InputError, match=r"what deep-knn needs: .*let another detector"):
        scan_opinions(bare, tiny.tampered, detectors=["deep-knn"])


@dataclasses.dataclass(frozen=True)
class Listener:
    """A detector of the caller's own that reads whole opinions."""

    name: str = "listener"
    summary: str = "share of folds' models that say something else"
    needs: frozenset[Need] = frozenset({Need.OPINIONS})
    baseline: bool = False

    def observe(self, seen: Observation) -> torch.Tensor:
        return torch.zeros(len(seen.labels), 0)

    def rank(self, trace: Trace) -> Ranking:
        assert trace.survey is not None and trace.survey.opinions is not None
        return Ranking(trace.survey.opinions.folds.astype(np.float64))


def test_detectors_of_the_callers_own(tiny: World, opinions: Opinions) -> None:
    two = Summed("entropy", "entropy", lambda seen: -(seen.outputs.exp() * seen.outputs).sum(dim=1))
    given = [Listener(), two]
    found = scan_opinions(opinions, tiny.tampered, tiny.queries, detectors=given)
    assert found.detector == "listener"
    np.testing.assert_array_equal(found.scores, opinions.folds)
    entropy = -(np.exp(opinions.outputs) * opinions.outputs).sum(axis=1)
    np.testing.assert_allclose(found.rankings["entropy"].scores, entropy, rtol=1e-12)
    recorded = scan(
        tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=["loss", Listener()]
    )
    assert recorded.left_out == {"listener": "out-of-fold opinions, as check has them"}
    wrong = Summed("wrong", "none", lambda seen: seen.losses[:3])
    with pytest.raises(InputError, match=r"shape \(96, k\) from observe of wrong"):
        scan_opinions(opinions, tiny.tampered, tiny.queries, detectors=[wrong])
    endless = Summed("endless", "none", lambda seen: seen.losses / 0.0)
    with pytest.raises(NotFiniteError, match="finite scores from endless"):
        scan_opinions(opinions, tiny.tampered, tiny.queries, detectors=[endless])


def test_rules_and_references_are_those_of_every_scan(tiny: World, opinions: Opinions) -> None:
    pair = (opinions, tiny.tampered, tiny.queries)
    by_number = scan_opinions(*pair, detectors=["loss"], rule=Rule(top_k=7))
    worst = set(np.argsort(-by_number.scores, kind="stable")[:7])
    assert set(np.flatnonzero(by_number.decision.is_flagged)) == worst
    clean = Reference(np.flatnonzero(~tiny.manifest.is_tampered)[:60], "looked at")
    held = scan_opinions(*pair, detectors=["loss"], rule=Rule(fdr=0.3), clean_reference=clean)
    assert not held.decision.is_flagged[clean.rows].any() and held.decision.is_flagged.any()


def test_what_is_not_about_these_examples(tiny: World, opinions: Opinions) -> None:
    def refused(kind: type[InputError], match: str, **changed: object) -> None:
        with pytest.raises(kind, match=match):
            scan_opinions(dataclasses.replace(opinions, **changed), tiny.tampered, tiny.queries)

    outputs = opinions.outputs.copy()
    outputs[3, 1] = -np.inf
    refused(NotFiniteError, "finite outputs of opinions; got 1 NaN", outputs=outputs)
    refused(DataError, "96 training examples", labels=opinions.labels[::-1].copy())
    refused(DataError, "about the 3 classes", outputs=opinions.outputs[:, :2])
    refused(DataError, "outputs of opinions with shape", outputs=opinions.outputs[:50])
    refused(DataError, "36 validation examples.*got none", validation_labels=None)
    refused(DataError, "features of opinions with shape", features=opinions.features[:9])
    refused(DataError, "validation_features .* got none", validation_features=None)
    with pytest.raises(DataError, match="expected validation="):
        scan_opinions(opinions, tiny.tampered)


def test_the_files(found: Scan, folder: Path, tiny: World) -> None:
    names = {"ranking.parquet", "report.html", "scores.parquet", "summary.json"}
    assert {each.name for each in folder.iterdir()} == {*names, "opinions.safetensors"}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["run"] is None and summary["data"] == tiny.tampered.source
    assert summary["reading"] == {} and summary["detector"] == DECIDES
    assert summary["source"] == {
        "kind": "out-of-fold",
        "words": "out-of-fold models (rows of pixels; linear heads)",
        "kept": "opinions.safetensors",
    }
    table = pq.read_table(folder / "ranking.parquet").sort_by("id")
    order = np.argsort(tiny.tampered.ids)
    np.testing.assert_array_equal(table["score"].to_numpy(), found.scores[order])
    np.testing.assert_array_equal(table["is_flagged"], found.decision.is_flagged[order])
    assert pl.DataFrame(found)["loss"].to_list() == found.rankings["loss"].scores.tolist()
    assert issue_table(folder).num_rows == 96


def test_the_page_and_the_glance(found: Scan, folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "out-of-fold models (rows of pixels; linear heads)" in page
    assert "Training command" not in page and "no training was followed" in page
    assert "Labels to check" in page and "The first 24 of the ranking" in page
    assert "rows of pixels" in found._repr_html_()
    assert len(repr(found)) < 300 and len(repr(found.source)) < 300


def test_the_page_of_a_recorded_training_speaks_of_it(tiny: World, tmp_path: Path) -> None:
    recorded = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, rule=Rule(top_k=4))
    summary = write_scan(recorded, tmp_path / "scan")
    assert summary["source"]["kind"] == "run" and summary["source"]["kept"] is None
    assert summary["run"] == str(tiny.folder.absolute())
    page = (tmp_path / "scan" / "report.html").read_text()
    assert "look like to the network" in page and "got worse at by training" in page
    assert not (tmp_path / "scan" / "opinions.safetensors").exists()


def test_a_review_shows_the_influence_of_the_page(
    folder: Path, tiny: World, exact: tuple[NDArray, NDArray]
) -> None:
    kept = read_scan(folder).source.kept
    assert kept is not None
    influence = Influence(lambda: open_kept(kept, tiny.tampered, tiny.queries))
    try:
        influence.ask("validation", 3)
        influence._pool.submit(lambda: None).result()
        answer = influence.ask("validation", 3)
        influence.ask("train", 3)
        influence._pool.submit(lambda: None).result()
        others = influence.ask("train", 3)
    finally:
        influence.close()
    wanted = exact[1] @ exact[0][3]
    assert answer.state == "done" and answer.proponents and answer.opponents
    for each in (*answer.proponents, *answer.opponents):
        np.testing.assert_allclose(each.influence, wanted[each.row], rtol=0.02, atol=1e-3)
    assert answer.opponents[0].row == np.argmin(wanted)
    assert others.state == "done" and all(each.row != 3 for each in others.proponents)


def test_what_was_kept_is_held_against_the_data(folder: Path, tiny: World, tmp_path: Path) -> None:
    path = folder / "opinions.safetensors"
    with pytest.raises(DataError, match="the train examples of the scan"):
        open_kept(path, tiny.clean, tiny.queries)
    with pytest.raises(DataError, match="the validation examples of the scan"):
        open_kept(path, tiny.tampered, tiny.queries.take(range(5)))
    damaged = tmp_path / "opinions.safetensors"
    for content in (b"", path.read_bytes()[:-40]):
        damaged.write_bytes(content)
        with pytest.raises(InputError, match="as the scan wrote it"):
            open_kept(damaged, tiny.tampered, tiny.queries)


def test_an_export_of_a_review(
    folder: Path, tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data are opened by what summary.json says, without any run."""
    monkeypatch.chdir(tmp_path)
    decided = Path(shutil.copytree(folder, "scan"))
    scanned = read_scan(decided)
    store = Store(decided / FILE, identity_of(scanned))
    try:
        board = Board(scanned, tiny.tampered, match(scanned, tiny.tampered), store)
        board.decide(0, "drop", None, 0)
    finally:
        store.close()
    assert run(["review", "scan", "--export", "cleaned"]) == 0
    assert set(open_data("cleaned/data").ids) == set(tiny.tampered.ids) - {scanned.ids[0]}


def test_explain_says_that_there_is_no_training(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(folder), "--query", "mnist:test#1"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "a scan of out-of-fold models" in said
    assert "record one by `radiotracer train`" in said


def test_summaries_do_not_need_a_manifest(found: Scan) -> None:
    summary = summarise(dataclasses.replace(found, manifest=None))
    assert all(list(row) == ["seconds"] for row in summary["detectors"].values())
