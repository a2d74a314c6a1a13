"""A program of its own: ONNX Runtime on a file that may be hostile, asked as often as one likes.

    python -I child_onnx.py BYTES MEMORY SECONDS [FOLDER ...]

The runtime is imported and tried out first; then all doors are closed (`child_confinement.py`), and
only then are the BYTES of the file read. MEMORY, in bytes, is what loading and running may take,
and SECONDS how long loading may, also inside of one operator. There is one thread: answers are the
same on any number of cores.

First comes a line of JSON that describes inputs and outputs, each with its name, type and shape.
Then each request is a line ``{"shape": [...], "output": name, "seconds": n}`` and float32 numbers;
the answer is a line ``{"dtype": "<f4", "shape": [...], "names": null}`` and numbers. Of an output
that is a list of mappings (ZipMap) the numbers are a row for each, and ``names`` are its keys.
Instead of any of these lines there may be ``refused``, a kind, and what came. FOLDERS are where the
runtime and numpy lie.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from radiotracer.runs.foreign import child_confinement as confinement
else:  # a program, which has what lies beside it and nothing else of radiotracer
    sys.path.append(str(Path(__file__).parent))
    import child_confinement as confinement

_IDENTITY = base64.b64decode(
    "CAg6OwoQCgF4EgF5IghJZGVudGl0eRIBZ1oRCgF4EgwKCggBEgYKAAoCCAFiEQoBeRIMCgoIARIGCgAKAggBQgQKABAR"
)
"""A model of one operator, to try the runtime out with."""

_NO_MEMORY = ("bad_alloc", "Failed to allocate memory")
"""What the runtime says where it has none left."""

_KINDS = "fiub"
"""Of numbers: floats, whole ones, truths."""


def opened(content: bytes) -> Any:
    """A session on the processor, in one thread.

    Raises:
        RefusedError: The bytes are no model.
    """
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed beside it
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Freed is given back: what is held is what is used.
    options.enable_cpu_mem_arena = False
    # Bytes in the runtime's own format would be taken too, and were not looked through before.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own error classes are not public
        _require_memory(error)
        raise confinement.RefusedError("damaged", confinement.said(error)) from error


def described(session: Any) -> bytes:
    """Inputs and outputs, as a line."""
    found = {
        which: [[each.name, each.type, each.shape] for each in ports]
        for which, ports in (("inputs", session.get_inputs()), ("outputs", session.get_outputs()))
    }
    return json.dumps(found).encode() + b"\n"


def answered(session: Any, request: dict[str, Any], read: Callable[[int], bytes]) -> bytes:
    """The answer to a request whose numbers `read` gives, as a line and numbers.

    Raises:
        RefusedError: The model does not take them, or answers with other things than numbers.
    """
    import numpy as np

    inputs = np.frombuffer(read(4 * _product(request["shape"])), dtype=np.float32)
    try:
        name = session.get_inputs()[0].name
        (raw,) = session.run([request["output"]], {name: inputs.reshape(request["shape"])})
    except Exception as error:  # the runtime's own error classes are not public
        _require_memory(error)
        raise confinement.RefusedError("other", confinement.said(error)) from error
    names = None
    if isinstance(raw, list) and raw and all(isinstance(each, dict) for each in raw):
        names = list(raw[0])
        if any(list(each) != names for each in raw):
            raise confinement.RefusedError("other", "mappings with different keys")
        raw = [list(each.values()) for each in raw]
    try:
        values = np.ascontiguousarray(raw)
        line = {"dtype": values.dtype.str, "shape": values.shape, "names": names}
        text = json.dumps(line).encode()
    except (TypeError, ValueError) as error:
        raise confinement.RefusedError("other", confinement.said(error)) from error
    if values.dtype.kind not in _KINDS:
        raise confinement.RefusedError("other", f"answers of {values.dtype}")
    return text + b"\n" + values.tobytes()


def _require_memory(error: Exception) -> None:
    """Raise `MemoryError` where that is what the runtime says."""
    if isinstance(error, MemoryError) or any(each in str(error) for each in _NO_MEMORY):
        raise MemoryError from error


def _product(shape: list[int]) -> int:
    size = 1
    for each in shape:
        size *= each
    return size


def _request(shape: list[int], seconds: int = 5) -> dict[str, Any]:
    return {"shape": shape, "output": "y", "seconds": seconds}


def _try_out() -> None:
    """Load, run and fail once, so that whatever is imported on the way is there."""
    session = opened(_IDENTITY)
    described(session)
    answered(session, _request([2, 1]), lambda size: b"\0" * size)
    with contextlib.suppress(confinement.RefusedError):
        answered(session, _request([1, 1, 1]), lambda size: b"\0" * size)
    with contextlib.suppress(confinement.RefusedError):
        opened(b"no model")
    _within(5)
    _within(0)


def _within(seconds: int) -> None:
    """The system ends this process after so many seconds, whoever waits; 0: it does not."""
    with contextlib.suppress(AttributeError):  # Windows
        signal.alarm(seconds)


def main(arguments: list[str]) -> NoReturn:
    """Read the file, and answer until there are no more requests."""
    size, memory, seconds = map(int, arguments[:3])
    sys.path += arguments[3:]
    os.environ |= confinement.ONE_THREAD
    confinement.cut_network()
    _try_out()
    source = sys.stdin.buffer
    confinement.confine(memory)
    try:
        content = source.read(size)
        _within(seconds)
        session = opened(content)
        _within(0)
        confinement.tell(described(session))
    except confinement.RefusedError as error:
        confinement.refuse(error.kind, error.came)
    except MemoryError:
        confinement.refuse("large", f"more than {memory // 2**20} MiB of memory to load it")
    for line in source:
        request = json.loads(line)
        _within(request["seconds"])
        try:
            confinement.tell(answered(session, request, source.read))
        except confinement.RefusedError as error:
            confinement.tell(confinement.refused(error.kind, error.came))
        except MemoryError:
            confinement.refuse("large", f"more than {memory // 2**20} MiB of memory to answer")
        _within(0)
    confinement.leave(b"")


if __name__ == "__main__":
    main(sys.argv[1:])
