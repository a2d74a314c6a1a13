"""Whether data are the data that a run was trained on: ids, one digest per example, labels."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import values
from radiotracer.data.dataset import Dataset, Labels
from radiotracer.data.digests import dataset_digest, hexadecimal
from radiotracer.data.items import require_arrays, split
from radiotracer.data.npz import numbered
from radiotracer.errors import DataError, NotFiniteError

NO_CLASS = -1
"""The label of an example whose target is a sequence."""


@dataclass(frozen=True, eq=False)
class Identity:
    """What makes a data set this one; row ``i`` of every array is the same example.

    Args:
        ids: Unique texts, shape (n,).
        labels: int64, shape (n,); `NO_CLASS` where a target is a sequence.
        digest: One SHA-256 over every id, digest and label, in order, hexadecimal.
        look_up: Gives the SHA-256 of each input, and of its target where that is a sequence,
            hexadecimal, shape (n,). Only asked where single
            examples matter: that may take memory, and another pass over the data.
        kind: What an example is besides its label, in the singular, for messages.
    """

    ids: NDArray[np.str_]
    labels: Labels
    digest: str
    look_up: Callable[[], NDArray[np.str_]]
    kind: str = "input"

    @classmethod
    def of(
        cls,
        ids: NDArray[np.str_],
        digests: NDArray[np.str_],
        labels: NDArray[np.int64],
        kind: str = "input",
    ) -> Identity:
        """From the digests of all inputs; each array has shape (n,)."""
        whole = dataset_digest(ids, values(digests), labels)
        return cls(ids, labels, whole, lambda: digests, kind)

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.ids)

    @property
    def digests(self) -> NDArray[np.str_]:
        """SHA-256 of each input, hexadecimal, shape (n,)."""
        return self.look_up()


def identify(data: object) -> Identity:
    """The identity of a data set.

    Args:
        data: `Dataset` (its ids; the digests of its examples), or one of these, whose ids are
            ``"00042"`` and whose digests are over dtype, shape and bytes of each input:
            a pair (inputs, labels) of tensors or arrays with equal first lengths, or
            a map-style data set, `data[i]` giving (input, label), the input a tensor, an array or
            a PIL image. Every example is read once. Inputs may also be mappings of tensors, whose
            names count; such an item may have its label under the key `labels` or `label`. Labels
            may be sequences of integers, which then are part of the digest.

    Raises:
        DataError: None of these, an item that is no pair, or a label without integers.
        NotFiniteError: An input holds NaN or infinity; the text names the first such id.
    """
    if isinstance(data, Dataset):
        return Identity(
            data.ids, data.labels, data.digest, lambda: data.digests, data.modality.noun
        )
    if _is_pair(data):
        inputs, targets = cast(tuple[Any, Any], data)
        pairs: Iterable[tuple[Any, Any]] = _rows(inputs, targets)
        n = len(targets)
    elif (
        hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, Mapping)
    ):
        n = len(data)
        pairs = _items(data, n)
    else:
        raise DataError(
            expected="a Dataset, a pair (inputs, labels) of tensors, or a data set with a length "
            "and numbered items",
            came=type(data).__name__,
            do="wrap the data, for example in torch.utils.data.TensorDataset",
        )
    ids = numbered("", n)
    hashes = np.empty((n, 32), dtype=np.uint8)
    labels = np.empty(n, dtype=np.int64)
    for row, (one, label) in enumerate(pairs):
        labels[row], sequence = _label(label, str(ids[row]))
        hashes[row] = np.frombuffer(_hash(one, sequence, str(ids[row])), dtype=np.uint8)
    whole = dataset_digest(ids, (each.tobytes().hex() for each in hashes), labels)
    return Identity(ids, labels, whole, lambda: hexadecimal(hashes))


def differences(expected: Identity, found: Identity) -> str | None:
    """One line on how `found` differs from `expected`, or None when it does not.

    Counts missing ids, extra ids, changed inputs (by the kind of `found`: images, texts) and
    changed labels, each with one example; when there is none of these, says where the order
    differs.
    """
    if expected.digest == found.digest:
        return None
    before = {name: row for row, name in enumerate(expected.ids.tolist())}
    after = {name: row for row, name in enumerate(found.ids.tolist())}
    shared = [name for name in before if name in after]
    rows = np.array([before[name] for name in shared], dtype=np.int64)
    found_rows = np.array([after[name] for name in shared], dtype=np.int64)
    names = np.array(shared, dtype=object)
    kinds = (
        ("missing", [name for name in before if name not in after]),
        ("extra", [name for name in after if name not in before]),
        (f"changed {found.kind}", names[expected.digests[rows] != found.digests[found_rows]]),
        ("changed label", names[expected.labels[rows] != found.labels[found_rows]]),
    )
    parts = [f"{len(which)} {kind} (e.g. {which[0]!a})" for kind, which in kinds if len(which)]
    if not parts:
        first = int(np.flatnonzero(expected.ids != found.ids)[0])
        parts = [f"another order (from row {first}: {str(found.ids[first])!a})"]
    return ", ".join(parts)


def _is_pair(data: object) -> bool:
    return (
        isinstance(data, tuple | list)
        and len(data) == 2
        and hasattr(data[1], "shape")
        and (hasattr(data[0], "shape") or isinstance(data[0], Mapping))
    )


def _rows(inputs: Any, labels: Any) -> Iterator[tuple[Any, Any]]:
    parts = inputs if isinstance(inputs, Mapping) else {"": inputs}
    require_arrays(parts, "the inputs")
    shapes = [tuple(each.shape) for each in parts.values()]
    n, integers = shapes[0][:1], _is_integers(labels)
    if (
        any(shape[:1] != n or not shape for shape in shapes)
        or tuple(labels.shape[:1]) != n
        or (len(labels.shape) > 1 and not integers)
    ):
        raise DataError(
            expected="inputs of shape (n, ...) and labels of shape (n,), or (n, ...) of integers",
            came=f"shapes {', '.join(map(str, shapes))} and {tuple(labels.shape)}",
            do="give one class number, or one sequence of them, per input",
        )
    for row, label in enumerate(labels):
        one = {name: each[row] for name, each in parts.items()}
        yield (one if isinstance(inputs, Mapping) else one[""]), label


def _items(data: Any, n: int) -> Iterator[tuple[Any, Any]]:
    for row in range(n):
        yield split(data[row], str(row))


def _hash(one: Any, sequence: Any, name: str) -> bytes:
    """SHA-256 over the header and the bytes of each array; no two inputs write the same."""
    whole = hashlib.sha256()
    if isinstance(one, Mapping):
        require_arrays(one, name)
        for key in sorted(one):
            _add(whole, one[key], name, before=f"{key!a} ")
    else:
        _add(whole, one, name)
    if sequence is not None:
        _add(whole, sequence, name, before="target ")
    return whole.digest()


def _add(whole: Any, one: Any, name: str, before: str = "") -> None:
    dtype, array = _as_array(one)
    if array.dtype.kind not in "biufc":
        raise DataError(
            expected="inputs that are arrays of numbers",
            came=f"{type(one).__name__} at {name}",
            do="turn each input into one tensor",
        )
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise NotFiniteError(
            expected="finite inputs",
            came=f"NaN or infinity in the input {name}",
            do="repair or remove it",
        )
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    whole.update(f"{before}{dtype} {list(array.shape)}\n".encode())
    whole.update(array.tobytes())


def _as_array(one: Any) -> tuple[str, NDArray[Any]]:
    if hasattr(one, "detach"):
        tensor = one.detach().cpu()
        name = str(tensor.dtype).removeprefix("torch.")
        # NumPy has no bfloat16 or 8-bit floats; float32 holds each of their values exactly.
        array = (tensor.float() if "float8" in name or name == "bfloat16" else tensor).numpy()
        return name, array
    array = np.asarray(one)
    return array.dtype.name, array


def _label(label: Any, name: str) -> tuple[int, Any]:
    """The class, and None; or `NO_CLASS`, and the sequence."""
    try:
        return operator.index(label.item() if getattr(label, "shape", None) == () else label), None
    except (TypeError, ValueError, RuntimeError) as error:
        if getattr(label, "shape", ()) != () and _is_integers(label):
            return NO_CLASS, label
        raise DataError(
            expected="an integer label",
            came=f"{type(label).__name__} at {name}",
            do="give class numbers",
        ) from error


def _is_integers(array: Any) -> bool:
    return str(array.dtype).removeprefix("torch.").startswith(("int", "uint"))
