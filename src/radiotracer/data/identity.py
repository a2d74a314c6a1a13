"""Whether data are the data that a run was trained on: ids, one digest per example, labels."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import values
from radiotracer.data.dataset import Dataset, Labels
from radiotracer.data.digests import dataset_digest, hexadecimal
from radiotracer.data.items import parts_of
from radiotracer.data.npz import numbered
from radiotracer.errors import DataError, NotFiniteError

NO_CLASS = -1
"""The label of an example whose target is no class number: a sequence, a measurement, a mask."""


@dataclass(frozen=True, eq=False)
class Identity:
    """What makes a data set this one; row ``i`` of every array is the same example.

    Args:
        ids: Unique texts, shape (n,).
        labels: int64, shape (n,); `NO_CLASS` where a target is no class number.
        digest: One SHA-256 over every id, digest and label, in order, hexadecimal.
        look_up: Gives the SHA-256 of each input, and of its target where that is no class number,
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
        data: `Dataset` (its ids; the digests of its examples), or any other
            `radiotracer.data.examples.Data`, whose ids are ``"00042"`` and whose digests are over
            dtype, shape and bytes of each input: a tensor, an array, a PIL image, numbers, or
            several of them, whose names or positions count. Every example is read once. A target
            that is no class number is part of the digest. Of a `DataLoader` with a collate function
            of its own, an example is what that makes of it alone.

    Raises:
        DataError: Nothing that can be read, or an example that is no pair of arrays.
        NotFiniteError: An input or target holds NaN or infinity; the text names the first such id.
    """
    if isinstance(data, Dataset):
        return Identity(
            data.ids, data.labels, data.digest, lambda: data.digests, data.modality.noun
        )
    from radiotracer.data.examples import reader  # loads torch

    examples = reader(data)
    ids = numbered("", len(examples))
    hashes = np.empty((len(ids), 32), dtype=np.uint8)
    labels = np.empty(len(ids), dtype=np.int64)
    for row, name in enumerate(ids.tolist()):
        labels[row], hashed = label_and_hash(examples.one(row), name)
        hashes[row] = np.frombuffer(hashed, dtype=np.uint8)
    whole = dataset_digest(ids, (each.tobytes().hex() for each in hashes), labels)
    return Identity(ids, labels, whole, lambda: hexadecimal(hashes))


def label_and_hash(example: tuple[Any, Any], name: str) -> tuple[int, bytes]:
    """The class of an example, or `NO_CLASS`, and the SHA-256 of all else that it holds.

    Args:
        example: Input and target.
        name: Its id, for errors.

    Raises:
        DataError: Something in it is no array of numbers.
        NotFiniteError: Something is NaN or infinite.
    """
    inputs, target = example
    label = _class_number(target)
    whole = hashlib.sha256()
    _add_all(whole, inputs, f"the input {name}")
    if label is None:
        _add_all(whole, target, f"the target {name}", before="target ")
    return NO_CLASS if label is None else label, whole.digest()


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


def _add_all(whole: Any, value: Any, where: str, before: str = "") -> None:
    """Add the header and the bytes of each array; no two examples add the same."""
    parts = parts_of(value)
    if parts is None:
        _add(whole, value, where, before)
        return
    if not parts:
        raise DataError(expected="named tensors", came=f"none in {where}", do="check the data")
    by_name = isinstance(value, Mapping)
    for key in sorted(parts):
        _add(whole, parts[key], where, f"{before}{key!a} " if by_name else f"{before}{key} ", key)


def _add(whole: Any, one: Any, where: str, before: str, key: str | None = None) -> None:
    dtype, array = _as_array(one)
    if array.dtype.kind not in "biufc":
        under = "" if key is None else f" under {key!r}"
        raise DataError(
            expected="inputs and targets that are arrays of numbers",
            came=f"{type(one).__name__} in {where}{under}",
            do="remove it, or pass a DataLoader whose collate_fn makes tensors",
        )
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise NotFiniteError(
            expected="finite inputs and targets",
            came=f"NaN or infinity in {where}",
            do="repair or remove it",
        )
    # Inputs that are one number have always been written with an axis: recorded runs have them so.
    shape = array.shape if before.startswith("target ") else array.shape or (1,)
    whole.update(f"{before}{dtype} {list(shape)}\n".encode())
    whole.update(array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes())


def _as_array(one: Any) -> tuple[str, NDArray[Any]]:
    if hasattr(one, "detach"):
        tensor = one.detach().cpu()
        name = str(tensor.dtype).removeprefix("torch.")
        # NumPy has no bfloat16 or 8-bit floats; float32 holds each of their values exactly.
        array = (tensor.float() if "float8" in name or name == "bfloat16" else tensor).numpy()
        return name, array
    try:
        array = np.asarray(one)
    except ValueError:  # lists of different lengths
        return "object", np.asarray(None)
    if not hasattr(one, "dtype") and array.dtype == np.float64:
        array = array.astype(np.float32)  # as torch has numbers without a type
    return array.dtype.name, array


def _class_number(target: Any) -> int | None:
    """The class that a target names, or None where it is something else than one integer."""
    try:
        return operator.index(target.item() if getattr(target, "shape", None) == () else target)
    except (TypeError, ValueError, RuntimeError):
        return None
