"""What the tests of suspects share: a network, its scores by the book, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radiotracer.errors import InputError
from radiotracer.runs import ModelSpec

SPEC = ModelSpec(name="small-cnn", options={"channels": 3, "classes": 5, "width": 2})


def network(seed: int = 0) -> nn.Module:
    """A small real network for 3 channels and 5 classes, in evaluation mode."""
    from radiotracer.training.networks import build_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build_model(SPEC)
        for _ in range(3):
            module(torch.rand(16, 3, 12, 12))
        # Fresh heads say nearly the same of every image: make them differ.
        module.eval().head.weight.data *= 20
        with torch.no_grad():
            module.head.bias.data -= module(torch.rand(64, 3, 12, 12)).mean(dim=0)
    return module


def by_the_book(module: nn.Module, images: np.ndarray) -> np.ndarray:
    """Log-probabilities, written down once more."""
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2) / 255.0).float()
    with torch.no_grad():
        return torch.log_softmax(module(inputs).double(), dim=1).numpy()


def refusal(call: Callable[[], object], kind: type[InputError] = InputError) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
