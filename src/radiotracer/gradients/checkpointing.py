"""Networks that save memory in training by running parts again (activation checkpointing).

torch's non-reentrant kind computes what it would without, and keeps activations from being kept by
hooks that no other mode than an ordinary backward pass knows of; what is run again then no longer
finds the parameters that an engine had put into the network. Here nothing is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils import checkpoint

_NAME = "_checkpoint_without_reentrant_generator"
_OWN: Callable[..., Iterator[None]] | None = getattr(checkpoint, _NAME, None)
"""What wraps a part's first run; taken once, so that threads that come and go put back the same."""


@contextmanager
def without_recomputation() -> Iterator[None]:
    """Within the context ``torch.utils.checkpoint(..., use_reentrant=False)`` calls its function.

    Where another thread trains meanwhile, its parts keep their activations: the numbers are the
    same.
    """
    if _OWN is None:
        # Another torch: engines find out that they cannot, and say so.
        yield
        return
    setattr(checkpoint, _NAME, _around)
    try:
        yield
    finally:
        setattr(checkpoint, _NAME, _OWN)


def _around(_: Any, preserve: bool, context_fn: Any, *more: Any, **options: Any) -> Iterator[None]:
    """In the place of torch's: before the function, and after it; in the caller's context."""
    with context_fn()[0]:
        yield
