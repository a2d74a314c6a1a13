from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from influence_helpers import Training, train_and_record
from store_helpers import SMALL, tracing_of

from radiotracer.influence import Store, write_store


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train_and_record(tmp_path_factory.mktemp("influence") / "run")


@pytest.fixture(scope="module")
def written(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("stores") / "small"
    return write_store(tracing_of(training), training.train, folder, SMALL, shard_bytes=700)


@pytest.fixture
def copy(written: Store, tmp_path: Path) -> Path:
    """A copy of the store's folder, to spoil."""
    return Path(shutil.copytree(written.folder, tmp_path / "copy"))
