"""A picture of an example, for reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.data.inputs import named
from radiotracer.gradients import Data
from radiotracer.runs import take_rows


def picture(data: Data, row: int) -> NDArray[np.uint8]:
    """Row `row` of the data as uint8, shape (height, width, 1 or 3).

    The pixels themselves where they are known (`Dataset`). Else an input of shape (1 or 3, height,
    width) stretched to 0..255; any other input becomes an image one pixel high. Of several tensors
    by name it is the first one.
    """
    if isinstance(data, Dataset):
        image: NDArray[np.uint8] = data.content[row]
        return image
    inputs, _ = take_rows(data, [row])
    first = next(iter(named(inputs).values()))[0]
    values: NDArray[np.float64] = first.detach().cpu().double().numpy()
    low, high = values.min(), values.max()
    stretched: NDArray[np.uint8] = np.round(
        255 * (values - low) / (high - low if high > low else 1)
    ).astype(np.uint8)
    if stretched.ndim == 3 and stretched.shape[0] in (1, 3):
        return np.ascontiguousarray(stretched.transpose(1, 2, 0))
    flat: NDArray[np.uint8] = stretched.reshape(1, -1, 1)
    return flat
