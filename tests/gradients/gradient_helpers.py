"""Small networks of every layer family, and gradients the slow and certain way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.gradients import Batch, Objective, cross_entropy
from radiotracer.training.networks import ResNet9, ResNet18, SmallCNN

N = 7
CLASSES = 3
Case = tuple[nn.Module, Tensor]


class TiedWords(nn.Module):
    """An embedding whose weight is the output layer's too, and a table that indexes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, 4)
        self.mix = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, CLASSES, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, words: Tensor) -> Tensor:
        hidden = self.embedding(words).mean(dim=1)
        return self.head(self.norm(torch.tanh(self.mix(hidden))))


class CalledTwice(nn.Module):
    """A residual step taken twice, a free parameter, and a parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(5, 5)
        self.shift = nn.Parameter(torch.zeros(5))
        self.scale = nn.Parameter(torch.ones(()))
        self.unused = nn.Parameter(torch.zeros(2, 2))
        self.head = nn.Linear(5, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = inputs + torch.tanh(self.step(inputs))
        hidden = hidden + torch.tanh(self.step(hidden) * self.scale + self.shift)
        return self.head(hidden)


class Pooled(nn.Module):
    def __init__(self, *layers: nn.Module, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.layers(inputs).mean(dim=(2, 3)))


def _images(channels: int, size: int) -> Tensor:
    return torch.randn(N, channels, size, size)


CASES: dict[str, Callable[[], Case]] = {
    "linear": lambda: (
        nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, CLASSES)),
        torch.randn(N, 4),
    ),
    "conv": lambda: (
        Pooled(
            nn.Conv2d(2, 4, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(4, 6, (3, 1), dilation=2, groups=2, padding="same", bias=False),
            nn.GELU(),
            nn.Conv2d(6, 6, 3, padding=2, padding_mode="circular", groups=6),
            width=6,
        ),
        _images(2, 9),
    ),
    "norms": lambda: (
        Pooled(
            nn.Conv2d(2, 4, 3),
            nn.BatchNorm2d(4),
            nn.Tanh(),
            nn.GroupNorm(2, 4),
            nn.Conv2d(4, 4, 3),
            nn.LayerNorm([4, 3, 3]),
            nn.Dropout(0.5),
            width=4,
        ),
        _images(2, 7),
    ),
    "tied": lambda: (TiedWords(), torch.randint(0, CLASSES, (N, 5))),
    "called-twice": lambda: (CalledTwice(), torch.randn(N, 5)),
    "resnet18": lambda: (ResNet18(1, CLASSES, width=4), _images(1, 28)),
    "resnet9": lambda: (ResNet9(3, CLASSES, width=2), _images(3, 16)),
    "small-cnn": lambda: (SmallCNN(3, CLASSES, width=4), _images(3, 12)),
}


def make(name: str, seed: int = 0) -> tuple[nn.Module, Batch]:
    """A network in double precision, with weights and statistics far from those of a new one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, inputs = CASES[name]()
        model.double().train()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        for key, buffer in model.named_buffers():
            if key.endswith(("running_var", "std")):
                buffer.uniform_(0.5, 2)
            elif key.endswith(("running_mean", "mean")):
                buffer.normal_()
        if inputs.is_floating_point():
            inputs = inputs.double()
        return model, Batch(inputs, torch.randint(0, CLASSES, (N,)))


def objective_of(model: nn.Module, batch: Batch, **options: Any) -> Objective:
    return Objective.of(model, example=batch.inputs[:1], **options)


def brute_force(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    """One ordinary backward pass per example, each in a batch of one."""
    objective.model.requires_grad_(True)
    named = {
        name: parameter
        for name, parameter in objective.model.named_parameters()
        if name in objective.traced
    }
    rows = []
    for i in range(len(batch.inputs)):
        losses = objective.task.loss(
            objective.model(batch.inputs[i : i + 1]), batch.targets[i : i + 1]
        )
        found = torch.autograd.grad(losses.sum(), list(named.values()), allow_unused=True)
        rows.append(
            [
                torch.zeros_like(p) if g is None else g
                for g, p in zip(found, named.values(), strict=True)
            ]
        )
    objective.model.requires_grad_(False)
    return {name: torch.stack([row[column] for row in rows]) for column, name in enumerate(named)}


def random_direction(objective: Objective, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=generator, dtype=value.dtype)
        for name, value in objective.parameters().items()
    }


def along(gradients: dict[str, Tensor], direction: dict[str, Tensor]) -> Tensor:
    return sum(
        (gradients[name].reshape(N, -1) @ direction[name].flatten() for name in direction),
        start=torch.zeros(1, dtype=torch.float64),
    )


def world(model: nn.Module) -> dict[str, Any]:
    """Everything of the caller's that tracing could disturb, in a form that `same` compares."""
    return {
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "storage": {name: value.data_ptr() for name, value in model.state_dict().items()},
        "strides": {name: value.stride() for name, value in model.state_dict().items()},
        "modes": {name: module.training for name, module in model.named_modules()},
        "requires_grad": {name: p.requires_grad for name, p in model.named_parameters()},
        "grad": {
            name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
        },
        "hooks": {
            name: [
                len(getattr(module, kind))
                for kind in (
                    "_forward_hooks",
                    "_forward_pre_hooks",
                    "_backward_hooks",
                    "_backward_pre_hooks",
                )
            ]
            for name, module in model.named_modules()
        },
        "attributes": {name: sorted(vars(module)) for name, module in model.named_modules()},
        "random": (random.getstate(), str(np.random.get_state()), torch.get_rng_state()),  # noqa: NPY002
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "dtype": torch.get_default_dtype(),
        "autograd": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "anomaly": torch.is_anomaly_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Tensor):
        return isinstance(right, Tensor) and torch.equal(left, right)
    return bool(left == right)


@contextmanager
def left_as_found(model: nn.Module) -> Iterator[None]:
    before = world(model)
    try:
        yield
    finally:
        after = world(model)
        changed = [key for key in before if not same(before[key], after[key])]
        assert not changed, f"changed: {changed}"


def lived_in(model: nn.Module) -> nn.Module:
    """The network as a caller may hold it: mixed modes, gradients, frozen parts and a hook."""
    model.train()
    next(iter(model.children())).eval()
    parameters = list(model.parameters())
    parameters[0].requires_grad_(False)
    parameters[-1].grad = torch.ones_like(parameters[-1])
    model.register_forward_hook(lambda *_: None)
    return model


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - F.one_hot(targets, CLASSES)).square().sum(dim=1)


LOSSES = {"cross-entropy": cross_entropy, "squared": squared}


def kernel_settings() -> dict[str, Any]:
    """Which kernels the caller allows torch to take."""
    return {
        "attention": [
            torch.backends.cuda.flash_sdp_enabled(),
            torch.backends.cuda.mem_efficient_sdp_enabled(),
            torch.backends.cuda.cudnn_sdp_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
        ],
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "libraries": [torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled],
        "precision": torch.get_float32_matmul_precision(),
    }


def all_along(
    objective: Objective, batch: Batch, directions: Sequence[dict[str, Tensor]]
) -> Tensor:
    """``<g_i, v_k>``, shape (n, K), by brute force, whether or not the private copy is frozen."""
    before = {p: p.requires_grad for p in objective.model.parameters()}
    objective.model.requires_grad_(True)
    gradients = brute_force(objective, batch)
    for parameter, wanted in before.items():
        parameter.requires_grad_(wanted)
    return torch.stack([along(gradients, direction) for direction in directions], dim=1)
