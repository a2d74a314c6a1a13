"""An item of a data set: an input, and the target that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiotracer.errors import DataError

TARGETS = ("labels", "label")
"""Under one of these keys an item that is a mapping has its target, as in Hugging Face's data."""


def split(item: Any, where: str) -> tuple[Any, Any]:
    """Input and target of an item.

    Args:
        item: A pair (input, target); or a mapping, whose key `labels` or `label` is the target and
            whose other keys together are the input.
        where: Which item, for errors.

    Raises:
        DataError: Neither of these.
    """
    if isinstance(item, Mapping):
        targets = [key for key in TARGETS if key in item]
        inputs = {key: value for key, value in item.items() if key not in targets}
        if len(targets) != 1 or not inputs:
            raise DataError(
                expected="items with a target under 'labels' or 'label', and tensors beside it",
                came=f"the keys {', '.join(map(str, item)) or 'of an empty mapping'} at {where}",
                do="rename or remove columns",
            )
        return inputs, item[targets[0]]
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(
            expected="items (input, label)",
            came=f"{type(item).__name__} at {where}",
            do="wrap the data set so that data[i] is a pair",
        )
    return item[0], item[1]


def require_arrays(inputs: Mapping[str, Any], where: str) -> None:
    """Raise `DataError` unless every value is a tensor or an array."""
    if not inputs:
        raise DataError(expected="named tensors", came=f"none at {where}", do="check the data")
    for name, value in inputs.items():
        if not hasattr(value, "shape"):
            raise DataError(
                expected="inputs that are tensors, or mappings of tensors",
                came=f"{type(inputs).__name__} at {where}, where {name!r} is a "
                f"{type(value).__name__}",
                do="remove what is no input, and turn the others into tensors "
                "(data.set_format('torch'))",
            )
