"""An item of a data set: an input, and the target that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiotracer.errors import DataError

TARGETS = (("labels",), ("label",), ("label_ids",), ("start_positions", "end_positions"))
"""Under one of these keys an item that is a mapping has its target, as in Hugging Face's data.

The two positions of an answer are one target, a mapping.
"""


def split(item: Any, where: str) -> tuple[Any, Any]:
    """Input and target of an item, or inputs and targets of a batch.

    Args:
        item: A pair (input, target); a longer tuple, whose last part is the target and whose others
            together are the input; or a mapping, in which one of `TARGETS` is the target and all
            other keys together are the input.
        where: Which item, for errors.

    Raises:
        DataError: None of these.
    """
    if isinstance(item, Mapping):
        targets = [keys for keys in TARGETS if all(key in item for key in keys)]
        taken = {key for keys in targets for key in keys}
        inputs = {key: value for key, value in item.items() if key not in taken}
        if len(targets) != 1 or not inputs:
            raise DataError(
                expected="items with a target under 'labels' or 'label', and tensors beside it",
                came=f"the keys {', '.join(map(str, item)) or 'of an empty mapping'} at {where}",
                do="rename or remove columns, or pass a DataLoader whose collate_fn gives "
                "(inputs, targets)",
            )
        (keys,) = targets
        return inputs, {key: item[key] for key in keys} if len(keys) > 1 else item[keys[0]]
    if not isinstance(item, tuple | list) or len(item) < 2:
        raise DataError(
            expected="items (input, target)",
            came=f"{type(item).__name__} at {where}",
            do="wrap the data set so that data[i] is a pair (the target of an autoencoder is its "
            "input)",
        )
    return item[0] if len(item) == 2 else tuple(item[:-1]), item[-1]


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of an input or a target that has several, by name or by position; else None.

    A list of numbers is one part: an array. A tuple of arrays has several.
    """
    if isinstance(value, Mapping):
        return {str(name): part for name, part in value.items()}
    if isinstance(value, tuple | list) and any(hasattr(part, "shape") for part in value):
        return {str(position): part for position, part in enumerate(value)}
    return None
