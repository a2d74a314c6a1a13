"""Being connected to Ray for a while, and leaving nothing behind."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import socket
from collections.abc import Iterator
from typing import Any

from radiotracer.errors import InputError

LOCAL = "local"
"""Start Ray on this machine instead of connecting to it."""

AUTO = "auto"
"""Connect to the Ray that runs on this machine."""

REACH_S = 10.0
"""How long the head of a cluster may take to accept a connection."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_LOG_TO_DRIVER": "0",
    "RAY_SCHEDULER_EVENTS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Nothing is reported to anybody, and nothing is printed. The last one is what Ray asks for in a
warning of its own otherwise."""


@contextlib.contextmanager
def ray_session(address: str, workers: int | None) -> Iterator[None]:
    """Connect, and disconnect; Ray that was started here ends, other clusters stay as they are.

    Args:
        address: ``local``, ``auto`` or ``host:port``.
        workers: How many CPUs a Ray that is started here says that it has; None is as many as
            there are.

    Raises:
        InputError: Ray is not installed, or cannot be reached.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            expected="the package ray",
            came="none",
            do='pip install "radiotracer[ray]", here and on every machine of the cluster',
        )
    if address not in (LOCAL, AUTO):
        _require_reachable(address)
    before = dict(os.environ)
    os.environ.update(QUIET)
    try:
        ray: Any = importlib.import_module("ray")
        if ray.is_initialized():  # by whoever called us
            yield
            return
        with _silent():
            _connect(ray, address, workers)
            try:
                yield
            finally:
                ray.shutdown()
    finally:
        # Ray leaves notes to itself there, which a session after this one must not find.
        os.environ.clear()
        os.environ.update(before)


def _connect(ray: Any, address: str, workers: int | None) -> None:
    here: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level="CRITICAL",
            **(here if address == LOCAL else {}),
        )
    except Exception as error:  # ray has no common one for what can go wrong here
        with contextlib.suppress(Exception):
            ray.shutdown()
        lines = str(error).strip().splitlines() or ["no reason"]
        raise InputError(
            expected="Ray to start on this machine" if address == LOCAL else f"Ray at {address}",
            came=f"{type(error).__name__}: {lines[0][:200]}",
            do="look at Ray's logs"
            if address == LOCAL
            else "start it on this machine with `ray start`, and give the address that it prints",
        ) from error


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Ray prints notices of its own, such as deaths of workers, to whatever is standard output."""
    worker: Any = importlib.import_module("ray._private.worker")
    before = getattr(worker, "_worker_logs_enabled", True)
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def _require_reachable(address: str) -> None:
    """Ray itself tries for a minute, and ends the process."""
    host, _, port = address.rpartition(":")
    wrong = InputError(
        expected="the address of Ray as host:port, or auto, or local",
        came=address,
        do="give the address that `ray start --head` printed",
    )
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise wrong
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except OSError as error:
        raise InputError(
            expected=f"Ray at {address}",
            came=error.strerror or str(error),
            do="start it with `ray start`, and give the address that it prints",
        ) from error
