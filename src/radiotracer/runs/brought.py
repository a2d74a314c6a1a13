"""A run made of checkpoints that somebody has: a training that was not recorded.

It holds what such a training leaves behind: weights, how much each checkpoint counts, and which
examples were learned. It has no batch order, so it cannot be replayed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from radiotracer.errors import InputError, RunError
from radiotracer.files import empty_folder
from radiotracer.runs.beginning import begin_run, write_info
from radiotracer.runs.foreign.checkpoints import Found, Given, found_checkpoints, named_as_in
from radiotracer.runs.schema import UNKNOWN, Checkpoint, ModelSpec, OptimizerSpec, RunInfo
from radiotracer.runs.weights import digest_of, save_weights, weights_of
from radiotracer.wrappers import named_parameters, plain, unwrapped


def bring_run(
    checkpoints: Given | Sequence[Given],
    learning_rates: Sequence[float] | None,
    data: Any,
    out: Path,
    *,
    model: nn.Module | None,
    model_spec: ModelSpec | None,
    overwrite: bool,
) -> None:
    """Write a run folder; arguments and errors are those of `Run.from_checkpoints`."""
    found = found_checkpoints(checkpoints)
    steps = _steps(found)
    rates = _rates(found, steps, learning_rates)
    base = None if model is None else weights_of(model)
    spec = ModelSpec(name=UNKNOWN) if model is None else ModelSpec.of_class(unwrapped(model))
    first = named_as_in(found[0].read(), base or ())
    if model is not None:
        _require_this_network(first, model, found[0].name)
    info = begin_run(
        out,
        model_spec or spec,
        # Of adapters the rest is the network's own.
        base if base is not None and base.keys() - first.keys() else None,
        OptimizerSpec(name=UNKNOWN, groups=((),)),
        data,
        trial=model,
        seed=None,
        settings={},
        overwrite=overwrite,
    )
    try:
        # The first is at hand already; of the others one at a time is.
        others = (named_as_in(each.read(), base or ()) for each in found[1:])
        states = itertools.chain([first], others)
        _write(out, info, zip(found, steps, rates, states, strict=True), base)
    except BaseException:
        empty_folder(out)
        raise


def _steps(found: Sequence[Found]) -> list[int]:
    """After how many optimiser steps each was written; their numbers where nobody knows."""
    if not any(each.state for each in found):
        return list(range(1, len(found) + 1))
    known = [each.state.step if each.state else 0 for each in found]
    for (one, before), (two, after) in itertools.pairwise(zip(found, known, strict=True)):
        if not 0 < before < after:
            raise RunError(
                expected="checkpoints in the order of training, each with its trainer_state.json",
                came=f"step {before} of {one.name} before step {after} of {two.name}",
                do="pass them in the order of their steps, of one training",
            )
    return known


def _rates(
    found: Sequence[Found], steps: Sequence[int], given: Sequence[float] | None
) -> list[float]:
    """How much each counts: as given, else the sum of the rates of the steps that led to it."""
    if given is not None:
        rates = [float(each) for each in given]
        if len(rates) != len(found) or not all(math.isfinite(each) for each in rates):
            raise InputError(
                expected=f"a finite learning rate for each of {len(found)} checkpoints",
                came=f"{len(rates)}: {', '.join(f'{each:g}' for each in rates[:6])}",
                do="pass learning_rates= in the order of the checkpoints",
            )
        return rates
    if len(found) == 1:
        return [1.0]  # nothing to weigh it against
    sums = [
        None if each.state is None else each.state.summed(before)
        for each, before in zip(found, [0, *steps], strict=False)
    ]
    missing = [each.name for each, rate in zip(found, sums, strict=True) if rate is None]
    if missing:
        raise InputError(
            expected=f"learning rates of {len(found)} checkpoints, which say how much each counts",
            came=f"none for {missing[0]}",
            do="pass learning_rates=, for each the sum over the steps that led to it, or, where "
            "these are as many, the rate",
        )
    return [float(rate or 0.0) for rate in sums]


def _write(
    out: Path,
    info: RunInfo,
    weighed: Iterable[tuple[Found, int, float, Mapping[str, Tensor]]],
    base: Mapping[str, Tensor] | None,
) -> None:
    kinds: dict[str, tuple[Any, ...]] = {}
    digests: list[dict[str, bytes]] = []
    kept: list[Checkpoint] = []
    name_of_first = ""
    for each, step, rate, read in weighed:
        name_of_first = name_of_first or each.name
        state = {name: tensor.contiguous().clone() for name, tensor in read.items()}
        own = {name: (tuple(it.shape), it.dtype) for name, it in state.items()}
        kinds = kinds or own
        _require_one_network(kinds, own, name_of_first, each.name)
        digests.append(
            {name: digest_of(it) for name, it in state.items() if it.is_floating_point()}
        )
        file = f"checkpoints/{step:08d}.safetensors"
        kept.append(
            Checkpoint(
                file=file,
                sha256=save_weights(state, out / file),
                whole=base is None or own.keys() == base.keys(),
                step=step,
                epoch=each.state.epoch if each.state else 0,
                learning_rates=(rate,),
                rate_sums=(rate,),
            )
        )
    trained = tuple(_changed(digests))
    if not trained:
        raise RunError(
            expected="checkpoints between which something was trained",
            came=f"{len(kept)} with the same weights",
            do="pass checkpoints of different steps",
        )
    spec = info.optimizer.model_copy(update={"groups": (trained,)})
    write_info(
        out,
        info.model_copy(
            update={"status": "complete", "checkpoints": tuple(kept), "optimizer": spec}
        ),
    )


def _changed(digests: Sequence[Mapping[str, bytes]]) -> list[str]:
    """Tensors that are not the same at all checkpoints; of a single one all."""
    first = digests[0]
    if len(digests) == 1:
        return list(first)
    return [name for name in first if any(each[name] != first[name] for each in digests)]


def _require_one_network(
    first: Mapping[str, Any], other: Mapping[str, Any], one: str, two: str
) -> None:
    for name in sorted(first.keys() | other.keys()):
        if first.get(name) != other.get(name):
            raise RunError(
                expected=f"checkpoints of one network, with {name} as in {one}: "
                f"{_told(first.get(name))}",
                came=f"{_told(other.get(name))} in {two}",
                do="pass checkpoints of one training",
            )


def _require_this_network(state: Collection[str], model: nn.Module, name: str) -> None:
    """Whether all tensors are of the network, and none is missing but what is frozen in it."""
    own = {plain(each) for each in unwrapped(model).state_dict()}
    trained = {each for each, parameter in named_parameters(model) if parameter.requires_grad}
    unknown, missing = sorted(set(state) - own), sorted(trained - set(state))
    if unknown or missing:
        raise RunError(
            expected=f"the weights of this network in {name}",
            came=f"{unknown[0]}, which it does not have" if unknown else f"no {missing[0]}",
            do="pass the network that was trained",
        )


def _told(kind: tuple[Any, ...] | None) -> str:
    return "none" if kind is None else f"{kind[1]} of shape {kind[0]}".removeprefix("torch.")
