"""Batches of a long marking as units of a ledger, so that what was stopped goes on there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn

from radiotracer.scale import FolderLedger, Ledger, Result


@dataclass(frozen=True)
class Kept:
    """Where finished batches are, and who is told what was damaged of them.

    Args:
        ledger: One of batches of this marking alone; a `FolderLedger` makes sure of it. Sealed
            images lie there: others on the machine may not read it.
        note: Told, in words, what a reader of a log should know.
    """

    ledger: Ledger
    note: Callable[[str], None] = lambda _: None

    def begin(self, about: Mapping[str, JsonValue]) -> None:
        """Say what the batches depend on, in words that people understand and that tell no secret.

        Raises:
            InputError: Batches of another marking are kept there; the text names what differs.
        """
        if isinstance(self.ledger, FolderLedger):
            self.ledger.begin(about)


def once(
    kept: Kept | None, name: str, make: Callable[[], Sequence[NDArray[Any]]]
) -> list[NDArray[Any]]:
    """Arrays that are kept under a name, or else made and, where there is a place, kept.

    Args:
        kept: The place; None makes them always.
        name: Of the batch, different for each: lower-case letters, digits and hyphens.
        make: Makes the arrays, always the same ones.

    Raises:
        StorageError: The disk refused.
    """
    if kept is None:
        return list(make())
    held = kept.ledger.read(name)
    if held is None:
        if kept.ledger.state(name) == "damaged":
            kept.note(f"{name} was damaged since it was written: it is done again")
        held = Result({f"{place:02d}": array for place, array in enumerate(make())})
        kept.ledger.write(name, held)
    return [held.arrays[place] for place in sorted(held.arrays)]


def fingerprint_of(models: Sequence[nn.Module]) -> str:
    """SHA-256 of networks: their weights, buffers and structure count.

    Returns:
        64 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for model in models:
        whole.update(f"\n{model}\n".encode())
        for name, tensor in model.state_dict().items():
            # NumPy has no bfloat16; float64 holds every float of torch exactly.
            exact = tensor.detach().cpu()
            array = (exact.double() if exact.is_floating_point() else exact).numpy()
            whole.update(f"{name} {tensor.dtype} {array.shape}\n".encode())
            whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()
