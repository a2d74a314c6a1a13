"""Networks that run parts again in training are traced as if they did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from ghost_helpers import N, batch_of, check, near, objective_for, true_gradients
from torch import Tensor, nn
from torch.utils import checkpoint

from radiotracer.gradients import directional, per_example_gradients, square_norm
from radiotracer.gradients.checkpointing import without_recomputation

SWITCH = checkpoint._checkpoint_without_reentrant_generator


class Block(nn.Module):
    """Its biases start at zero, as in most language models; counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        nn.init.zeros_(self.step.bias)
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += 1
        return self.norm(nn.functional.gelu(self.step(inputs)))


class Saving(nn.Module):
    def __init__(self, run: Callable[..., Tensor], **options: Any) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.run, self.options = run, options

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.first(inputs)
        for block in self.blocks:
            found = found + self.run(block, found, **self.options)
        return found


def direct(block: nn.Module, inputs: Tensor) -> Tensor:
    return block(inputs)


def pair(**options: Any) -> tuple[Saving, Saving]:
    torch.manual_seed(0)
    saving = Saving(checkpoint.checkpoint, use_reentrant=False, **options).double()
    plain = Saving(direct).double()
    plain.load_state_dict(saving.state_dict())
    return saving, plain


ENTERED: list[str] = []


def contexts() -> tuple[Any, Any]:
    """Those of a part's own: for the first run, and for the second."""
    return noted("first"), noted("again")


@contextmanager
def noted(name: str) -> Iterator[None]:
    ENTERED.append(name)
    yield


@pytest.mark.parametrize("options", [{}, {"context_fn": contexts}, {"debug": True}])
def test_traced_by_rules(options: dict[str, Any]) -> None:
    saving, plain = pair(**options)
    batch = batch_of(torch.randn(N, 3, 4, dtype=torch.float64))
    objective, truth = (objective_for(each, batch) for each in (saving, plain))
    check(objective, batch, truth=true_gradients(truth, batch))
    direction = truth.parameters()
    ENTERED.clear()
    found = directional(objective, batch, direction)
    assert bool(ENTERED) == ("context_fn" in options)
    assert found.route.name == "forward-mode"
    near(found.derivatives, directional(truth, batch, direction).derivatives)
    assert checkpoint._checkpoint_without_reentrant_generator is SWITCH


def test_nothing_is_run_again() -> None:
    saving, _ = pair()
    batch = batch_of(torch.randn(N, 3, 4, dtype=torch.float64))
    objective = objective_for(saving, batch)
    check(objective, batch)
    blocks = [each for each in objective.model.modules() if isinstance(each, Block)]

    def passes(job: Callable[[], object]) -> list[int]:
        for block in blocks:
            block.passes = 0
        job()
        return [block.passes for block in blocks]

    rates = dict.fromkeys(objective.traced, 1.0)
    assert passes(lambda: square_norm(objective, batch, rates)) == [1, 1]
    # The vectorised pass, which torch's hooks would refuse.
    assert passes(lambda: per_example_gradients(objective, batch)) == [1, 1]


def test_what_torch_does_is_put_back() -> None:
    with pytest.raises(KeyError), without_recomputation():
        assert checkpoint._checkpoint_without_reentrant_generator is not SWITCH
        with without_recomputation():
            pass
        raise KeyError
    assert checkpoint._checkpoint_without_reentrant_generator is SWITCH
