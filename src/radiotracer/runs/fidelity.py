"""Whether a replay went where the recorded training went, checkpoint by checkpoint, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """How the weights of a replay differ from those of a recorded checkpoint.

    Args:
        file: The checkpoint's file.
        tensor: Name of the tensor that differs most (the first one, if several do).
        largest: Largest absolute difference of its elements; 0.0 where only the dtype or the sign
            of a zero differs.
    """

    file: str
    tensor: str
    largest: float


@dataclass(frozen=True)
class Fidelity:
    """How a replay compares with the recorded training; ``str`` gives it in plain sentences.

    Args:
        checkpoints: How many recorded checkpoints it was compared with.
        first: How it differs at the first checkpoint that differs; None where none does.
        last: The same at the last checkpoint that differs.
        circumstances: What is known to be other than it was when the training was recorded, such as
            ``"recorded with 2 threads, replayed with 1"``.
        one_at_a_time: The replay was another training on purpose, and was compared with nothing.
    """

    checkpoints: int
    first: Difference | None = None
    last: Difference | None = None
    circumstances: tuple[str, ...] = ()
    one_at_a_time: bool = False

    @property
    def exact(self) -> bool:
        """Whether the recorded training was reproduced bit for bit at every checkpoint."""
        return self.first is None and not self.one_at_a_time

    def __str__(self) -> str:
        """The outcome in plain sentences, on one line."""
        if self.one_at_a_time:
            return (
                "not the recorded training: each step learned from one example, by plain gradient "
                "descent in evaluation mode"
            )
        if self.first is None or self.last is None:
            return f"exact: equal to the recorded training at all {self.checkpoints} checkpoints"
        text = (
            f"not exact: differs from the recorded training, first at {self.first.file} "
            f"(by up to {self.first.largest:.2g}, in {self.first.tensor}), last at "
            f"{self.last.file} (by up to {self.last.largest:.2g}, in {self.last.tensor})"
        )
        if self.circumstances:
            return f"{text}; {'; '.join(self.circumstances)}"
        return (
            f"{text}; random layers, random augmentation, another loss, and whatever else the loop "
            "did beyond what was recorded cannot be replayed"
        )


def compare(
    file: str, recorded: Mapping[str, Tensor], replayed: Mapping[str, Tensor]
) -> Difference | None:
    """The difference at one checkpoint, or None where all bits are equal.

    Args:
        file: The checkpoint's file.
        recorded: The state in the file.
        replayed: A state with the same names and shapes, on any device.
    """
    # In the order of the network, which a file does not keep.
    differing = {
        name: _largest_difference(recorded[name], tensor.cpu())
        for name, tensor in replayed.items()
        if not _same_bits(recorded[name], tensor.cpu())
    }
    if not differing:
        return None
    worst = max(differing, key=differing.__getitem__)
    return Difference(file, worst, differing[worst])


def _same_bits(left: Tensor, right: Tensor) -> bool:
    return left.dtype == right.dtype and torch.equal(_as_bytes(left), _as_bytes(right))


def _as_bytes(tensor: Tensor) -> Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _largest_difference(left: Tensor, right: Tensor) -> float:
    if not left.numel():
        return 0.0
    difference = (left.double() - right.double()).abs()
    # A weight that became NaN differs as much as a weight can.
    return float(torch.where(difference.isnan(), torch.inf, difference).max())
