"""ONNX models that reach out, or that never end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from corpus.hostile import CANARY, Hostile

FLOAT = TensorProto.FLOAT


def saved(*nodes: Any, tensors: tuple[Any, ...] = (), opset: tuple[Any, ...] = ()) -> Any:
    """A model from images (n, 1, 8, 8) to (n, 3)."""

    def make(folder: Path) -> Path:
        graph = helper.make_graph(
            [each(folder) if callable(each) else each for each in nodes],
            "g",
            [helper.make_tensor_value_info("x", FLOAT, ["n", 1, 8, 8])],
            [helper.make_tensor_value_info("y", FLOAT, ["n", 3])],
            [each(folder) if callable(each) else each for each in tensors],
        )
        sets = [helper.make_opsetid("", 17), *opset]
        model = helper.make_model(graph, opset_imports=sets, ir_version=8)
        (folder / "suspect.onnx").write_bytes(model.SerializeToString())
        return folder / "suspect.onnx"

    return make


FLAT = helper.make_node("Flatten", ["x"], ["flat"])
TIMES = helper.make_node("MatMul", ["flat", "w"], ["y"])


def outside(place: Callable[[Path], str]) -> Callable[[Path], Any]:
    """A weight that lies in another file."""

    def make(folder: Path) -> Any:
        (folder / "secret.bin").write_bytes(np.zeros((64, 3), dtype=np.float32).tobytes())
        tensor = TensorProto(name="w", data_type=FLOAT, dims=[64, 3])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place(folder))
        return tensor

    return make


def linked(folder: Path) -> str:
    (folder / "weights.bin").symlink_to(folder / "secret.bin")
    return "weights.bin"


def inside_attribute(folder: Path) -> Any:
    value = outside(lambda f: str(f / "secret.bin"))(folder)
    return helper.make_node("Constant", [], ["w"], value=value)


def lying_weight(*dims: int) -> Any:
    return TensorProto(name="w", data_type=FLOAT, dims=dims, raw_data=b"\0" * 8)


def endless() -> Any:
    """A loop of 2**62 turns, on values that only a question brings."""
    boolean, integer = TensorProto.BOOL, TensorProto.INT64
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still"]),
            helper.make_node("Add", ["state", "state"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", integer, []),
            helper.make_tensor_value_info("going", boolean, []),
            helper.make_tensor_value_info("state", FLOAT, ["n", 3]),
        ],
        [
            helper.make_tensor_value_info("still", boolean, []),
            helper.make_tensor_value_info("more", FLOAT, ["n", 3]),
        ],
    )
    return helper.make_node("Loop", ["turns", "", "start"], ["y"], body=body)


START = helper.make_node("MatMul", ["flat", "w"], ["start"])
TURNS = numpy_helper.from_array(np.array(2**62, dtype=np.int64), "turns")
WEIGHT = numpy_helper.from_array(np.full((64, 3), 0.01, dtype=np.float32), "w")
ENDLESS = saved(FLAT, START, endless(), tensors=(WEIGHT, TURNS))
"""Opened well; `test_malicious_files.py` asks it with less patience than the command has."""

HUGE = (
    numpy_helper.from_array(np.array([2**40, 3], dtype=np.int64), "huge"),
    helper.make_node("ConstantOfShape", ["huge"], ["w"]),
)


def nested(folder: Path) -> Path:
    """Graphs inside of graphs, deeper than any library reads."""
    content = b""
    for _ in range(300):
        content = b"\x0a" + varint(len(content)) + content  # a node of the graph
        content = b"\x32" + varint(len(content)) + content  # a graph of an attribute
        content = b"\x2a" + varint(len(content)) + content  # an attribute of a node
    (folder / "suspect.onnx").write_bytes(b"\x3a" + varint(len(content)) + content)
    return folder / "suspect.onnx"


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def of_bytes(content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "suspect.onnx").write_bytes(content)
        return folder / "suspect.onnx"

    return make


def custom(domain: str) -> Callable[[Path], Path]:
    node = helper.make_node("Shell", ["flat"], ["y"], domain=domain, command=f"touch {CANARY}")
    return saved(FLAT, node, opset=(helper.make_opsetid(domain, 1),))


SELF, STANDARD = "a self-contained ONNX model", "standard ONNX operators"

CORPUS = [
    Hostile(
        "weights at an absolute path",
        "suspect",
        saved(FLAT, TIMES, tensors=(outside(lambda f: str(f / "secret.bin")),)),
        SELF,
    ),
    Hostile(
        "weights at ../",
        "suspect",
        saved(FLAT, TIMES, tensors=(outside(lambda f: f"../{f.name}/secret.bin"),)),
        SELF,
    ),
    Hostile(
        "weights behind a link", "suspect", saved(FLAT, TIMES, tensors=(outside(linked),)), SELF
    ),
    Hostile(
        "weights outside, in an attribute", "suspect", saved(FLAT, inside_attribute, TIMES), SELF
    ),
    Hostile("an operator of its own", "suspect", custom("evil"), STANDARD),
    Hostile("an operator of the runtime", "suspect", custom("com.microsoft"), STANDARD),
    Hostile(
        "2**60 numbers in 8 bytes",
        "suspect",
        saved(FLAT, TIMES, tensors=(lying_weight(2**30, 2**30),)),
        "an ONNX model",
    ),
    Hostile(
        "a weight of a negative shape",
        "suspect",
        saved(FLAT, TIMES, tensors=(lying_weight(-64, 3),)),
        "an ONNX model",
    ),
    Hostile("a constant of 12 TB", "suspect", saved(FLAT, HUGE[1], TIMES, tensors=HUGE[:1]), ""),
    Hostile("graphs in graphs", "suspect", nested, "an ONNX model"),
    Hostile(
        "a length that overflows", "suspect", of_bytes(b"\x3a" + b"\xff" * 9 + b"\x01"), "ONNX"
    ),
    Hostile("the runtime's own format", "suspect", of_bytes(b"\0\0\0\0ORTM" + b"\0" * 99), "ONNX"),
]
