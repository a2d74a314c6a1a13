"""``radiotracer power``: a real training on a tiny release, its file, and audits after it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit_world import AuditWorld, make_world
from radiotracer.provenance.known_positive import POWER_FILE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return make_world(tmp_path_factory.mktemp("power"))


@pytest.fixture
def marked(made: AuditWorld, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.marked, tmp_path / "marked"))


def test_what_is_told_and_kept(cli: Any, made: AuditWorld, marked: Path) -> None:
    given = [
        "--key",
        made.key,
        "--architecture",
        "small-cnn",
        "--epochs",
        1,
        "--learning-rate",
        1e-6,
    ]
    done = cli("power", marked, *given)
    assert done.status == 2  # one batch is more than the data
    assert "at least one batch of 128 images" in done.err
    assert not (marked / POWER_FILE).exists()
    done = cli("power", marked, *given, "--batch-size", 32, "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert told == json.loads((marked / POWER_FILE).read_text())
    assert set(told["log10_p"]) == {"scores", "labels"}
    assert told["training"]["epochs"] == 1


def test_a_network_that_is_not_found(cli: Any, made: AuditWorld, marked: Path) -> None:
    """It has hardly learned anything: a warning, and audits that find nothing are inconclusive."""
    more = [
        "--architecture",
        "small-cnn",
        "--epochs",
        1,
        "--learning-rate",
        1e-9,
        "--batch-size",
        32,
    ]
    done = cli("power", marked, "--key", made.key, *more)
    assert done.status == 0
    assert "warning: not found" in done.err
    audit = cli(
        "audit",
        made.untrained,
        *("--factory", "audit_world:mlp"),
        *("--key", made.key, "--marked", marked, "--out", "out"),
    )
    assert audit.status == 4
    assert audit.out.startswith("Inconclusive")
    checked = cli("verify", "out", "--key", made.key, "--marked", marked)
    assert checked.status == 0, checked.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", 0], "--epochs"),
        (["--held-out", "mnist:test"], "audits of twins need none"),
    ],
)
def test_bad_input(
    cli: Any, made: AuditWorld, marked: Path, options: list[object], message: str
) -> None:
    done = cli("power", marked, "--key", made.key, *options)
    assert done.status == 2
    assert message in done.err and done.err.count("\n") == 1
    assert not (marked / POWER_FILE).exists()
