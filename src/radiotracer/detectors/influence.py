"""Detectors that read influence on trusted queries, or of an example on itself.

A tampered example is an opponent of honest queries: training on it raised their loss. So the
suspicion is minus the influence. (Algorithm 1 of the source flags large positive sums instead,
which with honest queries is the wrong tail; ``--tail lower`` gives that rule.)
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace


@dataclass(frozen=True)
class TracInCP:
    """Minus TracInCP summed over the queries, through every traced parameter."""

    name: str = "tracin-cp"
    summary: str = "minus the influence on the queries' summed loss, all layers (TracInCP)"
    needs: frozenset[Need] = frozenset({Need.QUERIES, Need.DIRECTION})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """Minus this checkpoint's influence, shape (n, 1)."""
        assert seen.influence is not None  # noqa: S101
        return -seen.influence.unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum over the checkpoints."""
        return Ranking(trace.train[:, 0])


@dataclass(frozen=True)
class TracInLastLayer:
    """Minus TracInCP summed over the queries, through the last layer alone."""

    name: str = "tracin-last-layer"
    summary: str = "minus the influence on the queries' summed loss, last layer (TracInCP)"
    needs: frozenset[Need] = frozenset({Need.QUERIES, Need.HEAD})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """Minus this checkpoint's influence, shape (n, 1)."""
        assert seen.last_layer is not None and seen.query_sum is not None  # noqa: S101
        return -seen.last_layer.inner_with_sum(seen.query_sum).unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum over the checkpoints."""
        return Ranking(trace.train[:, 0])


@dataclass(frozen=True)
class SelfInfluence:
    """Self-influence through every traced parameter: exact and slow."""

    name: str = "self-influence"
    summary: str = "influence of the example on itself, all layers (exact, slow)"
    needs: frozenset[Need] = frozenset({Need.DENSE})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """This checkpoint's ``eta ||g_i||^2``, shape (n, 1)."""
        assert seen.square_norm is not None  # noqa: S101
        return seen.square_norm.unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum over the checkpoints."""
        return Ranking(trace.train[:, 0])


@dataclass(frozen=True)
class SelfInfluenceLastLayer:
    """Self-influence through the last layer alone."""

    name: str = "self-influence-last-layer"
    summary: str = "influence of the example on itself, last layer"
    needs: frozenset[Need] = frozenset({Need.HEAD})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """This checkpoint's ``eta ||g_i||^2``, shape (n, 1)."""
        assert seen.last_layer is not None  # noqa: S101
        return seen.last_layer.square_norm().unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum over the checkpoints."""
        return Ranking(trace.train[:, 0])
