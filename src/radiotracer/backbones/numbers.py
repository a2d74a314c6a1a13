"""What networks are given, as vectors: for examples that are numbers already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.data import Dataset


def numbers_of(data: Dataset, rows: slice) -> NDArray[np.float32]:
    """The inputs of some examples, one long row each, float32, shape (len, d).

    Raises:
        InputError: Their inputs are no tensor of floats, such as the words of texts.
    """
    import torch

    inputs = data.modality.inputs(data.content, rows)
    if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
        raise InputError(
            expected="examples whose inputs are one tensor of floats, for the backbone as-is",
            came=data.modality.name,
            do="choose another backbone=",
        )
    return np.array(inputs.reshape(len(inputs), -1).to(torch.float32).numpy())
