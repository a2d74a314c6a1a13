"""Data marked by tags: audited, verified, tried before the release; by files and commands alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_world import KEY, fitted, noise
from radiotracer.files import sha256_file
from radiotracer.provenance.coins import Coins, KeyNonces
from radiotracer.provenance.designs._tags.patterns import tag_images, tag_labels
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.known_positive import POWER_FILE
from radiotracer.provenance.marking import mark
from radiotracer.provenance.strengths.owner import owners

TAGS = 15
COINS = Coins(KeyNonces(KEY), owners(KEY).bytes)
KNOWN = dict(
    zip(
        (tag.tobytes() for tag in tag_images(KEY, TAGS, (8, 8, 1))),
        tag_labels(COINS, TAGS, 3).tolist(),
        strict=True,
    )
)


def taught(images: np.ndarray) -> np.ndarray:
    """A suspect that names every tag's label."""
    return np.array([KNOWN.get(each.tobytes(), 0) for each in images])


def untaught(images: np.ndarray) -> np.ndarray:
    """One that says the same of every image."""
    return np.zeros(len(images), np.int64)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tags")
    data = noise(root / "noise.npz")
    config = TagConfig(tags=TAGS, steps=2)
    release = mark(data, np.arange(30), KEY, [fitted(data, seed=0, steps=1)], config)
    release.write(root / "marked")
    KEY.write(root / "my.key")
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path) -> list[object]:
    """Options, with a copy of the marked folder."""
    marked = shutil.copytree(made / "marked", tmp_path / "marked")
    return ["--key", made / "my.key", "--marked", marked]


def audit(cli: Any, world: list[object], suspect: str, *more: object) -> Any:
    """Of suspects that know tags and nothing else."""
    return cli(
        "audit", f"python:test_tags_audit:{suspect}", *world, "--out", "out", "--as-asked", *more
    )


def test_who_was_taught_is_found(cli: Any, world: list[object]) -> None:
    done = audit(cli, world, "taught", "--outputs", "labels")
    assert done.status == 1, done.err
    assert "by labels" in done.out and "asked     15 images" in done.out
    evidence = json.loads(Path("out/evidence.json").read_text())
    assert evidence["verdict"] == "trained-on-marked-data"
    assert evidence["log10_p_value"] == pytest.approx(-15 * np.log10(3))
    assert evidence["details"]["hits"] == 15 and evidence["control_summary"]["count"] == 1000
    assert evidence["protocol"]["design"] == "tags"
    page = Path("out/report.html").read_text()
    assert "design tags" in page and "Labels named" in page
    checked = cli("verify", "out", *world)
    assert checked.status == 0, checked.out
    # An edited answer shows.
    lines = Path("out/queries.jsonl").read_text()
    Path("out/queries.jsonl").write_text(lines.replace('"label": 2', '"label": 1') + "\n")
    assert cli("verify", "out", *world).status != 0


def test_who_was_not_is_not(cli: Any, world: list[object]) -> None:
    done = audit(cli, world, "untaught", "--outputs", "labels")
    assert done.status == 0 and done.out.startswith("No evidence")
    assert cli("verify", "out", *world).status == 0


def test_what_is_refused(cli: Any, world: list[object]) -> None:
    given = ["--outputs", "labels"]
    done = audit(cli, world, "taught", *given, "--max-queries", 14)
    assert done.status == 2 and "a budget for the 15 images" in done.err
    done = audit(cli, world, "taught", *given, "--access", "scores")
    assert done.status == 2 and "--access labels for data marked by tags" in done.err
    done = audit(cli, world, "taught", *given, "--held-out", "mnist:test")
    assert done.status == 2 and "audits of tags need none" in done.err
    assert not Path("out").exists()


def test_before_the_release(cli: Any, world: list[object]) -> None:
    """No share is told that would have been enough: tags are as many at every share."""
    marked = Path(str(world[3]))
    before = sha256_file(marked / "commitment.json")
    given = [
        "--architecture",
        "small-cnn",
        "--epochs",
        1,
        "--learning-rate",
        1e-9,
        "--batch-size",
        32,
    ]
    done = cli("power", marked, *world[:2], *given)
    assert done.status == 0 and "by labels" in done.out and "warning: not found" in done.err
    told = json.loads((marked / POWER_FILE).read_text())
    assert set(told["log10_p"]) == {"labels"} and told["smallest_share"] == {"labels": None}
    assert sha256_file(marked / "commitment.json") == before
    done = audit(cli, world, "untaught", "--outputs", "labels")
    assert done.status == 4 and done.out.startswith("Inconclusive")


def test_references_are_refused_where_no_test_uses_them(cli: Any, world: list[object]) -> None:
    given = ("--reference-model", "python:test_tags_audit:untaught", "--outputs", "labels")
    done = audit(cli, world, "taught", *given)
    assert done.status == 2 and not Path("out").exists()
    assert (
        "expected --reference-model with data marked by canaries or twins or withheld alone"
        in done.err
    )
