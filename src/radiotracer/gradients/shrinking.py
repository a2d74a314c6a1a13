"""Passes that take fewer examples where memory runs out.

What an example gets does not depend on its neighbours but for rounding: kernels may sum in another
order for another number of examples. So what comes of a divided batch may differ in the last bits
from what comes of the whole one, and whoever keeps it should keep the sizes, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from radiotracer.errors import InputError
from radiotracer.gradients.memory import empty_caches, is_out_of_memory
from radiotracer.gradients.task import Batch

Found = TypeVar("Found")


@dataclass
class Fitting:
    """How many examples fit into a pass, as far as is known.

    Args:
        most: At most so many are passed at once; None until memory ran out for the first time.
    """

    most: int | None = None

    def parts(self, batch: Batch, do: Callable[[Batch], Found]) -> Iterator[tuple[Batch, Found]]:
        """Pass a batch whole or, where that does not fit, in parts, in its order.

        A part that does not fit is halved and tried again, and so are all that follow.

        Args:
            batch: n examples, at least one.
            do: A pass. It is called again after it ran out of memory, so it must leave nothing
                behind then.

        Yields:
            Each part with what the pass gave.

        Raises:
            InputError: A single example does not fit.
        """
        start = 0
        while start < len(batch):
            part = batch.take(slice(start, None if self.most is None else start + self.most))
            found, lack = _tried(do, part)
            if found is not None:
                yield part, found[0]
                start += len(part)
                continue
            # Not where it was caught: until then the error's traceback holds the pass's tensors.
            empty_caches()
            if len(part) == 1:
                raise InputError(
                    expected=f"memory for a pass over one example on {part.device}",
                    came=lack,
                    do="free memory, trace fewer layers, or use another device",
                )
            self.most = len(part) // 2


def _tried(do: Callable[[Batch], Found], part: Batch) -> tuple[tuple[Found] | None, str]:
    """What the pass gave, or the first line of why it did not fit."""
    try:
        return (do(part),), ""
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None, next(iter(str(error).splitlines()), type(error).__name__)
