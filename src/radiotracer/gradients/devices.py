"""Where the work is done: where the caller's network is, as torch has it."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from radiotracer.errors import InputError

AUTO = "auto"
"""The name of the accelerator, where there is one, and of the CPU elsewhere."""


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are, or its buffers; the CPU if it has neither."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((each.device for each in tensors), torch.device("cpu"))


def device_named(name: str) -> torch.device:
    """A device of this machine.

    Args:
        name: As torch has it (``"cpu"``, ``"cuda:1"``), or ``"auto"``.

    Returns:
        The device, with its number only if the name has one.

    Raises:
        InputError: There is no such device here; the text names those which are.
    """
    there = available_devices()
    if name == AUTO:
        return torch.device(there[-1].partition(":")[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or name not in {*there, device.type} or not _is_kind(device.type, there):
        raise InputError(
            expected=f"a device that is here ({', '.join([AUTO, *there])})",
            came=repr(name),
            do=f"choose one of them, or leave it out for {AUTO}",
        )
    return device


def available_devices() -> list[str]:
    """The devices of this machine by name, the CPU first."""
    kind = torch.accelerator.current_accelerator(check_available=True)
    if kind is None:
        return ["cpu"]
    return ["cpu", *(f"{kind.type}:{number}" for number in range(torch.accelerator.device_count()))]


def _is_kind(kind: str, there: list[str]) -> bool:
    return kind in {each.partition(":")[0] for each in there}
