"""Batches of a long marking that are kept on the disk, so that what was stopped goes on there."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, storage_errors
from radiotracer.marking.commitment import canonical_json

_OURS = re.compile(r"[0-9a-f]{64}")


class Kept:
    """A folder of finished batches; a context that removes them when all went well.

    Each fingerprint has a folder of its own inside, so that no batch of another marking is ever
    taken for one of this. Nothing is written before the first batch is done.

    Args:
        folder: Where to keep them. Others on the machine may not read it: sealed images lie there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place: Path | None = None

    def begin(self, fingerprint: str) -> None:
        """Say what is being made; what is kept of anything else is removed.

        Args:
            fingerprint: SHA-256 of all that the batches depend on; see `fingerprint_of`.
        """
        self._place = self.folder / fingerprint
        for stale in self._held():
            if stale != self._place:
                shutil.rmtree(stale, ignore_errors=True)

    def get(self, name: str) -> dict[str, NDArray[Any]] | None:
        """The arrays kept under a name; None where there are none, or they cannot be read."""
        try:
            return read_arrays(self._file(name))
        except DataError:
            return None

    def put(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays under a name, whole or not at all.

        Raises:
            StorageError: The disk refused.
        """
        file = self._file(name)
        with storage_errors(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_file(file) as temporary:
            write_npz(temporary, arrays)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was kept, unless an error ended the work."""
        if kind is None and self.folder.is_dir():
            for each in self._held():
                shutil.rmtree(each, ignore_errors=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _held(self) -> list[Path]:
        """Only folders that `put` can have made: the name may be that of something else, too."""
        if not self.folder.is_dir():
            return []
        return [each for each in self.folder.iterdir() if _OURS.fullmatch(each.name)]

    def _file(self, name: str) -> Path:
        assert self._place is not None, "begin first"  # noqa: S101
        return self._place / f"{name}.npz"


def once(
    kept: Kept | None, name: str, make: Callable[[], Sequence[NDArray[Any]]]
) -> list[NDArray[Any]]:
    """Arrays that are kept under a name, or else made and, where there is a place, kept.

    Args:
        kept: The place; None makes them always.
        name: Of the batch, different for each.
        make: Makes the arrays, always the same ones.
    """
    held = None if kept is None else kept.get(name)
    if held is None:
        held = {f"{place:02d}": array for place, array in enumerate(make())}
        if kept is not None:
            kept.put(name, held)
    return [held[place] for place in sorted(held)]


def fingerprint_of(settings: Mapping[str, Any], models: Sequence[nn.Module]) -> str:
    """SHA-256 of settings (with the digests of the data among them) and of networks.

    Args:
        settings: Whatever JSON can hold.
        models: Their weights, buffers and structure count.

    Returns:
        64 hexadecimal digits.
    """
    whole = hashlib.sha256(canonical_json(settings).encode())
    for model in models:
        whole.update(f"\n{model}\n".encode())
        for name, tensor in model.state_dict().items():
            # NumPy has no bfloat16; float64 holds every float of torch exactly.
            exact = tensor.detach().cpu()
            array = (exact.double() if exact.is_floating_point() else exact).numpy()
            whole.update(f"{name} {tensor.dtype} {array.shape}\n".encode())
            whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()
