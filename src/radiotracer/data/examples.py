"""Examples in any of the forms that people keep them, read alike: by row, and in batches."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from torch import nn
from torch.utils.data import DataLoader, IterableDataset, Subset, default_collate, default_convert
from torch.utils.data import Dataset as TorchDataset

from radiotracer.data.batching import as_tensors, collate
from radiotracer.data.dataset import Dataset
from radiotracer.data.inputs import Inputs, each, length
from radiotracer.data.items import parts_of, split
from radiotracer.data.tensors import Tensors
from radiotracer.errors import DataError
from radiotracer.wrappers import unwrapped

Data = Dataset | tuple[Inputs, Inputs] | TorchDataset[Any] | DataLoader[Any]
"""`Dataset`; a pair (inputs, targets) of tensors; a torch data set of numbered items, each an input
and its target; an iterable one, which is read into memory; or a `DataLoader`, whose data set and
collate function count, and whose order does not. Inputs and targets are a tensor each, or several
(`radiotracer.data.inputs`)."""


class Reader(Protocol):
    """n examples by row."""

    def __len__(self) -> int:
        """How many there are, n."""

    def one(self, row: int) -> tuple[Any, Any]:
        """Input and target of one example, as its identity is taken."""

    def batch(self, rows: Sequence[int] | slice) -> tuple[Inputs, Inputs]:
        """Inputs and targets of some examples, shape (len(rows), ...) each."""


class Examples(TorchDataset[Any]):
    """Items of a data set as a network is shown them.

    Args:
        items: A data set of numbered items, or an iterable one, which is read into memory.
        collate_fn: Makes a batch, inputs and targets, of a list of items; None stacks and pads.
        names: The named inputs that the network takes; None is all.
        padding: What named inputs are padded with, where not with 0.
    """

    def __init__(
        self,
        items: Any,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        names: frozenset[str] | None = None,
        padding: Mapping[str, int] | None = None,
    ) -> None:
        self.source = items
        self.items: Any = items if _is_numbered(items) else list(items)
        self.collate_fn = collate_fn
        self.names = names
        self.padding = padding or {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self.items)

    def __getitem__(self, row: int) -> tuple[Any, Any]:
        """Input and target of one example."""
        return self.one(row)

    def one(self, row: int) -> tuple[Any, Any]:
        """Input and target of one example, as the collate function, if there is one, gives them."""
        if self.collate_fn is None:
            return self._split(self.items[row], str(row))
        inputs, targets = self._collated([row])
        return each(inputs, lambda value: value[0]), each(targets, lambda value: value[0])

    def batch(self, rows: Sequence[int] | slice) -> tuple[Inputs, Inputs]:
        """Inputs and targets of some examples, shape (len(rows), ...) each."""
        rows = range(len(self))[rows] if isinstance(rows, slice) else rows
        if self.collate_fn is not None:
            return self._collated(rows)
        return collate([self._split(item, "some row") for item in self._fetch(rows)], self.padding)

    def written(self, row: int) -> str | None:
        """The first named text of an item, for people: what was tokenised, as it often stands by.

        None where items are no mappings, or have none.
        """
        item = self.items[row]
        parts = item.values() if isinstance(item, Mapping) else ()
        return next((part for part in parts if isinstance(part, str)), None)

    def take(self, rows: Sequence[int]) -> Examples:
        """Some of them, in this order."""
        some = Subset(self.items, rows)
        return Examples(some, self.collate_fn, self.names, self.padding)

    def seen_by(self, model: nn.Module) -> Examples:
        """The same without the named inputs that this network does not take."""
        seen = copy.copy(self)  # which reads nothing again
        seen.names = names_taken(model) if self.names is None else self.names
        seen.padding = self.padding or _padding_of(model)
        return seen

    def again(self, most: int) -> Iterator[tuple[int, tuple[Any, Any]]]:
        """Some of the examples with their rows, read anew."""
        if self.items is self.source:
            for row in sorted({len(self) * part // most for part in range(most)}):
                yield row, self.one(row)
        else:
            for row, item in enumerate(itertools.islice(self.source, most)):
                yield row, Examples([item], self.collate_fn, self.names).one(0)

    def _fetch(self, rows: Sequence[int]) -> list[Any]:
        several = getattr(self.items, "__getitems__", None)
        if several is not None:
            return list(several(list(rows)))
        return [self.items[row] for row in rows]

    def _collated(self, rows: Sequence[int]) -> tuple[Inputs, Inputs]:
        assert self.collate_fn is not None  # noqa: S101
        where = f"{rows[0]}, as the collate function gives it"
        inputs, targets = self._split(self.collate_fn(self._fetch(rows)), where)
        found = as_tensors(inputs, where), as_tensors(targets, where)
        if any(length(part) != len(rows) for part in found):
            raise DataError(
                expected=f"a collate function that makes a batch of {len(rows)} of as many items",
                came=" and ".join(str(length(part)) for part in found),
                do="return inputs and targets with one entry per item on their first axis",
            )
        return found

    def _split(self, item: Any, where: str) -> tuple[Any, Any]:
        inputs, target = split(item, where)
        return _taken(inputs, self.names), target


class Pair:
    """Inputs and targets of n examples that are in memory, arrays of shape (n, ...) each."""

    def __init__(self, inputs: Any, targets: Any) -> None:
        self.inputs, self.targets = inputs, targets
        if not _arrays(inputs) or not _arrays(targets):
            raise DataError(expected="named tensors", came="none", do="check the data")
        arrays = [*_arrays(inputs), *_arrays(targets)]
        shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
        if not all(shape and shape[0] == shapes[0][0] for shape in shapes):
            raise DataError(
                expected="inputs of shape (n, ...) and targets of shape (n, ...)",
                came=", ".join(
                    f"shape {shape}" if shape else f"a {type(array).__name__}"
                    for shape, array in zip(shapes, arrays, strict=True)
                ),
                do="give one target for each input",
            )

    def __len__(self) -> int:
        """How many there are."""
        return len(_arrays(self.targets)[0])

    def one(self, row: int) -> tuple[Any, Any]:
        """Input and target of one example."""
        return _at(self.inputs, row), _at(self.targets, row)

    def batch(self, rows: Sequence[int] | slice) -> tuple[Inputs, Inputs]:
        """Inputs and targets of some examples."""
        rows = rows if isinstance(rows, slice) else list(rows)
        inputs, targets = _at(self.inputs, rows), _at(self.targets, rows)
        return as_tensors(inputs, "the inputs"), as_tensors(targets, "the targets")


def seen_by(model: nn.Module, data: Any) -> Any:
    """Data as a network is shown them: without named inputs that its `forward` does not take.

    Hugging Face's Trainer removes those, too.

    Raises:
        DataError: They cannot be read.
    """
    if isinstance(data, Dataset):
        return data
    if is_pair(data):
        inputs = _taken(data[0], names_taken(model))
        return as_tensors(inputs, "the inputs"), as_tensors(data[1], "the targets")
    return examples_of(data).seen_by(model)


def reader(data: Any) -> Reader:
    """Whatever holds the examples, to be read by row.

    Raises:
        DataError: It holds none that can be read.
    """
    if isinstance(data, Dataset):
        return Tensors(data)
    if is_pair(data):
        return Pair(*data)
    return examples_of(data)


def examples_of(data: Any) -> Examples:
    """The items of a data set, of an iterable one, or of a `DataLoader`.

    Raises:
        DataError: It is none of these.
    """
    if isinstance(data, Examples):
        return data
    if isinstance(data, DataLoader):
        own = None if data.collate_fn in (default_collate, default_convert) else data.collate_fn
        if own is not None and data.batch_sampler is None:
            raise DataError(
                expected="a DataLoader whose collate_fn makes a batch of several items",
                came="batch_size=None with a collate_fn",
                do="let the data set give the items as that does, and pass it",
            )
        return Examples(data.dataset, own)
    # What is its own iterator can be read only once.
    again = hasattr(data, "__iter__") and not hasattr(data, "__next__")
    if isinstance(data, Mapping | str) or not (_is_numbered(data) or again):
        raise DataError(
            expected="a Dataset, a pair (inputs, targets) of tensors, a data set with a length "
            "and numbered items, or a DataLoader",
            came=type(data).__name__,
            do="wrap the data, for example in torch.utils.data.TensorDataset",
        )
    return Examples(data)


def same_again(data: Any) -> str:
    """How to pass the data that a run was trained on, where these are others."""
    made = ", in a DataLoader where a collate_fn made batches of them"
    return f"pass the same data{made if isinstance(data, Examples) else ''}"


def is_pair(data: object) -> bool:
    """Whether these are inputs and targets of all examples, and not a list of two examples."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        return False
    inputs, targets = data
    several = isinstance(data, tuple) and parts_of(targets) is not None
    return (hasattr(targets, "shape") or several) and (
        hasattr(inputs, "shape") or parts_of(inputs) is not None
    )


