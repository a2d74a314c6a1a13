"""What a classifier makes of examples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Dataset
from radiotracer.data.inputs import call
from radiotracer.gradients import device_of, in_batches


def accuracy(model: nn.Module, examples: Dataset) -> float:
    """Share of the examples that the network gives their label, in [0, 1]."""
    return float((predictions(model, examples).argmax(dim=1).numpy() == examples.labels).mean())


def predictions(model: nn.Module, examples: Dataset, batch_size: int = 512) -> Tensor:
    """Class probabilities, shape (n, classes); the network in evaluation mode, left as it was."""
    mode = model.training
    model.eval()
    with torch.no_grad():
        parts = [
            call(model, batch.inputs).softmax(dim=1).cpu()
            for batch in in_batches(examples, batch_size, device=device_of(model))
        ]
    model.train(mode)
    return torch.cat(parts)


def confusion(model: nn.Module, examples: Dataset) -> NDArray[np.float64]:
    """Mean prediction by true class, shape (classes, classes); even where no example has a class.

    Probabilities in place of counts: a good network has pairs of classes that it never confuses.
    """
    guesses = predictions(model, examples).double().numpy()
    classes = guesses.shape[1]
    rows = [guesses[examples.labels == label] for label in range(classes)]
    return np.array([row.mean(axis=0) if len(row) else np.ones(classes) for row in rows])
