"""An ONNX model of a stranger's, loaded and run in a process of its own (`child_onnx.py`)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Annotated, BinaryIO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from radiotracer.errors import InputError
from radiotracer.runs.foreign.child_confinement import RefusedError
from radiotracer.runs.foreign.child_process import Child, LateError, NoChildError, refusal

PROGRAM = Path(__file__).with_name("child_onnx.py")

SPARE_BYTES = 2 * 2**30
"""What a model may take beside copies of its file, in loading and in answering."""

COPIES = 4
"""The bytes, their tensors, these as the runtime lays them out, and what it computes ahead."""

LOAD_SECONDS = 120.0
"""How long loading may take, beside `BYTES_PER_SECOND`."""

BYTES_PER_SECOND = 10 * 2**20

MOST_ANSWER = 2**28
"""The bytes of one answer."""

_LONGEST_LINE = 2**20

Words = Annotated[str, Field(max_length=1000)]
Size = Annotated[int, Field(ge=0, lt=2**31)]


class Port(NamedTuple):
    """An input or an output: its name, its type in ONNX Runtime's words, and its shape.

    A size is a number, a name where it may be any, or nothing.
    """

    name: Words
    type: Words
    shape: Annotated[list[int | Words | None], Field(max_length=16)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Ports(_Said):
    inputs: Annotated[list[Port], Field(max_length=1000)]
    outputs: Annotated[list[Port], Field(max_length=1000)]


class _Answer(_Said):
    dtype: Annotated[str, Field(pattern="^[<|][fiub][1248]$")]
    shape: Annotated[list[Size], Field(max_length=16)]
    names: Annotated[list[int | Words], Field(max_length=100_000)] | None


_Line = TypeVar("_Line", bound=_Said)


class OnnxSession:
    """A loaded model.

    Args:
        content: The file, which `require_self_contained` let pass.
        path: Names the file in errors.
        memory: How many bytes loading and answering may take; None: what its size warrants.
        load_seconds: How long loading may take beside what the size warrants.

    Raises:
        InputError: ONNX Runtime is missing, there is no process to open the file in, or it is no
            model, or one that takes too much.
    """

    def __init__(
        self,
        content: bytes,
        path: Path,
        *,
        memory: int | None = None,
        load_seconds: float = LOAD_SECONDS,
    ) -> None:
        self.name = path.name
        memory = SPARE_BYTES + COPIES * len(content) if memory is None else memory
        seconds = load_seconds + len(content) / BYTES_PER_SECOND
        packages = [_runtime(), np]
        try:
            self._child = Child(PROGRAM, [len(content), memory, int(seconds) + 1], packages)
            ports = self._child.ask([content], lambda source: self._line(source, _Ports), seconds)
        except RefusedError as error:
            raise InputError(
                expected="a model that loads within its limits of memory"
                if error.kind == "large"
                else f"an ONNX model in {path}",
                came=error.came,
                do="fetch or export it again",
            ) from error
        except NoChildError as error:
            raise InputError(
                expected=f"{path} to load in a process without network and with bounded resources",
                came=str(error),
                do="export it again with fixed weights, or ask its owner for a service",
            ) from error
        self.inputs, self.outputs = ports.inputs, ports.outputs

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def run(
        self, inputs: NDArray[np.float32], output: str, seconds: float
    ) -> tuple[NDArray[np.generic], list[int | str] | None]:
        """One output for one input.

        Args:
            inputs: What the only input is given.
            output: The output's name.
            seconds: How long it may take.

        Returns:
            Numbers as they came, in a shape as it came; of a list of mappings a row for each, and
            its keys.

        Raises:
            InputError: It does not take the inputs, took too much time or memory, or gave none.
        """
        line = {"shape": inputs.shape, "output": output, "seconds": int(seconds) + 1}
        request = [json.dumps(line).encode() + b"\n", inputs.tobytes()]
        try:
            return self._child.ask(request, self._numbers, seconds)
        except LateError as error:
            raise InputError(
                expected=f"an answer from {self.name} within {seconds:g} seconds",
                came="none in time",
                do="ask the owner for a model without endless loops",
            ) from error
        except NoChildError as error:
            raise InputError(
                expected=f"an answer from {self.name} within its limits of memory and threads",
                came=str(error),
                do="ask the owner for a model that takes less",
            ) from error
        except RefusedError as error:
            if error.kind == "large":
                raise InputError(
                    expected=f"an answer from {self.name} within its limits of memory",
                    came=error.came,
                    do="ask the owner for a model that takes less",
                ) from error
            raise InputError(
                expected=f"{self.name} to take float32 of shape {inputs.shape}",
                came=error.came,
                do="pass the model and the examples that belong together",
            ) from error

    def _numbers(self, source: BinaryIO) -> tuple[NDArray[np.generic], list[int | str] | None]:
        said = self._line(source, _Answer)
        kind = np.dtype(said.dtype)
        size = kind.itemsize
        for each in said.shape:
            size *= each
        if size > MOST_ANSWER:
            raise NoChildError(f"an answer of {size} bytes")
        body = source.read(size)
        if len(body) < size:
            raise self._child.died()
        return np.frombuffer(body, dtype=kind).reshape(said.shape), said.names

    def _line(self, source: BinaryIO, kind: type[_Line]) -> _Line:
        line = source.readline(_LONGEST_LINE)
        if not line:
            raise self._child.died()
        refused = refusal(line)
        if refused is not None:
            raise refused
        return kind.model_validate_json(line)


def _runtime() -> ModuleType:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            expected="ONNX Runtime, to open .onnx files",
            came="none",
            do='pip install "radiotracer[onnx]"',
        ) from error
