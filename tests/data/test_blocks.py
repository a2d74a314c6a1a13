"""Mapped files pass through little memory, and hold the same values before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radiotracer.data import IMAGES, Dataset, open_data, save_examples
from radiotracer.data.blocks import BLOCK_BYTES, drop_pages, stretches, values
from radiotracer.data.npy import map_npy, write_npy
from radiotracer.gradients import in_batches

SIZE = 1 << 24
MAPS = Path("/proc/self/smaps")


def resident(folder: Path) -> int:
    """Bytes of the files in a folder that count as memory of this process."""
    total, ours = 0, False
    for line in MAPS.read_text().splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            ours = str(folder) in rest
        elif ours and name == "Rss:":
            total += 1024 * int(rest.split()[0])
    return total


measures = pytest.mark.skipif(not MAPS.exists(), reason="only Linux says what is in memory")


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    """16 MB of rows that say their own number."""
    rows = np.arange(SIZE // 4096, dtype=np.int64)[:, None].repeat(512, axis=1)
    write_npy(tmp_path / "a.npy", rows)
    return map_npy(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(0, 3), (1,), (20_000,), (7, BLOCK_BYTES + 1), (5, 0)])
def test_stretches_are_all_rows_once(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, dtype=np.uint8)
    rows = np.concatenate([np.arange(len(array))[each] for each in stretches(array)] or [[]])
    assert rows.tolist() == list(range(len(array)))
    assert all(array[each].nbytes <= max(BLOCK_BYTES, shape[-1]) for each in stretches(array))


def test_values_are_the_elements() -> None:
    array = np.array([f"é{row}" for row in range(20_000)])
    assert list(values(array)) == array.tolist()


@measures
def test_pages_are_let_go_and_read_again(mapped: np.ndarray, tmp_path: Path) -> None:
    total = int(mapped.sum())
    assert resident(tmp_path) >= SIZE
    half = len(mapped) // 2
    drop_pages(mapped[:half])
    assert SIZE // 4 < resident(tmp_path) <= SIZE // 2
    drop_pages(mapped)
    assert resident(tmp_path) < SIZE // 16
    assert int(mapped.sum()) == total


def test_other_arrays_are_left_alone(mapped: np.ndarray, tmp_path: Path) -> None:
    for array in (
        np.arange(9),
        np.arange(9)[2:4],
        mapped[:0],
        mapped[::2],
        mapped[:, :3],
        mapped.T,
    ):
        before = array.copy()
        drop_pages(array)
        np.testing.assert_array_equal(array, before)
    # A private copy of a file would lose what was written into it.
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[:] = -1
    drop_pages(np.asarray(private))
    assert (private == -1).all()


@measures
def test_opening_and_batches_keep_little(tmp_path: Path) -> None:
    n = SIZE // 1024
    examples = Dataset(
        modality=IMAGES,
        content=np.random.default_rng(0).integers(0, 256, (n, 32, 32, 1), dtype=np.uint8),
        labels=np.arange(n) % 3,
        ids=np.array([f"{row:040d}" for row in range(n)]),
        class_names=("a", "b", "c"),
        source="test",
    )
    save_examples(examples, tmp_path)
    found = open_data(str(tmp_path))
    assert resident(tmp_path) < SIZE // 16
    most = 0
    for row, batch in enumerate(in_batches(found, 1024)):
        most = max(most, resident(tmp_path))
        pixels = torch.from_numpy(examples.content[1024 * row : 1024 * (row + 1)])
        torch.testing.assert_close(batch.inputs, pixels.permute(0, 3, 1, 2).float() / 255.0)
        assert batch.targets.tolist() == examples.labels[1024 * row : 1024 * (row + 1)].tolist()
    assert most < SIZE // 8
    np.testing.assert_array_equal(found.content, examples.content)
