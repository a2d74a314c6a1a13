"""A real Ray cluster on this machine: nodes of one CPU, as `ray start` makes them."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

START_S = 60.0
"""How long a part may take to start on a machine that is busy with other tests."""


TOKEN = secrets.token_hex(32)
"""Ray reads it once in each process, when it is first imported."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs.

    Args:
        address: As `--ray` takes it.
        folder: Where it keeps its sockets and logs.
        environment: For commands that connect to it.
    """

    address: str
    folder: Path
    environment: dict[str, str]

    def workers(self) -> list[psutil.Process]:
        """The processes in which actors of this cluster live now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "_Actor" in "".join(process.cmdline()[:1]) and self._is_ours(process):
                    found.append(process)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        return any(
            str(self.folder) in part for each in process.parents() for part in each.cmdline()
        )


@contextlib.contextmanager
def ray_cluster(nodes: int) -> Iterator[Cluster]:
    """Nodes of one CPU each, the first of which is the head; all of it is stopped at the end."""
    # Paths of sockets are short, and pytest's folders are not.
    with tempfile.TemporaryDirectory(prefix="rt-", ignore_cleanup_errors=True) as name:
        address = f"127.0.0.1:{free_port()}"
        quiet = {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "OMP_NUM_THREADS": "1",
            # Its workers give way to everybody else: beside other tests they would hardly run.
            "RAY_worker_niceness": "0",
        }
        cluster = Cluster(address, Path(name), {**os.environ, **quiet})
        started: list[subprocess.Popen[bytes]] = []
        try:
            port = address.rpartition(":")[2]
            head = ["--head", f"--port={port}", "--num-cpus=1", f"--temp-dir={name}"]
            head += ["--include-dashboard=false", "--disable-usage-stats"]
            parts = {"head": head}
            joins = [f"--address={address}", "--num-cpus=1"]
            parts |= {f"node{number}": joins for number in range(1, nodes)}
            for part, options in parts.items():  # nodes that start at once disturb each other
                started.append(_start(cluster, part, *options))
                _wait_for(cluster, part, started[-1])
            with pytest.MonkeyPatch.context() as patch:
                for each, value in quiet.items():
                    patch.setenv(each, value)
                yield cluster
        finally:
            stop(started)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def stop(started: list[subprocess.Popen[bytes]]) -> None:
    """End processes and whatever they started. Asked to end, a node would wait half a minute."""
    everybody = []
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            everybody += psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
    for each in everybody:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(everybody, timeout=10)


def _start(cluster: Cluster, name: str, *options: str) -> subprocess.Popen[bytes]:
    ray = str(Path(sys.executable).with_name("ray"))
    common = ["--block", "--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    with (cluster.folder / f"{name}.txt").open("wb") as log:
        return subprocess.Popen(
            [ray, "start", *common, *options],
            env=cluster.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _wait_for(cluster: Cluster, part: str, process: subprocess.Popen[bytes]) -> None:
    log = cluster.folder / f"{part}.txt"
    until = time.monotonic() + START_S
    while "Ray runtime started" not in (said := log.read_text()):
        assert process.poll() is None and time.monotonic() < until, said
        time.sleep(0.1)
