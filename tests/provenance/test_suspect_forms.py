"""The same network in the forms that people have it in: each is asked as it was trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from suspect_asked import pixels
from suspect_helpers import by_the_book, network, refusal
from test_suspect_onnx import export
from torch import nn

from radiotracer.data import IMAGES, Dataset
from radiotracer.provenance.models import open_suspect, reopened
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.models.onnx_model import onnx_suspect
from radiotracer.provenance.models.preparation import PLAIN, Preparation, preparation_of

PIXELS = pixels(9)
LIKE = Dataset(
    modality=IMAGES,
    content=PIXELS,
    labels=np.arange(9) % 5,
    ids=np.array([str(i) for i in range(9)]),
    class_names=("a", "b", "c", "d", "e"),
    source="memory",
)


class Other(nn.Module):
    """The network behind another form of inputs."""

    def __init__(self, to_ours: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.inside, self.to_ours = network(), to_ours

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.inside(self.to_ours(given))


FORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], dict[str, Any]]] = {
    "nhwc": (lambda x: x.permute(0, 3, 1, 2), {"layout": "nhwc"}),
    "ncwh": (lambda x: x.transpose(2, 3), {"layout": "ncwh"}),
    "nwhc": (lambda x: x.permute(0, 3, 2, 1), {"layout": "nwhc"}),
    "flat": (lambda x: x.reshape(-1, 3, 12, 12), {"layout": "flat"}),
    "flat-hwc": (lambda x: x.reshape(-1, 12, 12, 3).permute(0, 3, 1, 2), {"layout": "flat-hwc"}),
    "0..255": (lambda x: x / 255, {"scale": 255}),
    "normalised": (
        lambda x: x * torch.tensor([0.2, 0.3, 0.4])[:, None, None] + 0.5,
        {"mean": [0.5], "std": [0.2, 0.3, 0.4]},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_images(form: str) -> None:
    to_ours, options = FORMS[form]
    prepared = preparation_of(options)
    suspect = network_suspect(Other(to_ours), "it", {"kind": "test"}, preparation=prepared)
    np.testing.assert_allclose(suspect.scores(PIXELS), by_the_book(network(), PIXELS), atol=1e-4)
    assert suspect.identity.keys() == {"kind", *options}  # the log of another form is another log
    assert suspect.preparation == prepared
    plain = suspect.otherwise and suspect.otherwise(PLAIN)
    assert plain is not None and plain.identity.keys() == {"kind"}


def test_images_of_another_size() -> None:
    suspect = network_suspect(network(), "it", {}, preparation=Preparation(size=(12, 12)))
    small = np.broadcast_to(PIXELS[:, :1, :1], (9, 12, 12, 3))  # of one colour in any size
    larger = np.broadcast_to(PIXELS[:, :1, :1], (9, 30, 21, 3))
    expected = by_the_book(network(), small)
    np.testing.assert_allclose(suspect.scores(larger.copy()), expected, atol=1e-4)
    assert suspect.identity == {"size": "12,12"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"layout": "whcn"}, "layout=nchw or nhwc"),
        ({"scale": 0}, "finite scale="),
        ({"scale": float("nan")}, "finite scale="),
        ({"std": [0.1, 0.0, 1.0]}, "finite scale="),
        ({"mean": [0.1, 0.2]}, "one number for mean= and std="),
        ({"size": [12]}, "size=height,width"),
        ({"size": [0, 12]}, "size=height,width"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], text: str) -> None:
    assert text in refusal(lambda: preparation_of(options))


def test_one_number_per_channel() -> None:
    suspect = network_suspect(network(), "it", {}, preparation=Preparation(mean=(0.1, 0.2, 0.3)))
    assert "mean= and std= of 1 channels" in refusal(lambda: suspect.scores(pixels(2, channels=1)))


# --- ONNX models say their form themselves


@pytest.mark.parametrize("form", ["nhwc", "flat"])
def test_onnx_inputs_of_other_shapes(form: str, tmp_path: Path) -> None:
    to_ours, _ = FORMS[form]
    shape = (2, 12, 12, 3) if form == "nhwc" else (2, 432)
    path = export(Other(to_ours), tmp_path / "it.onnx", example=torch.rand(shape))
    suspect = onnx_suspect(path, like=LIKE, classes=5)
    np.testing.assert_allclose(suspect.scores(PIXELS), by_the_book(network(), PIXELS), atol=1e-5)
    assert suspect.identity["layout"] == form
    assert "of shape (n, 3, 12, 12)" in refusal(
        lambda: onnx_suspect(path, like=LIKE, preparation=Preparation(layout="nchw"))
    )


def test_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    path = export(
        network(), tmp_path / "it.onnx", example=torch.rand(4, 3, 12, 12), dynamic_axes={}
    )
    suspect = onnx_suspect(path, like=LIKE, classes=5)
    np.testing.assert_allclose(suspect.scores(PIXELS), by_the_book(network(), PIXELS), atol=1e-5)


def test_another_fixed_size_is_told_with_the_option(tmp_path: Path) -> None:
    path = export(network(), tmp_path / "it.onnx", example=torch.rand(2, 3, 16, 20))
    assert refusal(lambda: onnx_suspect(path, like=LIKE)).endswith(
        "pass size=16,20 to have them resized"
    )
    suspect = onnx_suspect(path, like=LIKE, preparation=Preparation(size=(16, 20)))
    assert suspect.scores(PIXELS).shape == (9, 5)


def test_of_several_outputs_the_scores(tmp_path: Path) -> None:
    class Several(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = network()

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = self.inside(images)
            return logits.argmax(dim=1), logits

    path = export(Several(), tmp_path / "it.onnx")
    expected = by_the_book(network(), PIXELS)
    suspect = onnx_suspect(path, like=LIKE, classes=5)
    np.testing.assert_allclose(suspect.scores(PIXELS), expected, atol=1e-5)
    named = onnx_suspect(path, like=LIKE, outputs="labels")
    np.testing.assert_array_equal(named.labels(PIXELS), expected.argmax(axis=1))


@pytest.mark.parametrize("keys", [[3, 1, 0, 4, 2], ["d", "b", "a", "e", "c"]])
def test_mappings_of_classes_to_probabilities(keys: list[Any], tmp_path: Path) -> None:
    """As skl2onnx exports classifiers: ZipMap, with keys in an order of its own."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [432, 5], np.linspace(-1, 1, 2160))
    kind = {"classlabels_int64s" if isinstance(keys[0], int) else "classlabels_strings": keys}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Softmax", ["z"], ["p"], axis=1),
        helper.make_node("ZipMap", ["p"], ["out"], domain="ai.onnx.ml", **kind),
    ]
    of = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    key = TensorProto.INT64 if isinstance(keys[0], int) else TensorProto.STRING
    out = helper.make_value_info(
        "out", helper.make_sequence_type_proto(helper.make_map_type_proto(key, of))
    )
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 432])
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(
        helper.make_graph(nodes, "g", [images], [out], [weights]), opset_imports=sets, ir_version=8
    )
    onnx.save(made, tmp_path / "it.onnx")
    suspect = onnx_suspect(tmp_path / "it.onnx", like=LIKE, classes=5, outputs="probabilities")
    flat = PIXELS.transpose(0, 3, 1, 2).reshape(9, -1) / 255.0
    logits = flat @ np.linspace(-1, 1, 2160).reshape(432, 5)
    expected = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    order = [2, 1, 4, 0, 3]  # where the keys have 0, 1, 2 ... or a, b, c ...
    np.testing.assert_allclose(
        suspect.scores(PIXELS), np.maximum(expected[:, order], np.log(1e-12)), atol=1e-3
    )


