"""What a network is given, one tensor or several, how it is called with it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from radiotracer.errors import DataError, InputError

Inputs = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]
"""Of n examples: one tensor, shape (n, ...), or several, by position or by name.

Each of several tensors has first length n. A network is passed a tuple as positional arguments and
a mapping, such as ``input_ids`` and ``attention_mask``, as keywords. Targets, and what a network
answers, come in the same three forms.
"""


def named(inputs: Inputs) -> dict[str, Tensor]:
    """The tensors by name; a single one has the name ``""``, those of a tuple are numbered."""
    if isinstance(inputs, Tensor):
        return {"": inputs}
    if isinstance(inputs, tuple):
        return {str(position): value for position, value in enumerate(inputs)}
    return dict(inputs)


def like(inputs: Inputs, parts: Mapping[str, Tensor]) -> Inputs:
    """Tensors by name, as `named` gives them, in the form of `inputs`."""
    if isinstance(inputs, Tensor):
        return parts[""]
    return tuple(parts.values()) if isinstance(inputs, tuple) else dict(parts)


def each(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    """The inputs with every tensor changed."""
    return like(inputs, {name: change(value) for name, value in named(inputs).items()})


def length(inputs: Inputs) -> int:
    """How many examples, n.

    Raises:
        DataError: Something else than tensors, or several tensors of different first lengths.
    """
    if isinstance(inputs, Tensor):
        return len(inputs)
    if not isinstance(inputs, Mapping | tuple) or not inputs:
        raise DataError(
            expected="inputs that are a tensor, a tuple of tensors or a mapping of tensors",
            came="an empty mapping" if isinstance(inputs, Mapping) else type(inputs).__name__,
            do="give tensors",
        )
    for name, value in named(inputs).items():
        if not isinstance(value, Tensor):
            raise DataError(
                expected="named inputs that are tensors",
                came=f"a {type(value).__name__} under {name!r}",
                do="turn it into a tensor, or remove it",
            )
    shapes = {name: tuple(value.shape) for name, value in named(inputs).items()}
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
    # Row numbers on the processor index tensors of every device.
    index = rows if isinstance(rows, slice) else torch.as_tensor(rows)
    return each(inputs, lambda value: value[index])


def joined(parts: Sequence[Inputs]) -> Inputs:
    """The examples of all parts, which have the same names, one after the other."""
    first = parts[0]
    return like(first, {name: torch.cat([named(p)[name] for p in parts]) for name in named(first)})


def first_not_finite(inputs: Inputs) -> int | None:
    """The first row with NaN or infinity in some tensor, or None."""
    rows = [
        int((~torch.isfinite(value)).reshape(len(value), -1).any(dim=1).nonzero()[0])
        for value in named(inputs).values()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    return min(rows, default=None)


def arguments(inputs: Inputs) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Positional and keyword arguments of the network's `forward`."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (inputs,) if isinstance(inputs, Tensor) else inputs, {}


def answer(model: nn.Module, inputs: Inputs) -> Inputs:
    """What the network gives for the inputs: see `answered`.

    Raises:
        InputError: It does not take inputs of these names, or gives no tensor.
    """
    args, kwargs = arguments(inputs)
    try:
        return answered(model(*args, **kwargs))
    except TypeError as error:
        if not kwargs:
            raise
        raise InputError(
            expected="named inputs that the network takes as keywords",
            came=f"{', '.join(kwargs)}: {str(error).splitlines()[0]}",
            do="remove or rename columns",
        ) from error


def call(model: nn.Module, inputs: Inputs) -> Tensor:
    """The network's logits for the inputs.

    Raises:
        InputError: It does not take inputs of these names, or gives no logits.
    """
    return logits(answer(model, inputs))


def answered(outputs: Any) -> Inputs:
    """What a network returned, as a loss is given it.

    A tensor as it is; the `logits` of an object or a mapping that has them; else its tensors, by
    name; of a tuple its tensors (the tensor, where there is only one).

    Raises:
        InputError: There is no tensor.
    """
    if isinstance(outputs, Tensor):
        return outputs
    if isinstance(outputs, tuple | list):
        several = tuple(part for part in outputs if isinstance(part, Tensor))
        if several:
            return several[0] if len(several) == 1 else several
    parts = outputs if isinstance(outputs, Mapping) else getattr(outputs, "__dict__", {})
    found = {name: part for name, part in parts.items() if isinstance(part, Tensor)}
    one = found.get("logits", getattr(outputs, "logits", None))
    if not found and not isinstance(one, Tensor):
        raise _no_logits(outputs)
    return one if isinstance(one, Tensor) else found


def logits(outputs: Any) -> Tensor:
    """What a network returned, or where that is an object or a mapping, its `logits`.

    Raises:
        InputError: There are none.
    """
    found = answered(outputs)
    if not isinstance(found, Tensor):
        raise _no_logits(outputs)
    return found


def _no_logits(outputs: Any) -> InputError:
    return InputError(
        expected="a network that returns a tensor, or an object with logits",
        came=f"a {type(outputs).__name__}",
        do="wrap the network so that it returns its logits",
    )
