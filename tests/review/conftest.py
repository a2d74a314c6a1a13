"""A small real scan, copied for each test, and servers that start at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from review_server import Server, Servers

from radiotracer.data import Dataset, open_data
from radiotracer.digested import digested
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store
from radiotracer.scanning import scan, write_scan
from tiny_world import World


@pytest.fixture(scope="session")
def whole_scan(tiny: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of the tiny run, with everything that a scan records."""
    folder = tmp_path_factory.mktemp("scanned") / "scan"
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, manifest=tiny.manifest)
    write_scan(found, folder, command="a test")
    path = folder / "summary.json"
    summary = json.loads(path.read_text())
    summary |= {
        "run": str(tiny.folder),
        "data": tiny.tampered.source,
        "validation": tiny.queries.source,
    }
    path.write_text(digested(summary))
    return folder


@pytest.fixture
def folder(whole_scan: Path, tmp_path: Path) -> Path:
    """A copy of the scan, to decide about."""
    return Path(shutil.copytree(whole_scan, tmp_path / "scan"))


@pytest.fixture
def board(folder: Path, tiny: World) -> Iterator[Board]:
    scanned = read_scan(folder)
    store = Store(folder / FILE, identity_of(scanned))
    yield Board(scanned, tiny.tampered, match(scanned, tiny.tampered), store)
    store.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A process that has imported everything, and forks real servers."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("starlette")
    with Servers() as running:
        yield running


@pytest.fixture
def serve(servers: Servers) -> Iterator[Callable[..., Server]]:
    """serve(SCAN, ...): a server that listens; stopped at the end of the test."""
    started: list[Server] = []

    def start(*arguments: object) -> Server:
        server = servers.start("review", *arguments, "--json")
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def scanned_as(whole_scan: Path, tmp_path: Path) -> Callable[[str], tuple[Path, Dataset]]:
    """scanned_as(DATA): a scan folder that says to be of these data."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def make(source: str) -> tuple[Path, Dataset]:
        examples = open_data(source)
        names = [examples.class_names[label] for label in examples.labels.tolist()]
        n = len(examples)
        folder = tmp_path / "scan-of-it"
        folder.mkdir()
        table = {
            "id": examples.ids,
            "label": names,
            "score": [float(n - i) for i in range(n)],
            "rank": list(range(1, n + 1)),
            "p_value": pa.nulls(n, pa.float64()),
            "q_value": pa.nulls(n, pa.float64()),
            "is_flagged": [i < 3 for i in range(n)],
            "suggested_label": [names[(i + 1) % n] for i in range(n)],
        }
        pq.write_table(pa.table(table), folder / "ranking.parquet")
        scores = {"id": examples.ids, "loss": [float(i) for i in range(n)]}
        pq.write_table(pa.table(scores), folder / "scores.parquet")
        summary = {"detector": "loss", "rule": "none", "data_digest": examples.digest}
        (folder / "summary.json").write_text(digested({**summary, "data": examples.source}))
        return folder, examples

    return make
