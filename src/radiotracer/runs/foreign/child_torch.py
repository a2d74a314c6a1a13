"""A program of its own: torch's restricted loader on the bytes of standard input.

    python -I child_torch.py BYTES CPU_SECONDS [FOLDER ...]

Its one job is to turn a file that may be hostile into safetensors, with nothing in reach. Torch is
imported and tried out first, so that what follows needs no file, no module and no thread. Then all
doors are closed (`child_confinement.py`), and only then are the bytes read.

What it prints is ``tensors``, a line break and safetensors; or ``refused``, a kind (`Kind`), what
came, and a line break. FOLDERS are where torch and safetensors lie.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from radiotracer.runs.foreign import child_confinement as confinement
else:  # a program, which has what lies beside it and nothing else of radiotracer
    sys.path.append(str(Path(__file__).parent))
    import child_confinement as confinement

if TYPE_CHECKING:
    from torch import Tensor

RefusedError = confinement.RefusedError

TORCH_KINDS = frozenset(
    f"torch.{name}"
    for name in (
        *("float64", "float32", "float16", "bfloat16"),
        *("int64", "int32", "int16", "int8", "uint8", "bool"),
    )
)
"""The types of numbers that are taken."""

WRAPPED = ("state_dict", "model_state_dict", "model")
"""Names under which trainers save weights, beside an optimiser's state and the like."""

SPARE_BYTES = 2**28
"""What the loading takes beside copies of the tensors."""

COPIES = 8
"""The bytes, torch's storages, and three copies of tensors that may be twice as large."""


def taken(content: bytes) -> bytes:
    """A state dict that ``torch.save`` wrote, as safetensors; of a trainer's file its weights.

    Raises:
        RefusedError: It is none, or it holds more than dense tensors of numbers by name.
    """
    import torch
    from safetensors.torch import save

    try:
        with warnings.catch_warnings(action="ignore"):  # what it doubts fails, or is checked below
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RefusedError("code", "") from error
    except Exception as error:  # a damaged archive fails in many ways
        raise RefusedError("damaged", confinement.said(error)) from error
    tensors = plain_tensors(weights_in(state))
    size = sum(each.numel() * each.element_size() for each in tensors.values())
    if size > largest(len(content)):
        raise RefusedError("large", f"tensors of {size} bytes in a file of {len(content)}")
    try:
        # Cloned: tied weights are written once under each of their names.
        return save({name: each.detach().contiguous().clone() for name, each in tensors.items()})
    except Exception as error:  # a name that is no text, memory that does not suffice
        raise RefusedError("damaged", confinement.said(error)) from error


def weights_in(state: object) -> object:
    """What lies under the one name that trainers keep weights under, beside other things."""
    if isinstance(state, Mapping):
        named = [name for name in WRAPPED if isinstance(state.get(name), Mapping)]
        if len(named) == 1:
            return state[named[0]]
    return state


def largest(size: int) -> int:
    """How many bytes the tensors of a file of `size` bytes may have: tied weights count twice."""
    return 2 * size + 2**24


def plain_tensors(state: object) -> dict[str, Tensor]:
    """`state` itself, if it holds nothing but dense tensors of numbers by name, on the CPU.

    Raises:
        RefusedError: Of the kind ``unnamed`` or ``other``.
    """
    if not isinstance(state, Mapping) or not state:
        is_empty = isinstance(state, Mapping)
        raise RefusedError("unnamed", "none" if is_empty else f"a {type(state).__name__}")
    for name, value in state.items():
        came = _what_is_wrong(value) if isinstance(name, str) else f"a {type(name).__name__}"
        if came:
            raise RefusedError("other", f"{came} at {name!r}"[:300])
    return dict(state)


def _what_is_wrong(value: Any) -> str | None:
    import torch

    if not isinstance(value, torch.Tensor):
        return f"a {type(value).__name__}"
    strange = value.layout != torch.strided or value.device.type != "cpu"
    if strange or str(value.dtype) not in TORCH_KINDS:
        return f"a tensor of {value.dtype}, {value.layout}, on {value.device}"
    return None


def _try_out() -> None:
    """Load and save once, so that whatever is imported on the way is there."""
    import torch

    stream = io.BytesIO()
    torch.save({"a": torch.zeros(1), "b": torch.nn.Parameter(torch.zeros(2))}, stream)
    taken(stream.getvalue())
    for bad in ([io.BytesIO], None):
        stream = io.BytesIO()
        torch.save(bad, stream)
        with contextlib.suppress(RefusedError):
            taken(stream.getvalue())
    with contextlib.suppress(RefusedError):
        taken(b"no archive")


def main(arguments: list[str]) -> NoReturn:
    """Read, and print the answer."""
    size, seconds = int(arguments[0]), int(arguments[1])
    sys.path += arguments[2:]
    os.environ |= confinement.ONE_THREAD
    confinement.cut_network()
    _try_out()
    source = sys.stdin.buffer
    confinement.confine(COPIES * size + SPARE_BYTES, seconds)
    try:
        answer = taken(source.read(size))
    except RefusedError as error:
        confinement.refuse(error.kind, error.came)
    except MemoryError:
        confinement.refuse("large", "more than the memory that its size warrants")
    confinement.leave(b"tensors\n" + answer)


if __name__ == "__main__":
    main(sys.argv[1:])