# --- classes of another order


def test_classes_of_another_order() -> None:
    images, columns = pixels(30), [3, 1, 4, 0, 2]
    ours = by_the_book(network(), images)

    def scores(images: np.ndarray) -> np.ndarray:
        theirs = np.full((len(images), 6), -9.0)
        theirs[:, columns] = by_the_book(network(), images)
        return theirs

    suspect = open_suspect(scores, like=LIKE, classes_map=columns)
    np.testing.assert_allclose(suspect.scores(images)[:, :5] - ours, -0.0, atol=0.01)
    assert suspect.scores(images).shape == (30, 6)
    np.testing.assert_array_equal(suspect.labels(images), ours.argmax(axis=1))
    assert suspect.identity["classes_map"] == "3,1,4,0,2"
    assert "weights" not in suspect.access
    named = open_suspect(
        lambda images: scores(images).argmax(axis=1),
        like=LIKE,
        classes_map=columns,
        outputs="labels",
    )
    np.testing.assert_array_equal(named.labels(images), ours.argmax(axis=1))


@pytest.mark.parametrize("columns", [[0, 1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 3, -1]])
def test_maps_that_are_none(columns: list[int]) -> None:
    assert "for each of 5 classes" in refusal(
        lambda: open_suspect(by_the_book, like=LIKE, classes_map=columns)
    )


def test_a_class_that_the_model_lacks() -> None:
    suspect = open_suspect(
        lambda images: by_the_book(network(), images), like=LIKE, classes_map=[0, 1, 2, 3, 7]
    )
    assert "scores of at least 8 classes" in refusal(lambda: suspect.scores(PIXELS))


def test_evidence_opens_the_same_form_again(tmp_path: Path) -> None:
    path = tmp_path / "it.pt"
    torch.save({"module." + name: each for name, each in network().state_dict().items()}, path)
    suspect = open_suspect(
        path,
        like=LIKE,
        architecture="small-cnn,width=2",
        scale=255,
        mean=[0.5],
        size=[14, 14],
        classes_map=[4, 3, 2, 1, 0],
    )
    again = reopened(suspect.identity, like=LIKE)
    assert again.identity == suspect.identity
    np.testing.assert_array_equal(again.scores(PIXELS), suspect.scores(PIXELS))


def test_options_of_images_are_for_images() -> None:
    texts = replace(LIKE)
    assert "options that" in refusal(lambda: open_suspect(by_the_book, like=texts, scale=255))
