"""Data at addresses, from real servers on this machine: fetched once, known by their digests."""

from __future__ import annotations

import functools
import threading
import uuid
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.data.remote import fetched, is_remote, without_secrets
from radiotracer.errors import DataError

TABLE = "text,label\n" + "".join(f"a text of number {n},{'ab'[n % 2]}\n" for n in range(40))


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RADIOTRACER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the folder that it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_a_table_over_http(site: tuple[str, Path]) -> None:
    address, folder = site
    (folder / "messages.csv").write_text(TABLE)
    told: list[str] = []
    found = open_data(f"{address}/messages.csv?token=secret", report=told.append)
    assert len(found) == 40 and found.class_names == ("a", "b")
    assert found.source == f"{address}/messages.csv"
    assert told == [f"fetching 1 files of 0.0 MB from {address}/messages.csv"]
    # Again without asking; what changed there is fetched when it is asked for.
    (folder / "messages.csv").write_text(TABLE + "one more text,a\n")
    assert open_data(found.source).digest == found.digest
    assert run(["data", "get", found.source]) == 0
    assert len(open_data(found.source)) == 41


def test_a_damaged_copy_is_fetched_again(site: tuple[str, Path]) -> None:
    address, folder = site
    (folder / "messages.csv").write_text(TABLE)
    place = fetched(f"{address}/messages.csv")
    place.write_text("text,label\nothers,a\n")
    assert len(open_data(f"{address}/messages.csv")) == 40


def test_a_folder_with_splits(tmp_path: Path) -> None:
    system, bucket = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}/photos"
    for split in ("train", "valid"):
        for name, grey in (("dark", 40), ("light", 200)):
            for row in range(3):
                file = tmp_path / "image.png"
                Image.new("L", (8, 8), grey + row).save(file)
                system.pipe_file(f"{bucket}/{split}/{name}/{row}.png", file.read_bytes())
    found = open_data(f"memory:/{bucket}")
    assert found.source == f"memory:/{bucket}" and found.validation == f"memory:/{bucket}:val"
    assert found.ids[0] == "train/dark/0.png"
    assert len(open_data(found.validation, like=found)) == 6


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:9/x.csv", "expected to reach http://127.0.0.1:9/x.csv"),
        ("memory://nowhere/at/all", "expected data at memory://nowhere/at/all; got nothing there"),
        ("nothing://x/y", "expected the package that reads nothing://"),
    ],
)
def test_what_cannot_be_had(address: str, says: str, cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data(address)
    assert says in str(caught.value) and len(str(caught.value)) < 260
    assert not list(cache.rglob("*.partial"))


def test_a_missing_file(site: tuple[str, Path]) -> None:
    with pytest.raises(DataError, match="got nothing there; check the address"):
        open_data(f"{site[0]}/none.csv")


def test_addresses() -> None:
    assert is_remote("s3://bucket/x") and is_remote("hf://datasets/a/b")
    assert not is_remote("photos:train") and not is_remote("C:\\photos") and not is_remote("a/b")
    assert without_secrets("https://me:word@host/a/b.csv?sig=1#x") == "https://host/a/b.csv"
