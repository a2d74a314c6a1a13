"""What a network is given, one tensor or several by name, and how it is called with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from radiotracer.data.items import require_arrays, split
from radiotracer.errors import DataError, InputError

Inputs = Tensor | Mapping[str, Tensor]
"""Of n examples: one tensor, shape (n, ...), or several by name, passed to the network as keywords.

Each of the named tensors has first length n, such as ``input_ids`` and ``attention_mask``.
"""


def named(inputs: Inputs) -> dict[str, Tensor]:
    """The tensors by name; a single one has the name ``""``."""
    return {"": inputs} if isinstance(inputs, Tensor) else dict(inputs)


def each(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """The inputs with every tensor changed."""
    if isinstance(inputs, Tensor):
        return change(inputs)
    return {name: change(value) for name, value in inputs.items()}


def length(inputs: Inputs) -> int:
    """How many examples, n.

    Raises:
        DataError: Something else than tensors, or named tensors of different first lengths.
    """
    if isinstance(inputs, Tensor):
        return len(inputs)
    if not isinstance(inputs, Mapping) or not inputs:
        raise DataError(
            expected="inputs that are a tensor, or a mapping of tensors",
            came="an empty mapping" if isinstance(inputs, Mapping) else type(inputs).__name__,
            do="give tensors",
        )
    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            raise DataError(
                expected="named inputs that are tensors",
                came=f"a {type(value).__name__} under {name!r}",
                do="turn it into a tensor, or remove it",
            )
    shapes = {name: tuple(value.shape) for name, value in inputs.items()}
    lengths = {shape[:1] for shape in shapes.values()}
    if lengths == {()} or len(lengths) > 1:
        raise DataError(
            expected="named tensors with one entry per example on their first axis",
            came=", ".join(f"{name} of shape {shape}" for name, shape in shapes.items()),
            do="give tensors of shape (n, ...)",
        )
    return next(iter(shapes.values()))[0]


def take(inputs: Inputs, rows: slice | Sequence[int]) -> Inputs:
    """Some of the examples."""
    return each(inputs, lambda value: value[rows])


def joined(parts: Sequence[Inputs]) -> Inputs:
    """The examples of all parts, which have the same names, one after the other."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([part for part in parts if isinstance(part, Tensor)])
    return {name: torch.cat([named(part)[name] for part in parts]) for name in first}


def first_not_finite(inputs: Inputs) -> int | None:
    """The first row with NaN or infinity in some tensor, or None."""
    rows = [
        int((~torch.isfinite(value)).reshape(len(value), -1).any(dim=1).nonzero()[0])
        for value in named(inputs).values()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    return min(rows, default=None)


def collate(items: Sequence[Any]) -> tuple[Inputs, Tensor]:
    """Items of a data set as one batch, inputs of n examples and their targets, shape (n, ...).

    Args:
        items: n of them, each as `radiotracer.data.items.split` takes it.

    Raises:
        DataError: They are no such items, or not tensors of one shape.
    """
    pairs = [split(item, "some row") for item in items]
    for given, _ in pairs:
        if isinstance(given, Mapping):
            require_arrays(given, "some row")
    try:
        inputs, targets = default_collate(
            [(dict(x) if isinstance(x, Mapping) else x, y) for x, y in pairs]
        )
    except (RuntimeError, TypeError, KeyError) as error:
        raise DataError(
            expected="items that make a batch: tensors of the same names, types and shapes",
            came=str(error).splitlines()[0] if str(error) else type(error).__name__,
            do="pad sequences to one length (padding='max_length'), or wrap the data set",
        ) from error
    return inputs, targets


def arguments(inputs: Inputs) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Positional and keyword arguments of the network's `forward`."""
    return ((inputs,), {}) if isinstance(inputs, Tensor) else ((), dict(inputs))


def call(model: nn.Module, inputs: Inputs) -> Tensor:
    """The network's logits for the inputs.

    Raises:
        InputError: It does not take inputs of these names, or gives no logits.
    """
    args, kwargs = arguments(inputs)
    try:
        return logits(model(*args, **kwargs))
    except TypeError as error:
        if not kwargs:
            raise
        raise InputError(
            expected="named inputs that the network takes as keywords",
            came=f"{', '.join(kwargs)}: {str(error).splitlines()[0]}",
            do="remove or rename columns",
        ) from error


def logits(outputs: Any) -> Tensor:
    """What a network returned, or where that is an object or a mapping, its `logits`.

    Raises:
        InputError: There are none.
    """
    if isinstance(outputs, Tensor):
        return outputs
    found = outputs.get("logits") if isinstance(outputs, Mapping) else None
    found = getattr(outputs, "logits", None) if found is None else found
    if not isinstance(found, Tensor):
        raise InputError(
            expected="a network that returns a tensor, or an object with logits",
            came=f"a {type(outputs).__name__}",
            do="wrap the network so that it returns its logits",
        )
    return found
