"""A network that holds other parameters than its own for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    """What `job` returns, run while the network holds these parameters."""
    held = {f"model.{name}": value for name, value in parameters.items()}
    result: Result = functional_call(_Holder(model), held, (job,))
    return result


def holding_for_backward(
    model: nn.Module, parameters: Mapping[str, Tensor], job: Callable[[], Result]
) -> Result:
    """The same for a job with an ordinary backward pass in it.

    It belongs there: a network with activation checkpointing runs parts of itself again then, and
    must find the same parameters.
    """
    with _safe_group_norms(model):
        return holding(model, parameters, job)


@contextmanager
def _safe_group_norms(model: nn.Module) -> Iterator[None]:
    """torch's backward pass ends the process where channels come last and the input is fixed."""

    def plain(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        first, *more = inputs
        return (first if first.requires_grad else first.contiguous(), *more)

    layers = [module for module in model.modules() if isinstance(module, nn.GroupNorm)]
    hooks = [layer.register_forward_pre_hook(plain) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
