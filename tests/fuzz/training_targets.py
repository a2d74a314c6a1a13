"""Readers of what a training, a scan and a review left behind."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import save
from seeds import few, recorded, saved, scanned
from target import Prepared, Target

from marked_world import network
from radiotracer.data import open_data
from radiotracer.gradients import ProjectionConfig
from radiotracer.influence.shards import Shard
from radiotracer.influence.store import MANIFEST, StoreInfo, _read_manifest
from radiotracer.recipes import Manifest
from radiotracer.review.decisions import Decision, checked
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store
from radiotracer.runs import Run, put_weights
from radiotracer.runs.weights import load_weights
from radiotracer.scale import FolderLedger, Result
from radiotracer.scanning.reference import read_reference


def _run(name: str, look: Callable[[Run], object]) -> Callable[[Path], Prepared]:
    """A run folder, one of whose files is the input."""

    def prepare(folder: Path) -> Prepared:
        shutil.copytree(recorded().folder, folder, dirs_exist_ok=True)
        seed = (folder / name).read_bytes()

        def parse(content: bytes) -> object:
            (folder / name).write_bytes(content)
            return look(Run.open(folder, allow_interrupted=True))

        return Prepared((seed,), parse)

    return prepare


def _everything(run: Run) -> object:
    for each in run.checkpoints:
        run.summed_rates(each)
    return run.identity(), run.steps(), run.weights(run.checkpoints[-1]), run.initial_weights()


def _last_steps() -> str:
    return f"steps/{recorded().checkpoints[-1].step:08d}.parquet"


def _prepare_steps(folder: Path) -> Prepared:
    return _run(_last_steps(), lambda run: run.steps().to_pydict())(folder)


def _prepare_weights(folder: Path) -> Prepared:
    model, path = network(1), folder / "x.safetensors"

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        put_weights(model, load_weights(path, hashlib.sha256(content).hexdigest()))
        return model

    return Prepared((save(network(0).state_dict()),), parse)


def _prepare_store(folder: Path) -> Prepared:
    info = StoreInfo(
        projection=ProjectionConfig(dimension=8),
        run="ab" * 32,
        data="cd" * 32,
        rows=6,
        columns=8,
        parameters={"0.weight": 8},
        checkpoints=((Shard(file="0.safetensors", sha256="ef" * 32, start=0, rows=6),),),
        error=None,
    )

    def parse(content: bytes) -> object:
        (folder / MANIFEST).write_bytes(content)
        return _read_manifest(folder)

    return Prepared((info.model_dump_json(indent=2).encode(),), parse)


def _prepare_manifest(folder: Path) -> Prepared:
    saved(folder)
    path, examples = folder / "manifest.parquet", open_data(str(folder))

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return Manifest.read(folder, examples)

    return Prepared((path.read_bytes(),), parse)


def _prepare_unit(folder: Path) -> Prepared:
    """The file that vouches for a unit."""
    ledger = _ledger(folder)

    def parse(content: bytes) -> object:
        (folder / "unit.json").write_bytes(content)
        return ledger.state("unit"), ledger.read("unit")

    return Prepared(((folder / "unit.json").read_bytes(),), parse)


def _prepare_unit_arrays(folder: Path) -> Prepared:
    """Arrays that somebody vouches for."""
    ledger = _ledger(folder)

    def parse(content: bytes) -> object:
        (folder / "unit.safetensors").write_bytes(content)
        vouched = {"sha256": hashlib.sha256(content).hexdigest(), "facts": {}}
        (folder / "unit.json").write_text(json.dumps(vouched))
        return ledger.state("unit"), ledger.read("unit")

    return Prepared(((folder / "unit.safetensors").read_bytes(),), parse)


def _prepare_work(folder: Path) -> Prepared:
    ledger = _ledger(folder)

    def parse(content: bytes) -> object:
        (folder / "work.json").write_bytes(content)
        return ledger.begin(_ABOUT)

    return Prepared(((folder / "work.json").read_bytes(),), parse)


_ABOUT = {"data": "ab" * 32, "settings": {"epochs": 3, "rate": 0.1}, "detectors": ["a", "b"]}


def _ledger(folder: Path) -> FolderLedger:
    ledger = FolderLedger(folder)
    ledger.begin(_ABOUT)
    ledger.write("unit", Result({"x": np.arange(6.0), "y": np.ones((2, 2))}, {"seconds": 1.5}))
    return ledger


def _reference(name: str, seeds: Callable[[], tuple[bytes, ...]]) -> Callable[[Path], Prepared]:
    def prepare(folder: Path) -> Prepared:
        path, ids = folder / name, few().ids

        def parse(content: bytes) -> object:
            path.write_bytes(content)
            return read_reference(path, ids)

        return Prepared(seeds(), parse)

    return prepare


def _reference_csv() -> tuple[bytes, ...]:
    one, two = few().ids[:2].tolist()
    reviewed = f"id,decision,sampled\n{one},keep,true\n{two},drop,false\n"
    return f'id\n"{one}"\n{two}\n'.encode(), reviewed.encode()


def _reference_parquet() -> tuple[bytes, ...]:
    stream = pa.BufferOutputStream()
    decisions = {"decision": ["keep", "drop"], "sampled": [True, False]}
    pq.write_table(pa.table({"id": few().ids[:2].tolist(), **decisions}), stream)
    return (stream.getvalue().to_pybytes(),)


def _scan(name: str) -> Callable[[Path], Prepared]:
    def prepare(folder: Path) -> Prepared:
        for each, content in scanned().items():
            (folder / each).write_bytes(content)

        def parse(content: bytes) -> object:
            (folder / name).write_bytes(content)
            found = read_scan(folder)
            assert found.ids.shape == found.labels.shape == found.score.shape == found.rank.shape
            return found.recorded("data")

        return Prepared((scanned()[name],), parse)

    return prepare


def _prepare_decisions(folder: Path) -> Prepared:
    identity = {"suspects": "ab" * 32, "data": "cd" * 32}
    path = folder / FILE
    store = Store(path, identity)
    store.keep_sample(["a", "b"], seed=1)
    store.decide("a", Decision("relabel", "cat"), version=0)
    store.decide("b", Decision("drop"), version=0)
    store.undo(2)
    store.close()
    seed = path.read_bytes()

    def parse(content: bytes) -> object:
        for beside in ("-wal", "-shm", "-journal"):
            path.with_name(FILE + beside).unlink(missing_ok=True)
        path.write_bytes(content)
        store = Store(path, identity)
        try:
            return store.decided(), store.history("a"), store.undoable(), store.sample
        finally:
            store.close()

    return Prepared((seed,), parse)


def _prepare_requests(_: Path) -> Prepared:
    """What the review's page sends: JSON that is an object, as `review.app` makes sure of."""

    def parse(content: bytes) -> object:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        return checked(value.get("verb"), value.get("new_label"), label="a", class_names=("a", "b"))

    relabel = {"verb": "relabel", "new_label": "b", "version": 0}
    return Prepared((json.dumps(relabel).encode(), b'{"verb": "keep"}'), parse)


TARGETS = (
    Target("run-json", _run("run.json", _everything), 150),
    Target("run-examples", _run("examples.parquet", Run.identity), 200),
    Target("run-steps", _prepare_steps, 150),
    Target("checkpoint", _prepare_weights, 800),
    Target("influence-store", _prepare_store, 2000),
    Target("tampering-manifest", _prepare_manifest, 300),
    Target("unit", _prepare_unit, 1000),
    Target("unit-arrays", _prepare_unit_arrays, 1000),
    Target("work", _prepare_work, 1000),
    Target("reference-txt", _reference("x.txt", lambda: ("\n".join(few().ids).encode(),)), 2000),
    Target("reference-csv", _reference("x.csv", _reference_csv), 500),
    Target("reference-parquet", _reference("x.parquet", _reference_parquet), 300),
    Target("scan-suspects", _scan("ranking.parquet"), 100),
    Target("scan-scores", _scan("scores.parquet"), 100),
    Target("scan-summary", _scan("summary.json"), 150),
    Target("decisions", _prepare_decisions, 150),
    Target("review-request", _prepare_requests, 2000),
)
