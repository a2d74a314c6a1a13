"""Forward-mode rules, whoever calls the operation, in whatever layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gradient_helpers import CLASSES, N, all_along, objective_of, random_direction
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.gradients import Batch, directional

CLOSE = {"rtol": 1e-11, "atol": 1e-12}


class OwnNorm(nn.GroupNorm):
    """As libraries of image models subclass it."""

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps).relu()


class Parts(nn.Module):
    def __init__(self, how: Callable[..., Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.how = how
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.how(self, inputs)


def convolutional(norm: nn.Module, dimensions: int = 2) -> nn.Module:
    conv: Any = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
    last = nn.Linear(4, CLASSES)
    return Parts(
        lambda m, x: m.last(m.second(m.norm(m.first(x))).tanh().flatten(2).mean(dim=2)),
        first=conv(2, 4, 3),
        norm=norm,
        second=conv(4, 4, 2),
        last=last,
    )


def by_functions(m: Any, x: Tensor) -> Tensor:
    """No layer of the library's is called."""
    found = F.conv2d(x, weight=m.first, padding=1)
    found = F.batch_norm(
        found, m.mean.detach(), m.mean.detach().exp(), weight=m.scale, bias=m.shift
    )
    found = F.group_norm(F.conv2d(found.tanh(), m.second, None, 2), 2)
    return found.tanh().flatten(2).mean(dim=2) @ m.last


def words(m: Any, x: Tensor) -> Tensor:
    numbers = (x[:, 0, 0] > 0).long()
    return F.embedding(numbers, m.table, padding_idx=-1).tanh().mean(dim=1) @ m.last


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "group norm": lambda: convolutional(nn.GroupNorm(2, 4)),
    "group norm, large eps": lambda: convolutional(nn.GroupNorm(2, 4, eps=0.3)),
    "group norm, of one": lambda: convolutional(nn.GroupNorm(1, 4)),
    "group norm, not affine": lambda: convolutional(nn.GroupNorm(2, 4, affine=False)),
    "group norm, subclass": lambda: convolutional(OwnNorm(2, 4)),
    "group norm, 1d": lambda: convolutional(nn.GroupNorm(2, 4), 1),
    "group norm, 3d": lambda: convolutional(nn.GroupNorm(2, 4), 3),
    "group norm first": lambda: Parts(
        lambda m, x: m.last(m.norm(x).tanh().flatten(2).mean(dim=2)),
        norm=nn.GroupNorm(2, 2),
        last=nn.Linear(2, CLASSES),
    ),
    "functions": lambda: Parts(
        by_functions,
        first=torch.randn(4, 2, 3, 3),
        mean=torch.randn(4),
        scale=torch.randn(4),
        shift=torch.randn(4),
        second=torch.randn(4, 4, 2, 2),
        last=torch.randn(4, CLASSES),
    ),
    "a function with a padding row": lambda: Parts(
        words, table=torch.randn(2, 4), last=torch.randn(4, CLASSES)
    ),
}


@pytest.mark.parametrize("layout", [torch.preserve_format, torch.channels_last])
@pytest.mark.parametrize("name", NETWORKS)
def test_forward_mode(name: str, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    sizes = {"group norm, 1d": (9,), "group norm, 3d": (4, 5, 4)}.get(name, (7, 8))
    images = torch.randn(N, 2, *sizes, dtype=torch.float64)
    batch = Batch(images, torch.arange(N) % CLASSES)
    model = NETWORKS[name]().double()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    plain = objective_of(model, batch)
    direction = random_direction(plain)
    # Where channels come last, torch's own backward pass may crash; ours must not.
    expected = all_along(plain, batch, [direction])[:, 0]
    layout = layout if len(sizes) == 2 else torch.preserve_format
    batch = Batch(images.clone(memory_format=layout), batch.targets)
    found = directional(objective_of(model, batch, memory_format=layout), batch, direction)
    assert found.route.name == "forward-mode", found.route.reason
    torch.testing.assert_close(found.derivatives, expected, **CLOSE)
