"""The server process: one address on this machine, from the start to Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.influence import Evidence, Influence
from radiotracer.review.lock import only_review
from radiotracer.review.scanned import Scanned
from radiotracer.review.store import FILE, Store

HOST = "127.0.0.1"


def serve(
    scanned: Scanned,
    *,
    port: int,
    examples: Callable[[], Dataset],
    evidence: Callable[[Dataset], Evidence],
    ready: Callable[[str], None],
) -> int:
    """Serve a review until somebody stops it.

    Args:
        scanned: The scan.
        port: Where to listen; 0 takes any free port.
        examples: Opens the data that were scanned.
        evidence: Opens what influence is computed from, when it is asked for.
        ready: Told the address, with its token, as soon as it can be opened.

    Returns:
        How many examples are decided in the end.

    Raises:
        InputError: starlette or uvicorn is missing, the port is in use, somebody else reviews this
            scan, the data are not those that were scanned, or the database cannot be used.
    """
    require_extra()
    from radiotracer.review.app import build
    from radiotracer.review.guard import new_token

    with _listening(port) as server:
        port = server.getsockname()[1]
        with only_review(scanned.folder, f"http://{HOST}:{port}"):
            data = examples()
            order = match(scanned, data)
            store = Store(scanned.folder / FILE, identity_of(scanned))
            influence = Influence(lambda: evidence(data))
            try:
                token = new_token()
                board = Board(scanned, data, order, store)
                app = build(board, influence, port=port, token=token)
                server.listen(128)
                ready(f"http://{HOST}:{port}/?token={token}")
                _run(app, server)
                return len(store.decided())
            finally:
                influence.close()
                store.close()


def require_extra() -> None:
    """Raise `InputError` where the packages of the server are not installed."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError(
            expected="the packages starlette and uvicorn",
            came=f"a Python without {error.name}",
            do="run pip install 'radiotracer[review]'",
        ) from error


def _run(app: object, server: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="error",
        access_log=False,  # it would write the token down
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    # What stops it is how a review ends, no error.
    with contextlib.suppress(KeyboardInterrupt), _ends_like_an_interrupt():
        uvicorn.Server(config).run(sockets=[server])


@contextmanager
def _ends_like_an_interrupt() -> Iterator[None]:
    """uvicorn sends itself the signal that ended it once more: let SIGTERM be orderly, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    if not 0 <= port <= 65_535:
        raise InputError(
            expected="port= from 0 to 65535", came=str(port), do="leave port= out for a free one"
        )
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError as error:
            refused = {errno.EADDRINUSE: "in use", errno.EACCES: "not allowed to you"}
            if error.errno not in refused:
                raise
            raise InputError(
                expected=f"a port of {HOST} that is free",
                came=f"{port}, which is {refused[error.errno]}",
                do="choose another port=, or leave it out for any free one",
            ) from error
        yield server
    finally:
        server.close()
