from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from radiotracer.runs import put_weights
from radiotracer.runs.fidelity import Difference, Fidelity, compare
from radiotracer.runs.layout import lay_out, uncommon_strides


def test_bits_are_compared() -> None:
    recorded = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor(3), "c": torch.zeros(0)}
    assert compare("f", recorded, {name: value.clone() for name, value in recorded.items()}) is None
    for name, other, largest in (
        ("a", torch.tensor([-0.0, 1.0]), 0.0),
        ("a", torch.tensor([0.0, 1.0], dtype=torch.float64), 0.0),
        ("a", torch.tensor([0.0, 1.0 + 2**-23]), 2**-23),
        ("a", torch.tensor([0.0, torch.nan]), torch.inf),
        ("b", torch.tensor(1), 2.0),
        ("c", torch.zeros(0, dtype=torch.int64), 0.0),
    ):
        assert compare("f", recorded, {**recorded, name: other}) == Difference("f", name, largest)


def test_the_tensor_that_differs_most_is_named() -> None:
    recorded = {name: torch.zeros(2) for name in "abc"}
    replayed = {"a": torch.full((2,), 0.5), "b": torch.tensor([0.0, -2.0]), "c": torch.ones(2)}
    assert compare("f", recorded, replayed) == Difference("f", "b", 2.0)


def test_a_layout_does_not_matter_to_the_comparison() -> None:
    tensor = torch.rand(2, 3, 4, 4)
    other = tensor.contiguous(memory_format=torch.channels_last)
    assert compare("f", {"a": tensor}, {"a": other}) is None


def test_what_a_fidelity_says() -> None:
    first, last = Difference("early", "a.weight", 1.25e-7), Difference("late", "b.bias", 0.5)
    assert Fidelity(4).exact
    assert str(Fidelity(4, circumstances=("recorded with 2 threads, replayed with 1",))) == (
        "exact: equal to the recorded training at all 4 checkpoints"
    )
    told = Fidelity(4, first, last, ("recorded with 2 threads, replayed with 1",))
    assert not told.exact
    assert str(told) == (
        "not exact: differs from the recorded training, first at early (by up to 1.2e-07, in "
        "a.weight), last at late (by up to 0.5, in b.bias); "
        "recorded with 2 threads, replayed with 1"
    )
    assert not Fidelity(0, one_at_a_time=True).exact


def _network() -> nn.Sequential:
    # One input channel, or a kernel of one pixel: both layouts call themselves contiguous.
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 1), nn.Conv2d(6, 2, 3), nn.BatchNorm2d(2)
    )


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_layouts_come_back(layout: torch.memory_format) -> None:
    model = _network().to(memory_format=layout)
    model[2].weight.data = model[2].weight.data.permute(1, 0, 2, 3).contiguous().permute(1, 0, 2, 3)
    strides = uncommon_strides(model)
    other = _network().to(memory_format=torch.channels_last)
    lay_out(other, strides)
    put_weights(other, model.state_dict())
    for name, tensor in model.state_dict().items():
        assert other.state_dict()[name].stride() == tensor.stride()
        assert torch.equal(other.state_dict()[name], tensor)


@pytest.mark.parametrize(
    "tensor", [torch.zeros(3, 1).expand(3, 4), torch.zeros(6)[::2], torch.zeros(0, 3).T]
)
def test_only_dense_layouts_are_recorded(tensor: Tensor) -> None:
    model = nn.Module()
    model.register_buffer("odd", tensor)
    assert tensor.numel() == 0 or uncommon_strides(model) == {}
    lay_out(model, uncommon_strides(model))
    assert model.odd.shape == tensor.shape


def test_tied_weights_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    lay_out(model, {"0.weight": (1, 3)})
    assert model[1].weight is model[0].weight
    assert model[1].weight.stride() == (1, 3)
