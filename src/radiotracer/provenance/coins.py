"""Which of two twins of an image is published: a secret coin per image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError
from radiotracer.provenance.key import Key


def published_twins(key: Key, ids: Iterable[str]) -> NDArray[np.int64]:
    """The twin to publish of every image: 0 or 1, each with probability 1/2, independently.

    An image's coin depends on the key and on its id alone: not on the order of the images, on
    which others there are, or on anything in the images. That makes the sign-flip test exact.

    Args:
        key: The secret.
        ids: n different texts.

    Returns:
        Shape (n,), signed integers, so that ``2 * twins - 1`` is a sign. The sealed twin is the
        other one.

    Raises:
        DataError: An id comes twice: its coins would be one coin.
    """
    ids = list(ids)
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(
            expected="a different id for every image",
            came=f"{twice[0]} more than once",
            do="leave out repeated images",
        )
    return key.coins("twin/published", ids).astype(np.int64)
