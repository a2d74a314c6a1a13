"""Workers on a real Ray cluster: every unit, killed workers, errors as they were, nothing left."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from ray_cluster import Cluster, ray_cluster
from works import Squares, opened

from radiotracer.cli import run
from radiotracer.detectors import DETECTORS
from radiotracer.errors import DataError, InputError, WorkerError
from radiotracer.scale import (
    FolderLedger,
    InProcess,
    MemoryLedger,
    RayRunner,
    finish,
    ray_runner,
    result_of,
)
from radiotracer.scale.ray_session import ray_session
from radiotracer.scanning import scan
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.walk import STAGES
from tiny_world import World

UNITS = [f"u{number}" for number in range(6)]
LOCAL = """
import sys
from pathlib import Path
from works import Waits
from radiotracer.scale import FolderLedger, RayRunner, finish

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    finish(Waits(folder), [["u1", "u2"]], FolderLedger(folder / "units"), RayRunner(1))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ray_cluster(nodes=2) as running:
        yield running


@pytest.fixture(scope="module")
def ray(cluster: Cluster) -> Any:
    """Imported when what it reads of the environment is there."""
    return importlib.import_module("ray")


@pytest.fixture(scope="module")
def connected(ray: Any, cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, to which this process stays connected; tests that connect come before."""
    with ray_session(cluster.address, None):
        yield cluster
        assert ray.is_initialized()


def test_every_unit_is_done_once_by_two_nodes(
    cluster: Cluster, ray: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger, told, before = FolderLedger(tmp_path / "units"), [], dict(os.environ)
    runner = RayRunner(4, cluster.address)  # two find no CPU, and nobody waits for them
    work = Squares(tmp_path, seconds=1)
    finish(work, [UNITS], ledger, runner, tell=told.append)
    assert sorted(told) == UNITS
    results = {unit: result_of(ledger, unit) for unit in told}
    for unit, result in results.items():
        assert result.arrays["square"].tolist() == [int(unit[1:]) ** 2]
        assert result.facts["threads"] == 1 and result.facts["process"] != os.getpid()
    assert len({results[unit].facts["process"] for unit in UNITS}) == 2
    assert not ray.is_initialized() and dict(os.environ) == before
    assert capfd.readouterr() == ("", "")


def test_an_error_comes_back_as_it_was(connected: Cluster, ray: Any, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    with pytest.raises(DataError) as caught:
        finish(Squares(tmp_path, fails_at="u3"), [UNITS], ledger, RayRunner(1, connected.address))
    assert type(caught.value) is DataError
    assert str(caught.value) == r"expected a unit that\ncan be done; got u3; nothing"
    with pytest.raises(ValueError, match="invalid literal for int"):  # a bug, not an input
        finish(Squares(tmp_path), [["x"]], ledger, RayRunner(1, connected.address))
    # The errors, which are still there, hold no worker.
    until = time.monotonic() + 30
    while ray.available_resources().get("CPU", 0) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_scan_has_the_same_bits_though_a_worker_was_killed(
    connected: Cluster, tiny: World, tmp_path: Path
) -> None:
    """Killed from outside, as soon as the first examples are done; data are opened by workers."""
    settings: dict[str, Any] = {"detectors": tuple(DETECTORS), "batch_size": 4}
    given = (tiny.model, tiny.run, tiny.tampered, tiny.queries)
    expected = scan(*given, execution=Execution(InProcess(threads=1)), **settings)
    killed: list[int] = []

    def kill(what: str, done: int, of: int) -> None:
        if what == STAGES["examples"] and 0 < done < of and not killed:
            victim = connected.workers()[0]
            victim.kill()
            killed.append(victim.pid)

    execution = Execution(
        RayRunner(2, connected.address),
        FolderLedger(tmp_path / "units"),
        functools.partial(opened, tiny.folder, tiny.data, str(tiny.clean.validation)),
    )
    found = scan(*given, execution=execution, progress=kill, **settings)
    assert killed and found.rankings.keys() == expected.rankings.keys() and len(found.rankings) > 10
    for name, ranking in expected.rankings.items():
        for field in ("scores", "p_values", "posteriors", "suggested"):
            came = getattr(found.rankings[name], field)
            np.testing.assert_array_equal(came, getattr(ranking, field), err_msg=f"{name} {field}")
    np.testing.assert_array_equal(found.decision.is_flagged, expected.decision.is_flagged)


def test_the_command(
    connected: Cluster,
    tiny: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Relative paths begin where the command was given, in every worker."""
    tiny.copy(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    arguments = ["scan", "run", "--json", "--detector", "loss"]
    arguments += ["--ray", connected.address, "--workers", "1", "--units", "units", "--out", "scan"]
    assert run(arguments) in (0, 1)
    assert json.loads(capsys.readouterr().out)["examples"] == 96
    assert FolderLedger(tmp_path / "units").units()


def test_killed_workers_are_replaced(
    connected: Cluster,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_runner, "DEATHS", 2)
    ledger, runner = FolderLedger(tmp_path / "units"), RayRunner(2, connected.address)
    finish(Squares(tmp_path, dies_at="u2"), [UNITS], ledger, runner)
    squares = [result_of(ledger, unit).arrays["square"][0] for unit in UNITS]
    assert squares == [0, 1, 4, 9, 16, 25] and (tmp_path / "death-0").exists()
    with pytest.raises(WorkerError, match="expected a worker that finishes u7; got 2 that died"):
        finish(Squares(tmp_path, dies_at="u7", deaths=9), [["u7"]], ledger, runner)
    assert capfd.readouterr() == ("", "")


def test_a_cluster_without_a_free_cpu(connected: Cluster, ray: Any, tmp_path: Path) -> None:
    class Holder:
        def hold(self) -> None:
            """Be there."""

    runner = RayRunner(1, connected.address, start_s=2)
    holders = [ray.remote(num_cpus=1)(Holder).remote() for _ in range(2)]
    ray.get([holder.hold.remote() for holder in holders], timeout=60)
    with pytest.raises(WorkerError, match="one worker or more that starts within 2 seconds"):
        finish(Squares(tmp_path), [UNITS], FolderLedger(tmp_path / "units"), runner)
    for holder in holders:
        ray.kill(holder)


def test_a_folder_that_workers_do_not_share(cluster: Cluster, tmp_path: Path) -> None:
    """Each process has a memory of its own: like a folder of the same name on another machine."""
    for ledger in (MemoryLedger(), FolderLedger("memory://units")):
        with pytest.raises(InputError, match="expected a ledger that workers in other processes"):
            finish(Squares(tmp_path), [UNITS], ledger, RayRunner(1, cluster.address))


def test_what_is_not_seen_here_is_not_believed(
    connected: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_runner, "VISIBLE_S", 0.5)
    with pytest.raises(InputError, match="finished units in a place that every worker reaches"):
        finish(Squares(tmp_path), [UNITS], Elsewhere(tmp_path), RayRunner(1, connected.address))


def test_addresses_that_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    cases = {
        f"127.0.0.1:{free}": f"expected Ray at 127.0.0.1:{free}; got Connection refused; start it",
        "somewhere": "expected the address of Ray as host:port, or auto, or local; got somewhere",
        "ray://127.0.0.1:1": "expected the address of Ray as host:port",
        "127.0.0.1:99999": "expected the address of Ray as host:port",
    }
    for address, words in cases.items():
        with pytest.raises(InputError, match=words):
            RayRunner(1, address).run(
                Squares(tmp_path), [UNITS], FolderLedger(tmp_path), print, print
            )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'got none; pip install "radiotracer\[ray\]"'):
        RayRunner(1).run(Squares(tmp_path), [UNITS], FolderLedger(tmp_path), print, print)


def test_ray_that_was_started_here_ends_with_its_starter(cluster: Cluster, tmp_path: Path) -> None:
    """Killed in mid-unit, without a chance to say so."""
    environment = {**cluster.environment, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", LOCAL, str(tmp_path)]
    with subprocess.Popen(command, env=environment) as starter:
        try:
            until = time.monotonic() + 180
            while not (tmp_path / "begun").exists():
                assert starter.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            children = psutil.Process(starter.pid).children(recursive=True)
            assert any("raylet" in child.name() for child in children)
            # They notice last that they are alone, and hold nothing.
            agents = [child for child in children if "Agent" in "".join(child.cmdline()[:1])]
        finally:
            starter.kill()
        starter.wait()
        try:
            workers = [child for child in children if child not in agents]
            _, alive = psutil.wait_procs(workers, timeout=20)
            assert not alive
        finally:
            for agent in agents:
                with contextlib.suppress(psutil.NoSuchProcess):
                    agent.kill()


class Elsewhere(FolderLedger):
    """A folder in which nothing is seen that others wrote."""

    def state(self, unit: str) -> str:  # type: ignore[override]
        return "missing"
