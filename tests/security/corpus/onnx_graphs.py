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


def shape(name: str, *sizes: int) -> Any:
    return numpy_helper.from_array(np.array(sizes, dtype=np.int64), name)


HUGE = (shape("huge", 2**40, 3), helper.make_node("ConstantOfShape", ["huge"], ["w"]))


def mean(of: str) -> Any:
    """A few numbers of a large tensor: whoever computes them has to make it first."""
    return helper.make_node("ReduceMean", [of], ["few"], axes=[1, 2, 3], keepdims=0)


THREE = helper.make_node("Tile", ["column", "thrice"], ["y"])
COLUMN = helper.make_node("Unsqueeze", ["few", "last"], ["column"])
SMALL = (shape("thrice", 1, 3), shape("last", 1))


def growing(turns: int) -> Any:
    """A loop that doubles what it holds in every turn."""
    integer, boolean = TensorProto.INT64, TensorProto.BOOL
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still"]),
            helper.make_node("Concat", ["held", "held"], ["more"], axis=1),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", integer, []),
            helper.make_tensor_value_info("going", boolean, []),
            helper.make_tensor_value_info("held", FLOAT, ["n", "k", 8, 8]),
        ],
        [
            helper.make_tensor_value_info("still", boolean, []),
            helper.make_tensor_value_info("more", FLOAT, ["n", "l", 8, 8]),
        ],
    )
    number = numpy_helper.from_array(np.array(turns, dtype=np.int64), "turns")
    return (number, helper.make_node("Loop", ["turns", "", "x"], ["big"], body=body))


def bomb(node: Any, *tensors: Any) -> Callable[[Path], Path]:
    """A model that makes ``big`` of its input, and answers with three means of it."""
    return saved(node, mean("big"), COLUMN, THREE, tensors=(*SMALL, *tensors))


def scales(by: int) -> Any:
    return numpy_helper.from_array(np.array([1, 1, by, by], dtype=np.float32), "scales")


def filters(number: int) -> Any:
    return numpy_helper.from_array(np.ones((number, 1, 1, 1), dtype=np.float32), "filters")


GROWING = growing(24)
SCALES = numpy_helper.from_array(np.array([1, 1, 4096, 4096], dtype=np.float32), "scales")
BOMBS = {
    "Tile": bomb(helper.make_node("Tile", ["x", "to"], ["big"]), shape("to", 1, 2**16, 64, 1)),
    "Expand": bomb(helper.make_node("Expand", ["x", "to"], ["big"]), shape("to", 1, 2**28, 8, 8)),
    "Resize": bomb(helper.make_node("Resize", ["x", "", "scales"], ["big"]), scales(4096)),
    "Pad": bomb(
        helper.make_node("Pad", ["x", "to"], ["big"]), shape("to", 0, 2**28, 0, 0, 0, 0, 0, 0)
    ),
    "Conv": bomb(helper.make_node("Conv", ["x", "filters"], ["big"], pads=[9000] * 4), filters(64)),
    "Loop": bomb(GROWING[1], GROWING[0]),
}
"""Opened well, about a kilobyte each; tens of gigabytes when they are asked."""

SLOW = saved(
    helper.make_node("Resize", ["x", "", "scales"], ["large"]),
    helper.make_node("AveragePool", ["large"], ["big"], kernel_shape=[2048, 2048]),
    mean("big"),
    COLUMN,
    THREE,
    tensors=(
        *SMALL,
        numpy_helper.from_array(np.array([1, 1, 512, 512], dtype=np.float32), "scales"),
    ),
)
"""Little memory, and hours in a single operator."""

AT_LOAD = saved(
    helper.make_node("ConstantOfShape", ["huge"], ["all"]),
    helper.make_node("ReduceMean", ["all"], ["one"], keepdims=1),
    FLAT,
    helper.make_node("MatMul", ["flat", "w"], ["three"]),
    helper.make_node("Add", ["three", "one"], ["y"]),
    tensors=(shape("huge", 2**31, 2), WEIGHT),
)
"""Sixteen gigabytes that the runtime computes ahead, before anybody asks."""


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
    Hostile("16 GB in loading", "suspect", AT_LOAD, "limits of memory"),
    *(
        Hostile(f"tens of GB by {name}", "suspect", BOMBS[name], "limits of memory")
        for name in ("Expand", "Resize", "Pad", "Conv")
    ),
    Hostile("a constant of 12 TB", "suspect", saved(FLAT, HUGE[1], TIMES, tensors=HUGE[:1]), ""),
    Hostile("graphs in graphs", "suspect", nested, "an ONNX model"),
    Hostile(
        "a length that overflows", "suspect", of_bytes(b"\x3a" + b"\xff" * 9 + b"\x01"), "ONNX"
    ),
    Hostile("the runtime's own format", "suspect", of_bytes(b"\0\0\0\0ORTM" + b"\0" * 99), "ONNX"),
]
