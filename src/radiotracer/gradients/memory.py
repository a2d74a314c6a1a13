"""Running out of memory: how torch says it, and what can be given back."""

from __future__ import annotations

import torch

_WORDS = ("DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Found in errors that torch raises without a type of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the CPU or on an accelerator."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def empty_caches() -> None:
    """Give back what torch's allocators keep for later."""
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
