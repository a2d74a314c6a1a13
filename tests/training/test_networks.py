"""The battery over every reference network: built for data, by the seed, refused elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from radiotracer.data import IMAGES, MODALITIES, TEXTS, VECTORS, Dataset
from radiotracer.data.inputs import call
from radiotracer.errors import InputError
from radiotracer.gradients import in_batches
from radiotracer.training import NETWORKS
from radiotracer.training.building import build_model, spec_for
from radiotracer.training.network import default_network

CLASSES, N = 3, 6


def data_of(modality: str) -> Dataset:
    """A few examples of a kind, of three classes."""
    generator = np.random.default_rng(0)
    content = {
        IMAGES.name: lambda: generator.integers(0, 256, (N, 32, 32, 3), dtype=np.uint8),
        TEXTS.name: lambda: tuple(f"word{i % 4} and word{i % 3}, then more" for i in range(N)),
        VECTORS.name: lambda: generator.normal(size=(N, 5)).astype(np.float32),
    }[modality]()
    return Dataset(
        modality=MODALITIES[modality],
        content=content,
        labels=np.arange(N) % CLASSES,
        ids=np.arange(N).astype(np.str_),
        class_names=("a", "b", "c"),
        source="made here",
    )


def taken(name: str) -> Dataset:
    """Data that a network takes."""
    return data_of(min(NETWORKS[name].modalities or {VECTORS.name}))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_built_for_the_data_and_ends_in_a_linear_head(name: str) -> None:
    data = taken(name)
    before = torch.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(spec_for(data, name)).eval()
        torch.manual_seed(0)
        again = build_model(spec_for(data, name)).eval()
        NETWORKS[name].fit(model, data)
    assert torch.equal(before, torch.get_rng_state())
    (batch,) = in_batches(data, N)
    with torch.no_grad():
        logits = call(model, batch.inputs)
    assert logits.shape == (N, CLASSES) and torch.isfinite(logits).all()
    head = model.get_submodule("head")
    assert isinstance(head, torch.nn.Linear)
    fresh = dict(again.named_parameters())
    assert all(torch.equal(value, fresh[key]) for key, value in model.named_parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns(name: str) -> None:
    data = taken(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(spec_for(data, name)).train()
        NETWORKS[name].fit(model, data)
        (batch,) = in_batches(data, N)
        loss = torch.nn.functional.cross_entropy(call(model, batch.inputs), batch.targets)
        loss.backward()
    assert math.isfinite(loss.item())
    still = [key for key, value in model.named_parameters() if value.grad is None]
    assert not still


@pytest.mark.parametrize("name", NETWORKS)
def test_other_kinds_are_refused_in_a_line_that_names_what_takes_them(name: str) -> None:
    network = NETWORKS[name]
    for kind in (IMAGES.name, TEXTS.name, VECTORS.name):
        if network.is_for(kind):
            continue
        with pytest.raises(InputError, match=f"a network for {kind} .*got {name}, which is for"):
            spec_for(data_of(kind), name)


@pytest.mark.parametrize("kind", [IMAGES.name, TEXTS.name, VECTORS.name])
def test_every_kind_has_a_default(kind: str) -> None:
    network = default_network(data_of(kind))
    assert network.is_for(kind) and len(repr(network)) < 300
