"""The trial before a recording: cheap, silent, and nothing of the caller's changes."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_helpers import Rows, network, sgd
from torch import Tensor, nn

from radiotracer.data import identify
from radiotracer.errors import InputError
from radiotracer.runs import record
from radiotracer.runs.trial import READ_AGAIN, TRIED, require_traceable


class Counting(nn.Module):
    """Keeps things of its own while it is called, and warns."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()
        self.seen: list[int] = []
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        warnings.warn("called", UserWarning, stacklevel=1)
        self.seen.append(len(x))
        self.calls += 1
        return self.net(x)


def test_nothing_of_the_callers_changes(tmp_path: Path) -> None:
    model = Counting()
    model.net[1].eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    record(tmp_path / "run", model, sgd(model), Rows())
    assert model.seen == [] and [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert states[0] == random.getstate() and torch.equal(states[2], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert all(parameter.grad is None for parameter in model.parameters())


class Reads(Rows):
    """Knows how often it was read."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.reads = 0

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        self.reads += 1
        return super().__getitem__(row)


def test_a_few_examples_are_enough() -> None:
    data = Reads(500)
    identity = identify(data)
    assert data.reads == 500
    require_traceable(network(), data, identity)
    assert data.reads - 500 <= READ_AGAIN + TRIED + 1


def test_parameters_are_not_copied() -> None:
    model, held = network(), []

    class Noting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = model

        def forward(self, x: Tensor) -> Tensor:
            held.append(self.net[0].weight)
            return self.net(x)

    data = Rows()
    require_traceable(Noting(), data, identify(data))
    assert all(each is model[0].weight for each in held) and len(held) == 3


class Drawing(nn.Module):
    def __init__(self, of_the_batch: bool) -> None:
        super().__init__()
        self.net, self.of_the_batch = nn.Linear(2, 3), of_the_batch

    def forward(self, x: Tensor) -> Tensor:
        shown = self.net(x)
        return shown - shown.mean(0) if self.of_the_batch else shown + torch.randn(3)

    def train(self, mode: bool = True) -> Any:
        return super().train(True)


@pytest.mark.parametrize(
    ("of_the_batch", "message"), [(True, "depend on its batch"), (False, "gives the same again")]
)
def test_networks_that_answer_otherwise(of_the_batch: bool, message: str) -> None:
    data = Rows()
    with pytest.raises(InputError, match=message):
        require_traceable(Drawing(of_the_batch), data, identify(data))


def test_a_network_that_cannot_be_copied() -> None:
    data, model = Rows(), network()
    model.kept = (each for each in ())  # type: ignore[assignment]
    with pytest.raises(
        InputError, match=r"that can be copied \(copy.deepcopy\); got TypeError: cannot"
    ):
        require_traceable(model, data, identify(data))


def test_rounding_is_no_difference() -> None:
    torch.manual_seed(0)
    data = (torch.randn(5, 2000), torch.arange(5))
    require_traceable(nn.Linear(2000, 3), data, identify(data))
    half = nn.Linear(2000, 3).bfloat16()
    require_traceable(half, (data[0].bfloat16(), data[1]), identify(data))
