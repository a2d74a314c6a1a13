"""Before a training is recorded: whether its examples and its network could be traced after it.

A few examples are read again, and passed through a private copy of the network in evaluation mode:
minutes of training are lost otherwise before anybody hears of it. No loss is needed for that, and
nothing of the caller's changes.
"""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiotracer.data import Identity
from radiotracer.data.examples import Examples, reader
from radiotracer.data.identity import label_and_hash
from radiotracer.data.inputs import Inputs, answer, each, named, take
from radiotracer.errors import DataError, InputError, RadiotracerError
from radiotracer.runs.random_state import random_state_kept
from radiotracer.wrappers import private

READ_AGAIN = 16
"""Examples that are read a second time, spread over the data."""

_ANOTHER = 746_291_083

TRIED = 3
"""Examples that are passed through the network."""


def require_traceable(model: nn.Module, data: Any, identity: Identity) -> None:
    """Refuse a training that no scan, and no loss of one's own, could trace later.

    Args:
        model: The network before its training; a copy of it is used, which shares its parameters.
        data: The training examples, as the network is shown them.
        identity: Theirs.

    Raises:
        DataError: Examples that are others whenever they are read, or that make no batch.
        InputError: A network that cannot be copied or does not take the examples, whose outputs are
            no tensors or random, or what it says of an example depends on the others in the batch.
    """
    if isinstance(data, Examples):
        with random_state_kept():
            _draw_others()
            _require_the_same_again(data, identity)
    network = private(model, share=True).eval()
    device = _device_of(network)
    examples = reader(data)
    several, one = (
        each(examples.batch(rows)[0], lambda value: value.to(device))
        for rows in (range(min(TRIED, len(identity))), range(1))
    )
    with _quietly(), random_state_kept(device):
        first, second = _shown(network, several), _shown(network, several)
        try:
            alone = _shown(network, one)
        except InputError as error:
            raise _depends(error.came) from error
    if not _agree(first, second):
        raise InputError(
            expected="a network that gives the same again in evaluation mode",
            came="other outputs the second time",
            do="draw random numbers only where self.training is True (nn.Dropout does)",
        )
    if not _agree(take(first, slice(1)), alone):
        raise _depends("other outputs in another batch, in evaluation mode")


def _depends(came: str) -> InputError:
    return InputError(
        expected="a network whose output for an example does not depend on its batch",
        came=came,
        do="let batch normalisation keep running statistics, and padding be masked or of one "
        "length",
    )


def _require_the_same_again(data: Examples, identity: Identity) -> None:
    seen = 0
    for row, example in data.again(READ_AGAIN):
        name = str(identity.ids[row])
        label, digest = label_and_hash(example, name)
        if digest.hex() != identity.digests[row] or label != identity.labels[row]:
            raise _changing(f"another example {name} the second time")
        seen += 1
    if not seen:
        raise _changing("none the second time")


def _draw_others() -> None:
    """Random numbers other than those with which the examples were read before."""
    random.seed(_ANOTHER)
    np.random.seed(_ANOTHER)  # noqa: NPY002
    torch.default_generator.manual_seed(_ANOTHER)


def _changing(came: str) -> DataError:
    return DataError(
        expected="examples that are the same whenever they are read",
        came=came,
        do="pass the same examples without random transforms as data=; the loader may keep them",
    )


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")
        yield


def _shown(model: nn.Module, inputs: Inputs) -> Inputs:
    try:
        return answer(model, inputs)
    except RadiotracerError:
        raise
    except Exception as error:  # whatever the network's own code raises
        raise InputError(
            expected="a network that takes the examples as they are read",
            came=_line(error),
            do="let the data, or a DataLoader's collate_fn passed as data=, do what the loop does "
            "to a batch, or wrap the network",
        ) from error


def _agree(ours: Inputs, theirs: Inputs) -> bool:
    """Whether outputs differ by rounding alone; where shapes differ (padding), nothing is said."""
    left, right = named(ours), named(theirs)
    return left.keys() == right.keys() and all(
        _close(value, right[name])
        for name, value in left.items()
        if value.shape == right[name].shape
    )


def _close(a: Tensor, b: Tensor) -> bool:
    if not a.is_floating_point():
        return torch.equal(a, b)
    tolerance = (
        torch.finfo(a.dtype).eps ** 0.5 * max(float(a.abs().max()), 1e-30) if a.numel() else 0
    )
    return bool(((a - b).abs() <= tolerance).all() | ~torch.isfinite(a).all())


def _device_of(model: nn.Module) -> torch.device:
    tensors = itertools.chain(model.parameters(), model.buffers())
    return next((each.device for each in tensors), torch.device("cpu"))


def _line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__
