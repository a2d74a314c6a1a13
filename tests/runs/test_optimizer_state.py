"""An optimiser whose state was put back goes on with the same bits."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from radiotracer.runs.optimizer_state import optimizer_state, put_optimizer_state

KINDS: dict[str, Any] = {
    "plain": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rms": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
}


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def step(net: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> None:
    draws = torch.Generator().manual_seed(number)
    inputs = torch.rand(5, 3, 8, 8, generator=draws).contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad()
    net(inputs).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on(kind: str) -> None:
    first, second = network(), network()
    one = KINDS[kind](first.parameters())
    for number in range(3):
        step(first, one, number)
    one.param_groups[0]["lr"] = 0.037
    arrays, rest = optimizer_state(first, one)
    step(first, one, 4)  # what was taken down does not change with it
    second.load_state_dict(network().state_dict())
    two = KINDS[kind](second.parameters())
    for number in range(3):
        step(second, two, number)
    two = KINDS[kind](second.parameters())  # without a state
    put_optimizer_state(second, two, arrays, json.loads(json.dumps(rest)))
    assert two.param_groups[0]["lr"] == 0.037
    step(second, two, 4)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        for name, value in one.state[mine].items():
            again = two.state[other][name]
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, again) and value.stride() == again.stride()
            else:
                assert value == again


def test_of_another_network() -> None:
    net = network()
    optimizer = KINDS["momentum"](net.parameters())
    step(net, optimizer, 0)
    arrays, rest = optimizer_state(net, optimizer)
    other = nn.Linear(2, 2)
    fresh = KINDS["momentum"](other.parameters())
    with pytest.raises(KeyError):
        put_optimizer_state(other, fresh, arrays, rest)
    assert not fresh.state
