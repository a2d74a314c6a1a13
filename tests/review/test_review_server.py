"""The real server process: nothing acknowledged is lost, nobody else gets in the way."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from review_server import PATIENCE, Server, alive

from radiotracer.cli import run
from radiotracer.digested import digested
from radiotracer.review.store import FILE
from tiny_world import World

Serve = Callable[..., Server]


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.nightly)])
def test_no_acknowledged_decision_is_lost(serve: Serve, folder: Path, kills: int) -> None:
    """The server is killed in the middle of decisions, again and again."""
    acknowledged: list[tuple[int, int, str]] = []  # seq, row, verb
    chance = random.Random(5)  # noqa: S311
    for _ in range(kills):
        server = serve(folder)
        counted = len(acknowledged)
        moment = chance.uniform(0.0, 0.08)

        def kill_soon(server: Server = server, counted: int = counted, m: float = moment) -> None:
            deadline = time.monotonic() + PATIENCE
            while len(acknowledged) == counted and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(m)
            server.kill()

        killer = threading.Thread(target=kill_soon)
        killer.start()
        with server.client() as client:
            versions = versions_of(client)
            while True:
                row, verb = chance.randrange(96), chance.choice(["keep", "drop", "unsure"])
                body = {"row": row, "decision": verb, "version": versions.get(row, 0), "since": 0}
                try:
                    answer = client.post("/api/decide", json=body)
                except httpx.HTTPError:
                    break
                assert answer.status_code == 200, answer.text
                versions[row] = answer.json()["last"]
                acknowledged.append((versions[row], row, verb))
        killer.join()
    with serve(folder).client() as client:
        kept = {event["seq"]: event for event in client.get("/api/changes").json()["events"]}
    assert len(acknowledged) > kills
    for seq, row, verb in acknowledged:
        assert (kept[seq]["row"], kept[seq]["decision"]) == (row, verb)


def versions_of(client: httpx.Client) -> dict[int, int]:
    events = client.get("/api/changes").json()["events"]
    return {event["row"]: event["seq"] for event in events}


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a command that ends with status 2."""
    capsys.readouterr()
    assert run(["review", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    *_, last = said.err.splitlines()
    assert last.startswith("radiotracer: expected ")
    return last


def test_two_reviewers(serve: Serve, folder: Path, capsys: Any) -> None:
    first = serve(folder)
    line = refused(capsys, folder)
    assert f"a review of it at {first.base} (process {first.pid})" in line
    assert "token" not in line
    first.kill()
    serve(folder)


def test_a_port_in_use(serve: Serve, folder: Path, capsys: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"{port}, which is in use" in refused(capsys, folder, "--port", port)
    assert serve(folder, "--port", port).port == port
    assert "--port from 0 to 65535" in refused(capsys, folder, "--port", "70000")


def test_only_this_machine_can_reach_it(serve: Serve, folder: Path) -> None:
    server = serve(folder)
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [f.split()[1] for f in lines if f.split()[3] == "0A"]
    assert f"0100007F:{server.port:04X}" in listening
    assert f"00000000:{server.port:04X}" not in listening


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(serve: Serve, folder: Path, number: int) -> None:
    server = serve(folder)
    with server.client() as client:
        body = {"row": 0, "decision": "keep", "version": 0}
        assert client.post("/api/decide", json=body).status_code == 200
    server.kill(number)
    assert not alive(server.pid)
    assert not (folder / f"{FILE}-wal").exists()


def test_bad_input_is_one_line(
    folder: Path, tiny: World, tmp_path: Path, archive: Path, capsys: Any
) -> None:
    assert "a scan: a folder with" in refused(capsys, tmp_path)
    assert "do" not in refused(capsys, folder, "--data", tmp_path / "nowhere").split(";")[0]
    assert "the data that were scanned" in refused(capsys, folder, "--data", archive)
    assert "decisions in" in refused(capsys, folder, "--export", tmp_path / "out")
    (folder / FILE).write_bytes(b"damaged" * 1000)
    assert "a damaged file" in refused(capsys, folder)
    (folder / FILE).unlink()


def test_the_database_of_another_scan(
    serve: Serve, folder: Path, whole_scan: Path, tmp_path: Path, capsys: Any
) -> None:
    serve(folder).stop()
    with sqlite3.connect(folder / FILE) as database:
        database.execute("UPDATE scan SET value = 'other' WHERE key = 'ranking'")
    database.close()
    other = Path(shutil.copytree(whole_scan, tmp_path / "other"))
    shutil.copy(folder / FILE, other / FILE)
    assert "decisions about another scan" in refused(capsys, other)


def test_the_extra_is_named(folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    assert "pip install 'radiotracer[review]'" in refused(capsys, folder)


def test_export_without_a_server(
    serve: Serve, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(folder)
    with server.client() as client:
        body = {"row": 0, "decision": "drop", "version": 0}
        assert client.post("/api/decide", json=body).status_code == 200
    out = tmp_path / "out"
    assert run(["review", str(folder), "--export", str(out)]) == 0  # beside a server, too
    assert "96 examples became 95 (1 drop)." in capsys.readouterr().out
    assert "choose another folder for the export" in refused(capsys, folder, "--export", out)
    assert run(["review", str(folder), "--export", str(out), "--overwrite"]) == 0


def answered(client: httpx.Client, path: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer: dict[str, Any] = client.get(path).json()
        if answer["state"] != "computing":
            return answer
        time.sleep(0.05)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("side", ["validation", "train"])
def test_influence(serve: Serve, folder: Path, tiny: World, side: str) -> None:
    from radiotracer.influence import Tracing, last_layer_pairs

    others = tiny.queries if side == "validation" else tiny.tampered
    with serve(folder).client() as client:
        answer = answered(client, f"/api/influence/{side}/2")
        scan = client.get("/api/scan").json()
        assert answer["state"] == "done"
        row = tiny.tampered.ids.tolist().index(scan["ids"][2])
        tracing = Tracing.of(tiny.model, tiny.run, tiny.tampered)
        truth = last_layer_pairs(tracing, tiny.tampered.take([row]), others)[0].numpy()
        for each in (*answer["proponents"], *answer["opponents"]):
            at = others.ids.tolist().index(each["id"])
            assert each["influence"] == pytest.approx(truth[at], rel=1e-6)
            if side == "train":
                assert scan["ids"][each["row"]] == each["id"] and at != row
        found = [each["influence"] for each in answer["opponents"]]
        assert found == sorted(found) and found[0] == pytest.approx(
            min(v for i, v in enumerate(truth) if side == "validation" or i != row), rel=1e-6
        )
        if side == "validation":
            first = answer["opponents"][0]["row"]
            assert client.get(f"/api/validation/{first}").headers["content-type"] == "image/png"


def test_influence_that_cannot_be_had(serve: Serve, folder: Path, tmp_path: Path) -> None:
    import json

    path = folder / "summary.json"
    summary = {**json.loads(path.read_text()), "run": str(tmp_path / "moved")}
    path.write_text(digested(summary))
    with serve(folder).client() as client:
        answer = answered(client, "/api/influence/validation/0")
        assert answer["state"] == "unavailable" and "no run.json there" in answer["why"]
