"""Small networks on small images, trained in seconds, for benchmarks of what audits ask."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs

MEAN, STD = 0.286, 0.353
"""Of Fashion-MNIST."""

KINDS = ("mlp", "cnn", "deep-cnn")


def network(kind: str, classes: int = 10, side: int = 28) -> nn.Module:
    """One of `KINDS`, fresh: of images of one channel to logits."""
    if kind == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(side**2, 256), nn.ReLU(), nn.Linear(256, classes)
        )
    first: list[nn.Module] = [nn.Conv2d(1, 16, 3, stride=2, padding=1)]
    second: list[nn.Module] = [nn.Conv2d(16, 32, 3, stride=2, padding=1)]
    if kind == "deep-cnn":
        first.append(nn.BatchNorm2d(16))
        second.append(nn.BatchNorm2d(32))
    last = (nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, 128), nn.ReLU(), nn.Linear(128, classes))
    return nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU(), *last)


def trained(
    kind: str,
    data: Dataset,
    seed: int,
    *,
    epochs: int = 15,
    given: Callable[[Tensor], Tensor] = lambda images: images,
) -> nn.Module:
    """A network trained on the data as `given` makes them; the caller's generator is left."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(kind)
        inputs, labels = given(to_inputs(data.content)), torch.from_numpy(data.labels)
        adam = torch.optim.Adam(model.parameters(), lr=1e-3)
        batches = epochs * -(-len(data) // 64)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, batches)
        for _ in range(epochs):
            for rows in torch.randperm(len(data)).split(64):
                adam.zero_grad()
                F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
                adam.step()
                schedule.step()
    return model.eval()
