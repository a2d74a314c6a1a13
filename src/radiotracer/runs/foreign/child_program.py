"""A program of its own: torch's restricted loader on the bytes of standard input.

    python -I child_program.py BYTES CPU_SECONDS [FOLDER ...]

Its one job is to turn a file that may be hostile into safetensors, with nothing in reach. Torch is
imported and tried out first, so that what follows needs no file, no module and no thread. Then all
doors are closed, and only then are the bytes read:

- limits of the system: memory, relative to what torch itself takes; processor time; no further
  open file, no byte written to a file, no process, no core dump (where the system has them:
  Windows has none, macOS does not keep to the one of memory),
- no network: a namespace of its own without devices, where a Linux kernel permits it,
- an audit hook that ends the program at whatever Python reports of itself (`HARMLESS` apart):
  opening, importing, connecting, starting, compiling. This holds everywhere.

What it prints is ``tensors``, a line break and safetensors; or ``refused``, a kind (`Kind`), what
came, and a line break. FOLDERS are where torch and safetensors lie.

Nothing of radiotracer is imported here: it would only be more in reach.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import os
import pickle
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["code", "reach", "damaged", "unnamed", "other", "large"]
"""Why bytes are refused: they ask for more than tensors; the loader reached for something that was
closed; they cannot be read; they hold no tensors by name; other things among them; too much."""

HARMLESS = frozenset(("object.__setattr__", "object.__getattr__", "sys._getframe"))
"""Events of Python's audit hooks that change nothing outside."""

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

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


class RefusedError(Exception):
    """Bytes that are not taken: a kind, and what came."""

    def __init__(self, kind: Kind, came: str) -> None:
        self.kind, self.came = kind, came
        super().__init__(f"{kind} {came}")


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
        raise RefusedError("damaged", _said(error)) from error
    tensors = plain_tensors(weights_in(state))
    size = sum(each.numel() * each.element_size() for each in tensors.values())
    if size > largest(len(content)):
        raise RefusedError("large", f"tensors of {size} bytes in a file of {len(content)}")
    try:
        # Cloned: tied weights are written once under each of their names.
        return save({name: each.detach().contiguous().clone() for name, each in tensors.items()})
    except Exception as error:  # a name that is no text, memory that does not suffice
        raise RefusedError("damaged", _said(error)) from error


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


def _said(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def _cut_network() -> None:
    """Before there is a second thread: the kernel refuses it afterwards."""
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        # Root may leave the network alone; others have to become nobody of a new user namespace.
        if unshare(_NEW_NETWORK):
            unshare(_NEW_USER | _NEW_NETWORK)


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


def confine(size: int, seconds: int) -> None:
    """Take from this process, for good, all that loading does not need.

    Args:
        size: Of what will be loaded, in bytes.
        seconds: Of processor time that are left to it.
    """
    _limit(size, seconds)
    _close_doors()


def _limit(size: int, seconds: int) -> None:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    used = 1 + int(sum(os.times()[:2]))
    wanted = {"CPU": used + seconds, "NOFILE": 0, "FSIZE": 0, "NPROC": 0, "CORE": 0}
    statm = Path("/proc/self/statm")
    if statm.is_file():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        wanted["AS"] = mapped + COPIES * size + SPARE_BYTES
    for name, most in wanted.items():
        limit = getattr(resource, f"RLIMIT_{name}", None)
        if limit is not None:
            hard = resource.getrlimit(limit)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # noqa: PLW2901
            resource.setrlimit(limit, (most, most))


def _close_doors() -> None:
    def hook(event: str, _arguments: object) -> None:
        if event not in HARMLESS:
            # Not an exception: whoever came this far could catch it.
            _refuse("reach", event)

    sys.addaudithook(hook)


def _refuse(kind: Kind, came: str) -> NoReturn:
    text = came[:300].encode(errors="backslashreplace").replace(b"\n", b" ")
    _leave(b"refused %s %s\n" % (kind.encode(), text))


def _leave(answer: bytes) -> NoReturn:
    """Print and end without the interpreter's last things, which the hook would meet."""
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(1, rest) :]
    os._exit(0)


def main(arguments: list[str]) -> NoReturn:
    """Read, and print the answer."""
    size, seconds = int(arguments[0]), int(arguments[1])
    sys.path += arguments[2:]
    # Threads take memory that is counted, and are not needed.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    _cut_network()
    _try_out()
    source = sys.stdin.buffer
    confine(size, seconds)
    try:
        answer = taken(source.read(size))
    except RefusedError as error:
        _refuse(error.kind, error.came)
    except MemoryError:
        _refuse("large", "more than the memory that its size warrants")
    _leave(b"tensors\n" + answer)


if __name__ == "__main__":
    main(sys.argv[1:])