def names_taken(model: nn.Module) -> frozenset[str] | None:
    """The names that a network's `forward` takes; None where it takes any.

    Networks of Hugging Face take any and use those that they name, as their Trainer has it.
    """
    network = _adapted(model)
    parameters = inspect.signature(network.forward).parameters
    kinds = {each.kind for each in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds and not hasattr(network, "main_input_name"):
        return None
    return frozenset(parameters)


def _adapted(model: nn.Module) -> nn.Module:
    """The network whose `forward` says what is taken, where adapters were put into one."""
    model = unwrapped(model)
    base = getattr(model, "get_base_model", None)
    return unwrapped(base()) if callable(base) else model


def _padding_of(model: nn.Module) -> dict[str, int]:
    token = getattr(getattr(_adapted(model), "config", None), "pad_token_id", None)
    return {"input_ids": token} if isinstance(token, int) else {}


def _is_numbered(items: Any) -> bool:
    numbered = hasattr(items, "__getitem__") and hasattr(items, "__len__")
    return numbered and not isinstance(items, IterableDataset)


def _taken(inputs: Any, names: frozenset[str] | None) -> Any:
    if names is None or not isinstance(inputs, Mapping) or not names & inputs.keys():
        return inputs
    return {name: value for name, value in inputs.items() if name in names}


def _arrays(value: Any) -> list[Any]:
    parts = parts_of(value)
    return [value] if parts is None else list(parts.values())


def _at(value: Any, rows: Any) -> Any:
    parts = parts_of(value)
    if parts is None:
        return value[rows]
    found = {name: part[rows] for name, part in parts.items()}
    return found if isinstance(value, Mapping) else tuple(found.values())
