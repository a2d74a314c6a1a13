"""`audit` and `verify` of a real service on this machine, from the command line to the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from suspect_helpers import network
from suspect_service import Service, serving

from audit_world import KEY
from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.ledger import AUDITS, read_ledger
from radiotracer.provenance.marking import mark
from radiotracer.provenance.models import service as service_module
from radiotracer.provenance.models.transport import Patience


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """40 of 50 colour images of five classes marked; the options that name key and folder."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 50), ("test", 5)):
        arrays[f"x_{split}"] = generator.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 5
    np.savez("data.npz", **arrays)  # type: ignore[arg-type]
    rows = np.arange(40)
    release = mark(open_data("data.npz"), rows, KEY, [network(1)], TwinConfig(steps=2, radius=30))
    release.write("marked")
    KEY.write(Path("my.key"))
    return ["--key", "my.key", "--marked", "marked"]


def test_a_service(
    service: Service,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADERS", "Authorization: Bearer sesame")
    service.images.clear()
    url = f"{service.url}/probabilities"
    options = ["--headers-from", "HEADERS", "--max-queries", "80", "--out", "audit", "--json"]
    assert run(["audit", url, *files, *options]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert len(service.images) == told["suspect"]["queries"] == 80
    assert service.headers[-1]["authorization"] == "Bearer sesame"
    assert told["suspect"]["identity"]["url"] == url
    for path in Path("audit").iterdir():
        assert "sesame" not in path.read_text()
    assert "sesame" not in Path("marked", AUDITS).read_text()
    # The service is not asked again.
    assert run(["verify", "audit", *files]) == 0
    assert len(service.images) == 80


def test_labels_of_a_service(service: Service, files: list[str]) -> None:
    options = ["--outputs", "labels", "--out", "audit"]
    assert run(["audit", f"{service.url}/labels", *files, *options]) in (0, 1)
    assert run(["verify", "audit", *files]) == 0


@pytest.mark.parametrize("way", ["slow", "nan", "few", "404"])
def test_services_that_cannot_be_audited(
    way: str,
    service: Service,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(service_module, "Patience", lambda: Patience(timeout=0.3, retries=0))
    before = sorted(path.name for path in Path.cwd().iterdir())
    assert run(["audit", f"{service.url}/{way}", *files, "--out", "audit"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert sorted(path.name for path in Path.cwd().iterdir()) == before
    assert read_ledger(Path("marked")).audits == ()


def test_a_service_that_did_not_answer_counts_against_a_budget(
    service: Service, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "Patience", lambda: Patience(timeout=0.3, retries=0))
    options = ["--max-queries", "100", "--out", "audit"]
    assert run(["audit", f"{service.url}/slow", *files, *options]) == 2
    assert Path(".audit.auditing/queries.jsonl").exists()
    sent = len(service.images)
    assert run(["audit", f"{service.url}/slow", *files, *options]) == 2
    assert len(service.images) == sent, "32 were sent, 80 more do not fit into 100"
