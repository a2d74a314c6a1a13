from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from suspect_asked import pixels
from suspect_helpers import by_the_book, network, refusal
from torch import nn

from radiotracer.provenance.models.onnx_contents import require_self_contained
from radiotracer.provenance.models.onnx_model import onnx_suspect


def export(
    module: nn.Module,
    path: Path,
    *,
    names: tuple[str, ...] = ("images",),
    example: torch.Tensor | None = None,
    **settings: Any,
) -> Path:
    example = torch.rand(2, 3, 12, 12) if example is None else example
    with warnings.catch_warnings(action="ignore"):  # the exporter's own, of its age
        torch.onnx.export(
            module.eval(),
            tuple(example for _ in names),
            str(path),
            dynamo=False,
            input_names=list(names),
            **({"dynamic_axes": {name: {0: "n"} for name in names}} | settings),
        )
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(network(), tmp_path_factory.mktemp("onnx") / "suspect.onnx")


def test_an_exported_network_scores_as_itself(good: Path) -> None:
    suspect = onnx_suspect(good, channels=3, classes=5)
    images = pixels(300)
    expected = by_the_book(network(), images)
    np.testing.assert_allclose(suspect.scores(images), expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(suspect.labels(images), expected.argmax(axis=1))
    assert suspect.access == {"scores", "labels"}
    assert suspect.identity == {
        "kind": "onnx",
        "path": str(good),
        "sha256": hashlib.sha256(good.read_bytes()).hexdigest(),
        "outputs": "logits",
    }


def test_a_model_of_one_image_at_a_time(tmp_path: Path) -> None:
    module = network()
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            module, (torch.rand(1, 3, 12, 12),), str(tmp_path / "one.onnx"), dynamo=False
        )
    suspect = onnx_suspect(tmp_path / "one.onnx", channels=3, classes=5)
    images = pixels(7)
    np.testing.assert_allclose(suspect.scores(images), by_the_book(module, images), atol=1e-5)


