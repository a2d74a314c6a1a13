"""Scans and audits in MLflow and in Weights & Biases, the real ones, on this machine alone."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_world import AuditWorld, make_world
from radiotracer import InputError, Scan
from radiotracer.cli import run as radiotracer
from radiotracer.integrations.logged import logged
from radiotracer.integrations.mlflow import log_to_mlflow
from radiotracer.integrations.wandb import log_to_wandb
from radiotracer.provenance.evidence import Evidence

CANARY = b"nobody may see this"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return make_world(tmp_path_factory.mktemp("tracked"))


@pytest.fixture(scope="module")
def audit(world: AuditWorld) -> Path:
    """An audit that found something, with the answers that give coins away."""
    out = world.key.parent / "audit"
    suspect = [str(world.trained), "--factory", "audit_world:mlp"]
    files = ["--key", str(world.key), "--marked", str(world.marked)]
    assert radiotracer(["audit", *suspect, *files, "--out", str(out)]) == 1
    assert (out / "queries.jsonl").is_file()
    (out / "notes.txt").write_bytes(CANARY)
    return out


@pytest.fixture
def scan(scan_folder: Path, tmp_path: Path) -> Path:
    """A scan beside whose files lie decisions."""
    copy = Path(shutil.copytree(scan_folder, tmp_path / "scan"))
    (copy / "decisions.sqlite").write_bytes(CANARY)
    return copy


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store in a folder here, and an active run."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        mlflow = pytest.importorskip("mlflow")
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
        with mlflow.start_run():
            yield mlflow
        mlflow.set_tracking_uri(before)


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An active run that sends nothing."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        wandb = pytest.importorskip("wandb")
        settings = wandb.Settings(console="off", x_disable_stats=True)
        run = wandb.init(project="radiotracer", dir=tmp_path, settings=settings)
        yield run
        run.finish()
        wandb.teardown()


def require_nothing_secret(stored: Path, world: AuditWorld, audit: Path) -> None:
    """Neither the key, nor answers, nor coins, nor what nobody looked at."""
    secret = bytes(range(32))  # of audit_world.KEY
    forms = [secret, secret.hex().encode(), base64.b64encode(secret)[:-4], world.key.read_bytes()]
    answers = [line for line in (audit / "queries.jsonl").read_bytes().splitlines() if line]
    inside = (world.marked / "sealed").rglob("*")
    sealed = [each.read_bytes() for each in inside if each.is_file()]
    assert len(answers) > 2 and len(sealed) > 2
    for path in stored.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(each in content for each in (*forms, *answers, *sealed, CANARY)), path


def test_what_is_told_of_a_scan(found: Scan, scan: Path) -> None:
    told = logged(scan)
    assert {path.name for path in told.files} == {
        "report.html",
        "summary.json",
        "ranking.parquet",
        "scores.parquet",
    }
    quality = found.quality(found.detector)
    assert quality is not None
    assert told.metrics[f"{found.detector}/auprc"] == quality[0].auprc
    assert told.metrics["flagged"] == found.decision.is_flagged.sum() == len(told.table)
    assert told.parameters["detector"] == found.detector
    assert told.table["rank"].to_pylist() == list(range(1, len(told.table) + 1))


def test_a_scan_in_mlflow(mlflow: Any, scan: Path, found: Scan, tmp_path: Path) -> None:
    run_id = log_to_mlflow(scan)
    assert run_id == mlflow.active_run().info.run_id
    data = mlflow.get_run(run_id).data
    assert data.params["scan.detector"] == found.detector
    assert data.params["scan.data_digest"] == found.identity.digest
    assert data.metrics["scan/flagged"] == found.decision.is_flagged.sum()
    assert f"scan/{found.detector}/tpr_at_fpr_0.01" in data.metrics
    local = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(tmp_path / "d")))
    names = {path.name for path in local.rglob("*") if path.is_file()}
    tables = {"ranking.parquet", "scores.parquet", "flagged_examples.json"}
    files = {"report.html", "summary.json", *tables}
    assert names == files
    stored = local / "radiotracer" / "scan" / "report.html"
    assert stored.read_bytes() == (scan / "report.html").read_bytes()
    assert not any(
        CANARY in path.read_bytes() for path in (tmp_path / "mlruns").rglob("*") if path.is_file()
    )


def test_an_audit_in_mlflow(mlflow: Any, audit: Path, world: AuditWorld, tmp_path: Path) -> None:
    client = mlflow.MlflowClient()
    other = client.create_run(mlflow.active_run().info.experiment_id).info.run_id
    assert log_to_mlflow(audit, run_id=other) == other
    data, evidence = client.get_run(other).data, Evidence.read(audit)
    assert data.metrics["audit/log10_p_value"] == evidence.log10_p_value
    assert data.params["audit.verdict"] == "trained-on-marked-data"
    assert data.params["audit.commitment"] == evidence.commitment
    assert mlflow.active_run().data.params == {}
    require_nothing_secret(tmp_path / "mlruns", world, audit)
    logged_files = {each.path for each in client.list_artifacts(other, "radiotracer/audit")}
    assert logged_files == {
        f"radiotracer/audit/{name}" for name in ("controls.json", "evidence.json", "report.html")
    }


def test_both_in_wandb(
    wandb: Any, scan: Path, audit: Path, world: AuditWorld, found: Scan, tmp_path: Path
) -> None:
    log_to_wandb(scan)
    log_to_wandb(audit, run=wandb)
    assert wandb.config["scan.detector"] == found.detector
    assert wandb.summary["scan/flagged"] == found.decision.is_flagged.sum()
    assert wandb.summary["audit/log10_p_value"] == Evidence.read(audit).log10_p_value
    wandb.finish()
    (table,) = tmp_path.rglob("flagged_examples_*.table.json")
    rows = json.loads(table.read_bytes())
    assert rows["columns"][:3] == ["rank", "id", "label"]
    assert len(rows["data"]) == found.decision.is_flagged.sum()
    kept = {hash(path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()}
    assert hash((audit / "evidence.json").read_bytes()) in kept, "a copy is in the artefact"
    shutil.rmtree(scan)
    require_nothing_secret(tmp_path, world, audit)


def test_a_link_is_not_followed(audit: Path, world: AuditWorld, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(audit, tmp_path / "audit"))
    (copy / "report.html").unlink()
    (copy / "report.html").symlink_to(world.key)
    with pytest.raises(InputError, match="a link"):
        logged(copy)


def test_sealed_data_are_not_logged(world: AuditWorld) -> None:
    for folder in (world.marked, world.marked / "sealed", world.marked / "release"):
        with pytest.raises(InputError, match="expected a scan"):
            logged(folder)


def test_without_a_run(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match=r"mlflow\.start_run"):
            log_to_mlflow(scan)
        with pytest.raises(InputError, match=r"wandb\.init"):
            log_to_wandb(scan)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"radiotracer\[wandb\]"):
        log_to_wandb(scan)
