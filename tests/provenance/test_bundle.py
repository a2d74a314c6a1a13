"""A bundle: an audit that a stranger checks without the key, and nothing more than it needs."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marked_world import (
    KEY,
    answering,
    by_tags,
    by_twins,
    knowing,
    naming,
    noisy,
    normalised,
)
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.bundle import disclose, open_bundle
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.release import Release, open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify_bundle
from text_world import by_canaries
from text_world import knowing as knowing_texts

MADE: dict[str, tuple[Callable[[], Release], Callable[[Release], Any]]] = {
    "twins": (by_twins, lambda release: knowing(release, 5)),
    "tags": (by_tags, lambda release: naming(release, KEY, 12, labels_only=True)),
    "canaries": (by_canaries, lambda release: knowing_texts(release, 5)),
    "canaries by labels": (by_canaries, lambda release: knowing_texts(release, 9, "labels")),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, (release_of, suspect_of) in MADE.items():
        root = made[name] = tmp_path_factory.mktemp("bundle")
        release = release_of()
        release.write(root / "marked")
        run_audit(root / "marked", KEY, suspect_of(release), root / "audit")
        disclose(open_marked(root / "marked", KEY), root / "audit", root / "bundle")
    return made


@pytest.fixture
def twins(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(bundles["twins"] / "bundle", tmp_path / "bundle"))


def failed(folder: Path) -> list[str]:
    return [each.what for each in verify_bundle(folder) if not each.holds]


@pytest.mark.parametrize("name", MADE)
def test_a_stranger_checks_it_without_the_key(bundles: dict[str, Path], name: str) -> None:
    found = verify_bundle(bundles[name] / "bundle")
    assert all(each.holds for each in found) and len(found) > 10
    evidence = Evidence.read(bundles[name] / "bundle")
    assert evidence.verdict == "trained-on-marked-data"
    assert (bundles[name] / "bundle/originals").is_dir() == (name == "canaries by labels")


@pytest.mark.parametrize("name", MADE)
def test_nothing_else_is_opened(bundles: dict[str, Path], name: str) -> None:
    """Neither the key, nor salts of other parts, nor examples that are not marked."""
    folder = bundles[name] / "bundle"
    content = b""
    for path in folder.rglob("*"):
        content += path.read_bytes() if path.is_file() else b""
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(each) for each in archive.namelist())
    hidden = [KEY.secret, KEY.derive("nonce"), KEY.derive("commitment/key")]
    hidden += [KEY.derive(f"commitment/salt/{part}") for part in ("key", "extractor")]
    if name != "canaries by labels":
        hidden.append(KEY.derive("commitment/salt/root/originals"))
    for secret in hidden:
        assert secret not in content and secret.hex().encode() not in content.lower()
    release = open_bundle(folder).release
    assert len(release.published) == release.protocol.marked


def test_a_verifiers_own_clean_networks(bundles: dict[str, Path]) -> None:
    """Under honest coins nothing is said of them; of one that knows the coins, it is."""
    folder = bundles["twins"] / "bundle"
    clean = [answering(lambda images, s=s: normalised(noisy(images, s))) for s in range(4)]
    found = verify_bundle(folder, clean=clean)
    (own,) = [each for each in found if each.what == "your clean networks"]
    assert own.holds and own.came.count("-") == 4
    guilty = [knowing(by_twins(), 5, seed=s) for s in range(3)]
    assert [e.what for e in verify_bundle(folder, clean=guilty) if not e.holds] == [own.what]


def edit_bundle(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "bundle.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def swap_coins(told: dict[str, Any]) -> None:
    told["nonces"][0], told["nonces"][1] = told["nonces"][1], told["nonces"][0]


def foreign_path(told: dict[str, Any]) -> None:
    told["paths"][3] = told["paths"][4]


def coin_twice(told: dict[str, Any]) -> None:
    told["coins"][1] = told["coins"][0]


def other_salt(told: dict[str, Any]) -> None:
    told["salts"]["protocol"] = "00" * 32


def other_level(told: dict[str, Any]) -> None:
    told["protocol"]["alpha"] = 0.05


def other_row(told: dict[str, Any]) -> None:
    told["rows"][0], told["rows"][1] = told["rows"][1], told["rows"][0]


@pytest.mark.parametrize(
    "change", [swap_coins, foreign_path, coin_twice, other_salt, other_level, other_row]
)
def test_an_edited_bundle_does_not_open(twins: Path, change: Any) -> None:
    edit_bundle(twins, change)
    assert failed(twins) == ["bundle"]


def test_edited_twins_or_answers(twins: Path) -> None:
    answers = twins / "queries.jsonl"
    whole = answers.read_bytes()
    answers.write_bytes(whole[: len(whole) // 2])
    assert failed(twins) == ["answers of it"]
    answers.write_bytes(whole)
    arrays = read_arrays(twins / "arrays.npz")
    arrays["twins"] = arrays["twins"][:, ::-1].copy()
    write_npz(twins / "arrays.npz", arrays)
    assert failed(twins) == ["bundle"]


def test_a_bundle_that_was_cut_short(twins: Path) -> None:
    path = twins / "bundle.json"
    path.write_bytes(path.read_bytes()[:-200])
    assert failed(twins) == ["bundle"]
    path.unlink()
    with pytest.raises(InputError):
        open_bundle(twins)


def test_an_audit_of_another_release(bundles: dict[str, Path], tmp_path: Path) -> None:
    other = by_twins(Key(bytes(32)))
    other.write(tmp_path / "other")
    opened = open_marked(tmp_path / "other", Key(bytes(32)))
    with pytest.raises(InputError, match="an audit of the release with record"):
        disclose(opened, bundles["twins"] / "audit", tmp_path / "out")
    assert not (tmp_path / "out").exists()
