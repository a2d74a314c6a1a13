"""Examples as one batch: numbers become tensors, sequences that have a mask are padded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from radiotracer.data.inputs import Inputs, named
from radiotracer.data.items import parts_of
from radiotracer.errors import DataError

MASK = "attention_mask"
"""Where this input is 0, a network does not look."""

IGNORED = -100
"""The label of a position that is not asked for; that of padding."""

_OWN_COLLATE = "pass a DataLoader with your collate_fn, which makes one batch of them"


def as_tensors(value: Any, where: str) -> Inputs:
    """One input or one target: numbers, arrays and lists of numbers become tensors.

    Numbers without a type of their own become int64, float32 or bool.

    Args:
        value: One of these, a tuple of arrays, or a mapping of any of them.
        where: Which example, for errors.

    Raises:
        DataError: Something else, such as a text or a picture.
    """
    parts = parts_of(value)
    if parts is None:
        return _tensor(value, where, "")
    found = {name: _tensor(part, where, f" under {name!r}") for name, part in parts.items()}
    return found if isinstance(value, Mapping) else tuple(found.values())


def collate(
    examples: Sequence[tuple[Any, Any]], padding: Mapping[str, int] | None = None
) -> tuple[Inputs, Inputs]:
    """Inputs and targets of n examples, shape (n, ...) each.

    Inputs by name with an `attention_mask` are padded at their end to the longest of the batch,
    where they are as long as that, and so are labels.

    Args:
        examples: Each an input and a target, as `as_tensors` takes them.
        padding: What names are padded with; others with 0, which the mask hides, labels with -100.

    Raises:
        DataError: They do not make a batch.
    """
    inputs = [as_tensors(one, "some row") for one, _ in examples]
    targets = [as_tensors(target, "some row") for _, target in examples]
    if all(isinstance(one, Mapping) and MASK in one for one in inputs):
        masks = [len(one[MASK]) for one in map(named, inputs)]
        longest = max(masks)
        if min(masks) < longest:
            inputs = [_padded(one, longest, padding or {}) for one in map(named, inputs)]
    labels = [one for one in targets if isinstance(one, Tensor) and _is_sequence(one)]
    if len(labels) == len(targets) and len({len(one) for one in labels}) > 1:
        longest = max(map(len, labels))
        targets = [_to_length(one, longest, IGNORED) for one in labels]
    return _stacked(inputs, "inputs"), _stacked(targets, "targets")


def _padded(one: Mapping[str, Tensor], longest: int, padding: Mapping[str, int]) -> Inputs:
    own = len(one[MASK])
    return {
        name: _to_length(value, longest, padding.get(name, 0))
        if value.dim() and len(value) == own
        else value
        for name, value in one.items()
    }


def _to_length(value: Tensor, longest: int, fill: int) -> Tensor:
    return F.pad(value, [0, 0] * (value.dim() - 1) + [0, longest - len(value)], value=fill)


def _is_sequence(target: Tensor) -> bool:
    return target.dim() == 1 and target.dtype in (torch.int64, torch.int32)


def _stacked(parts: Sequence[Inputs], what: str) -> Inputs:
    rows = [named(part) for part in parts]
    first, problem = parts[0], ""
    if any(row.keys() != rows[0].keys() for row in rows):
        problem = "other names in one than in another"
    for name in () if problem else rows[0]:
        shapes = list(dict.fromkeys(tuple(row[name].shape) for row in rows))
        if len(shapes) > 1:
            problem = f"shapes {shapes[0]} and {shapes[1]}" + (f" of {name!r}" if name else "")
    if problem:
        raise DataError(
            expected=f"{what} that make a batch: tensors of the same names and shapes",
            came=problem,
            do=_OWN_COLLATE,
        )
    found = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    if isinstance(first, Tensor):
        return found[""]
    return tuple(found.values()) if isinstance(first, tuple) else found


def _tensor(value: Any, where: str, under: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    try:
        if hasattr(value, "shape"):
            array = np.asarray(value)  # not `ascontiguousarray`, which gives numbers an axis
            return torch.tensor(array) if array.ndim == 0 else _of_array(array)
        if not hasattr(value, "__array_interface__"):  # of a picture
            return torch.tensor(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise DataError(
        expected="inputs and targets that are tensors or numbers",
        came=f"{type(value).__name__} at {where}{under}",
        do="remove it, let a transform make a tensor of it, or "
        "pass a DataLoader with your collate_fn",
    )


def _of_array(array: NDArray[Any]) -> Tensor:
    array = np.ascontiguousarray(array)
    # torch warns where it would share memory that must not be written.
    return torch.from_numpy(array if array.flags.writeable else array.copy())
