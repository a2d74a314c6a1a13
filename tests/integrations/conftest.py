"""One scan of the tiny run, in memory and as a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiotracer import Scan, scan, write_scan
from tiny_world import World


@pytest.fixture(scope="session")
def found(tiny: World) -> Scan:
    return scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, manifest=tiny.manifest)


@pytest.fixture(scope="session")
def scan_folder(found: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans") / "scan"
    write_scan(found, folder, command="a test")
    return folder
