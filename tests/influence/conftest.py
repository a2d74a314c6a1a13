from __future__ import annotations

import pytest
from influence_helpers import Training, train_and_record


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train_and_record(tmp_path_factory.mktemp("influence") / "run")