def test_probabilities_and_labels(tmp_path: Path) -> None:
    module = network()
    soft = export(nn.Sequential(module, nn.Softmax(dim=1)).eval(), tmp_path / "soft.onnx")
    images = pixels(9)
    suspect = onnx_suspect(soft, channels=3, classes=5, outputs="probabilities")
    np.testing.assert_allclose(suspect.scores(images), by_the_book(module, images), atol=1e-4)
    assert 'say so with outputs="probabilities"' in refusal(
        lambda: onnx_suspect(soft, channels=3).scores(images)
    )

    class Label(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = module

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inside(images).argmax(dim=1)

    hard = export(Label().eval(), tmp_path / "hard.onnx")
    named = onnx_suspect(hard, channels=3, classes=5, outputs="labels")
    assert named.access == {"labels"}
    np.testing.assert_array_equal(named.labels(images), suspect.labels(images))
    assert refusal(lambda: onnx_suspect(hard, channels=3, classes=5)).startswith(
        f"expected one output of shape (n, 5 or more) in {hard}; got "
    )
    assert refusal(lambda: onnx_suspect(soft, channels=3, outputs="labels")).startswith(
        f"expected one output of shape (n,) in {soft}; got "
    )


def test_other_inputs(good: Path, tmp_path: Path) -> None:
    assert refusal(lambda: onnx_suspect(good, channels=1)) == (
        f"expected one float32 input of shape (n, 1, height, width) in {good}; "
        "got images tensor(float) ['n', 3, 12, 12]; "
        "export the model so, or open it as python:module:function"
    )

    class Sum(nn.Module):
        def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return (one + other).flatten(1)

    two = export(Sum(), tmp_path / "two.onnx", names=("one", "other"))
    assert refusal(lambda: onnx_suspect(two, channels=3)) == (
        f"expected one float32 input of shape (n, 3, height, width) in {two}; "
        "got one tensor(float) ['n', 3, 12, 12], other tensor(float) ['n', 3, 12, 12]; "
        "export the model so, or open it as python:module:function"
    )
    fixed = export(network(), tmp_path / "fixed.onnx", dynamic_axes={})
    images = pixels(5)
    suspect = onnx_suspect(fixed, channels=3, classes=5)  # the last pair is filled up
    np.testing.assert_allclose(suspect.scores(images), by_the_book(network(), images), atol=1e-5)
    double = export(nn.Flatten(), tmp_path / "double.onnx")
    model = onnx.load(double)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    onnx.save(model, double)
    assert "got images tensor(double) ['n', 3, 12, 12]" in refusal(
        lambda: onnx_suspect(double, channels=3)
    )


def test_other_outputs(good: Path, tmp_path: Path) -> None:
    text = refusal(lambda: onnx_suspect(good, channels=3, classes=6))
    assert text.startswith(f"expected one output of shape (n, 6 or more) in {good}; got ")

    class Both(nn.Module):
        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return images.flatten(1), images.flatten(1) + 1

    both = export(Both(), tmp_path / "both.onnx")
    assert refusal(lambda: onnx_suspect(both, channels=3)).startswith(
        f"expected one output of shape (n, classes or more) in {both}; got "
    )


def test_images_of_another_size(good: Path) -> None:
    suspect = onnx_suspect(good, channels=3, classes=5)
    text = refusal(lambda: suspect.scores(np.zeros((2, 9, 9, 3), dtype=np.uint8)))
    assert text.startswith(
        "expected suspect.onnx to take float32 of shape (2, 3, 9, 9); got InvalidArgument: "
    )


def test_scores_that_are_no_numbers(tmp_path: Path) -> None:
    module = network()
    module.head.bias.data[1] = float("nan")
    suspect = onnx_suspect(export(module, tmp_path / "nan.onnx"), channels=3)
    with pytest.raises(Exception, match="got 2 NaN or infinite of 10"):
        suspect.scores(pixels(2))


# --- files that refer to others, and operators from elsewhere


def constant(name: str, tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=tensor)


def external(name: str) -> TensorProto:
    """A tensor that lies in a file which exists, outside the model."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def model(
    nodes: list[onnx.NodeProto],
    initializers: tuple[TensorProto, ...] = (),
    **settings: Any,
) -> onnx.ModelProto:
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 12, 12])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 432])
    graph = helper.make_graph(
        [*nodes, helper.make_node("Flatten", ["images"], ["out"])],
        "g",
        [images],
        [out],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], **settings)


def subgraph(tensor: TensorProto) -> onnx.NodeProto:
    """A tensor inside a branch of a branch."""
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [1])
    inner = helper.make_graph([constant("v", tensor)], "inner", [], [value])
    truth = helper.make_tensor("t", TensorProto.BOOL, [], [True])
    branch = helper.make_node("If", ["t"], ["v"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph([constant("t", truth), branch], "outer", [], [value])
    return helper.make_node("If", ["s"], ["w"], then_branch=outer, else_branch=outer)


def sparse() -> onnx.ModelProto:
    made = model([])
    values = external("values")
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [1]))
    return made


def in_function(node: onnx.NodeProto) -> onnx.ModelProto:
    function = helper.make_function("", "Mine", [], ["v"], [node], [helper.make_opsetid("", 17)])
    return model([], functions=[function])


EXTERNAL: dict[str, Callable[[], onnx.ModelProto]] = {
    "initializer": lambda: model([], (external("w"),)),
    "constant": lambda: model([constant("w", external("w"))]),
    "branch": lambda: model([subgraph(external("w"))]),
    "sparse": sparse,
    "function": lambda: in_function(constant("v", external("v"))),
}


@pytest.mark.parametrize("place", EXTERNAL)
def test_tensors_in_other_files(tmp_path: Path, place: str) -> None:
    path = tmp_path / "suspect.onnx"
    path.write_bytes(EXTERNAL[place]().SerializeToString())
    assert refusal(lambda: onnx_suspect(path, channels=3)) == (
        f"expected a self-contained ONNX model in {path}; "
        "got one that refers to other files for its tensors; "
        "export it again into one file, with no external data"
    )


def test_an_export_with_external_data(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "split.onnx"
    onnx.save(onnx.load(good), path, save_as_external_data=True, size_threshold=0)
    assert len(list(tmp_path.iterdir())) == 2
    assert "refers to other files" in refusal(lambda: onnx_suspect(path, channels=3))


OPERATORS: dict[str, Callable[[onnx.NodeProto], onnx.ModelProto]] = {
    "graph": lambda node: model([node]),
    "function": in_function,
}


@pytest.mark.parametrize("place", OPERATORS)
@pytest.mark.parametrize("domain", ["com.microsoft", "evil", "ai.onnx.preview.training"])
def test_operators_from_elsewhere(tmp_path: Path, place: str, domain: str) -> None:
    path = tmp_path / "suspect.onnx"
    node = helper.make_node("EPContext", ["images"], ["v"], domain=domain)
    path.write_bytes(OPERATORS[place](node).SerializeToString())
    assert refusal(lambda: onnx_suspect(path, channels=3)) == (
        f"expected standard ONNX operators in {path}; got EPContext of the domain {domain}; "
        "export it again with standard operators only"
    )


def test_a_second_domain_does_not_hide_the_first(tmp_path: Path) -> None:
    """A field that comes twice: readers take the last, this one sees both."""
    node = helper.make_node("Relu", ["images"], ["v"], domain="evil").SerializeToString()
    twice = node + bytes([7 << 3 | 2, 7]) + b"ai.onnx"
    assert onnx.NodeProto.FromString(twice).domain == "ai.onnx"
    graph = bytes([1 << 3 | 2, len(twice)]) + twice
    content = bytes([7 << 3 | 2, len(graph)]) + graph
    assert "of the domain evil" in refusal(
        lambda: require_self_contained(content, tmp_path / "x.onnx")
    )


def test_every_place_for_a_tensor_or_an_operator_is_walked() -> None:
    """The field numbers are those of the published schema, and none is missing."""
    from radiotracer.provenance.models.onnx_contents import _INSIDE

    messages = {
        "model": onnx.ModelProto,
        "training": onnx.TrainingInfoProto,
        "graph": onnx.GraphProto,
        "function": onnx.FunctionProto,
        "node": onnx.NodeProto,
        "attribute": onnx.AttributeProto,
        "sparse": onnx.SparseTensorProto,
        "tensor": TensorProto,
    }
    kind_of = {message.DESCRIPTOR.name: kind for kind, message in messages.items()}
    for kind, message in messages.items():
        assert _INSIDE[kind] == {
            field.number: kind_of[field.message_type.name]
            for field in message.DESCRIPTOR.fields
            if field.message_type and field.message_type.name in kind_of
        }


def test_a_file_that_ends_early(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "suspect.onnx"
    for size in range(0, len(content), len(content) // 40):
        path.write_bytes(content[:size])
        assert str(path) in refusal(lambda: onnx_suspect(path, channels=3))


@pytest.mark.parametrize(
    "content", [b"\xff" * 40, b"\x3b\x3c", b"\x3a\x7f", b"\x00", bytes(range(256))]
)
def test_bytes_that_are_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suspect.onnx"
    path.write_bytes(content)
    assert refusal(lambda: onnx_suspect(path, channels=3)) == (
        f"expected an ONNX model in {path}; got bytes that are none; fetch or export it again"
    )


@pytest.mark.parametrize(
    ("depth", "came"), [(20, "of the domain evil"), (3000, "bytes that are none")]
)
def test_messages_inside_one_another(tmp_path: Path, depth: int, came: str) -> None:
    graph = field(1, helper.make_node("Relu", ["v"], ["v"], domain="evil").SerializeToString())
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))  # in an attribute, in a node
    path = tmp_path / "deep.onnx"
    path.write_bytes(field(7, graph))
    assert came in refusal(lambda: onnx_suspect(path, channels=3))


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def test_a_large_file(good: Path) -> None:
    assert "expected a model file of at most 100 bytes" in refusal(
        lambda: onnx_suspect(good, channels=3, most=100)
    )


def test_without_the_runtime(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert refusal(lambda: onnx_suspect(good, channels=3)) == (
        'expected ONNX Runtime, to open .onnx files; got none; pip install "radiotracer[onnx]"'
    )
