"""A device that is not the CPU, on machines that have no other: mixing the two is an error.

A tensor there holds one on the CPU, which does the arithmetic, and says that it is on `THERE`. An
operation that is given tensors of both places fails, as it does for an accelerator; a number (a
tensor without axes) of the CPU is welcome everywhere.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

THERE = torch.device("meta")
"""torch's name for tensors without data: no kernel of its own runs by mistake."""


class Elsewhere(TorchDispatchMode):
    """Within the context `THERE` is a device like any other.

    Args:
        double: Whether it has float64.
    """

    def __init__(self, *, double: bool = True) -> None:
        super().__init__()
        self.double = double

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = _run(func, args, kwargs or {})
        if not self.double and any(
            isinstance(each, _There) and each.dtype == torch.float64 for each in tree_leaves(result)
        ):
            raise TypeError(f"{func}: the device has no float64")
        return result


_MIXING = ("_to_copy", "copy_", "index", "index_put", "index_put_")
"""Operations that torch lets take tensors of both places: copies, and indices on the CPU."""


def moved(model: nn.Module) -> nn.Module:
    """A copy of a network on `THERE`; inside the context only."""
    # Not `model.to(THERE)`, which makes two parameters of one that is used twice.
    copied = copy.deepcopy(model)
    known: dict[int, Any] = {}
    for module in copied.modules():
        for name, each in module._parameters.items():
            if each is not None:
                known.setdefault(id(each), nn.Parameter(each.detach().to(THERE)))
                module._parameters[name] = known[id(each)]
        for name, value in module._buffers.items():
            module._buffers[name] = None if value is None else value.to(THERE)
    return copied


class _There(Tensor):
    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> _There:
        made: _There = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=THERE,
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
    there = [each for each in given if isinstance(each, _There)]
    if (
        there
        and name not in _MIXING
        and any(not isinstance(each, _There) and each.dim() for each in given)
    ):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device")
    wanted = kwargs.get("device")
    inside = {**kwargs, **({"device": torch.device("cpu")} if wanted is not None else {})}
    # Zeros without memory, which only torch itself can pass on.
    func = torch.ops.aten.zeros.default if name == "_efficientzerotensor" else func
    result = func(*_opened(args), **_opened(inside))
    if name.endswith("_") and not name.endswith("__"):
        return args[0]
    to_there = bool(there) if wanted is None else torch.device(wanted) == THERE
    return tree_map(_moved, result) if to_there else result


def _opened(value: Any) -> Any:
    return tree_map(lambda each: each.inner if isinstance(each, _There) else each, value)


def _moved(value: Any) -> Any:
    return _There(value) if isinstance(value, Tensor) else value
