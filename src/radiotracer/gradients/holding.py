"""A network that holds other parameters than its own for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor, nn
from torch.func import functional_call

Result = TypeVar("Result")


class _Holder(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, job: Callable[[], Result]) -> Result:
        return job()


def holding(
    model: nn.Module, parameters: Mapping[str, Tensor], job: Callable[[], Result]
) -> Result:
    """What `job` returns, run while the network holds these parameters.

    A backward pass belongs in the job: a network with activation checkpointing runs parts of
    itself again then, and must find the same parameters.
    """
    held = {f"model.{name}": value for name, value in parameters.items()}
    result: Result = functional_call(_Holder(model), held, (job,))
    return result
