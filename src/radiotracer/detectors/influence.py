"""Detectors that read influence on validation examples, or of an example on itself.

A tampered example is an opponent of clean queries: training on it raised their loss. So the
suspicion is minus the influence. (Algorithm 1 of the source flags large positive sums instead,
which with clean queries is the wrong tail; ``Rule(tail="lower")`` gives that rule.)

There is no renormalised self-influence: the cosine of a gradient with itself is 1 for everyone.
"""

from __future__ import annotations

from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.summed import Summed


def _opposition(seen: Observation) -> Tensor:
    assert seen.influence is not None  # noqa: S101
    return -seen.influence


def _renormalised_opposition(seen: Observation) -> Tensor:
    assert seen.renormalised is not None  # noqa: S101
    return -seen.renormalised


def _last_layer_opposition(seen: Observation) -> Tensor:
    assert seen.last_layer is not None and seen.query_sum is not None  # noqa: S101
    return -seen.last_layer.inner_with_sum(seen.query_sum)


def _self_influence(seen: Observation) -> Tensor:
    assert seen.square_norm is not None  # noqa: S101
    return seen.square_norm


def _last_layer_self_influence(seen: Observation) -> Tensor:
    assert seen.last_layer is not None  # noqa: S101
    return seen.last_layer.square_norm()


DETECTORS.register(
    Summed(
        name="tracin-cp",
        summary="minus the influence on the summed validation loss, all layers (TracInCP)",
        suspicion=_opposition,
        needs=frozenset({Need.VALIDATION, Need.DIRECTION}),
    )
)

DETECTORS.register(
    Summed(
        name="gas",
        summary="minus the influence on validation examples by direction, all layers (GAS)",
        suspicion=_renormalised_opposition,
        needs=frozenset({Need.VALIDATION, Need.UNIT_DIRECTION}),
    )
)

DETECTORS.register(
    Summed(
        name="tracin-last-layer",
        summary="minus the influence on the summed validation loss, last layer (TracInCP)",
        suspicion=_last_layer_opposition,
        needs=frozenset({Need.VALIDATION, Need.HEAD}),
    )
)

DETECTORS.register(
    Summed(
        name="self-influence",
        summary="influence of the example on itself, all layers",
        suspicion=_self_influence,
        needs=frozenset({Need.NORM}),
    )
)

DETECTORS.register(
    Summed(
        name="self-influence-last-layer",
        summary="influence of the example on itself, last layer",
        suspicion=_last_layer_self_influence,
        needs=frozenset({Need.HEAD}),
    )
)
