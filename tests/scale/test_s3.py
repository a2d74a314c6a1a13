"""Units in an object store: a real server of its protocol, on this machine."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from ray_cluster import free_port

from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.errors import StorageError
from radiotracer.scale import (
    FolderLedger,
    InProcess,
    Ledger,
    Note,
    Processes,
    Result,
    Stages,
    Tell,
    Work,
    result_of,
)
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import HERE, Execution
from tiny_world import World

BUCKET = "s3://kept"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, which every command of this module finds in the environment."""
    import s3fs

    port, log = free_port(), tmp_path_factory.mktemp("s3") / "server.txt"
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with pytest.MonkeyPatch.context() as patch, log.open("wb") as said:
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(log.with_name("none")),
            "AWS_SHARED_CREDENTIALS_FILE": str(log.with_name("none")),
        }.items():
            patch.setenv(name, value)
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + 60
            while not _answers(address):
                assert process.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            s3fs.S3FileSystem().mkdir(BUCKET)
            yield address
        finally:
            for each in (*psutil.Process(process.pid).children(recursive=True), process):
                each.kill()
            process.wait()


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(address, timeout=5).close()  # noqa: S310
        return True
    return False


def test_a_unit_comes_back_as_it_was_kept(server: str) -> None:
    import s3fs

    ledger = FolderLedger(f"{BUCKET}/units")
    assert ledger.state("u") == "missing" and ledger.is_empty()
    ledger.begin({"batch size": 8})
    ledger.write("u", Result({"x": np.arange(5.0)}, {"seconds": 1}))
    again = FolderLedger(f"{BUCKET}/units")
    assert again.begin({"batch size": 8}) and again.units() == ["u"]
    np.testing.assert_array_equal(result_of(again, "u").arrays["x"], np.arange(5.0))
    # Of what another machine writes after the listing was read, nothing is in that listing.
    other = s3fs.S3FileSystem(skip_instance_cache=True)
    for ending in (".safetensors", ".json"):
        other.cp_file(f"{BUCKET}/units/u{ending}", f"{BUCKET}/units/v{ending}")
    np.testing.assert_array_equal(result_of(again, "v").arrays["x"], np.arange(5.0))
    assert again.units() == ["u", "v"]
    other.pipe_file(f"{BUCKET}/units/u.safetensors", b"damaged")
    assert ledger.state("u") == "damaged"
    ledger.remove()
    assert again.units() == [] and again.state("u") == "missing"


class Stopped(Exception):
    pass


class StopsAfter:
    def __init__(self, units: int) -> None:
        self.units = units

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        for stage in stages:
            InProcess(threads=1).run(work, [stage[: self.units]], ledger, tell, note)
            if stage[self.units :]:
                raise Stopped


def test_a_scan_goes_on_where_it_was_stopped(server: str, tiny: World) -> None:
    ledger = FolderLedger(f"{BUCKET}/scan")
    expected = scanned(tiny)
    with pytest.raises(Stopped):
        scanned(tiny, Execution(StopsAfter(4), ledger))
    kept = {unit: result_of(ledger, unit).facts for unit in ledger.units()}
    assert kept and not all(unit.startswith("validation") for unit in kept)
    found = scanned(tiny, Execution(Processes(1), FolderLedger(f"{BUCKET}/scan")))
    assert len(ledger.units()) > len(kept)
    for unit, facts in kept.items():  # seconds that were measured once, and not again
        assert result_of(ledger, unit).facts == facts
    assert expected.rankings.keys() == found.rankings.keys()
    for name, ranking in expected.rankings.items():
        np.testing.assert_array_equal(found.rankings[name].scores, ranking.scores, err_msg=name)


def scanned(tiny: World, execution: Execution = HERE) -> Scan:
    return scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        detectors=("tracin-cp",),  # which leaves one kind of units to new processes
        batch_size=8,
        execution=execution,
    )


def test_a_bucket_that_is_not_there(
    server: str, tiny: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not made: its name may be mistyped."""
    import s3fs

    with pytest.raises(
        StorageError, match="to write to s3://keptt/units; got a bucket that is not"
    ):
        FolderLedger("s3://keptt/units").begin({})
    out = str(tmp_path / "scan")
    assert run(["scan", str(tiny.folder), "--units", "s3://keptt/scan", "--out", out]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("radiotracer: expected to write to s3://keptt/scan; got a bucket")
    assert len(error) == 2  # before it, what was read
    assert not s3fs.S3FileSystem().exists("keptt")


def test_the_command_keeps_units_there(server: str, tiny: World, tmp_path: Path) -> None:
    arguments = ["scan", str(tiny.folder), "--batch-size", "8", "--top-k", "5", "--out"]
    place = f"{BUCKET}/command"
    assert run([*arguments, str(tmp_path / "one"), "--units", place]) == 1
    assert len(FolderLedger(place).units()) > 4
    assert run([*arguments, str(tmp_path / "two")]) == 1
    scores = [(tmp_path / name / "scores.parquet").read_bytes() for name in ("one", "two")]
    assert scores[0] == scores[1]


def test_a_folder_of_images_in_a_bucket(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setenv("RADIOTRACER_CACHE", str(tmp_path / "cache"))
    for name, grey in (("dark", 40), ("light", 200)):
        for row in range(3):
            file = tmp_path / "image.png"
            Image.new("L", (8, 8), grey + row).save(file)
            s3fs.S3FileSystem().put_file(str(file), f"{BUCKET}/photos/{name}/{row}.png")
    found = open_data(f"{BUCKET}/photos")
    assert len(found) == 6 and found.class_names == ("dark", "light")
    assert found.source == f"{BUCKET}/photos"
    # What is here is not asked for again.
    s3fs.S3FileSystem().rm(f"{BUCKET}/photos", recursive=True)
    assert open_data(f"{BUCKET}/photos").digest == found.digest
